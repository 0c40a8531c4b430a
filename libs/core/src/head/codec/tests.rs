//! Encoding and decoding are inverse, and nothing but an encoding decodes.

use proptest::prelude::*;

use super::*;
use crate::head::properties::any_head;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a small number")
}

fn head() -> Head {
    let entry = |number, deleted_at| Entry {
        number: Version::new(number).expect("not zero"),
        created_at: at(5),
        deleted_at,
        tag: RecordTag([0xaa; 16]),
    };
    Head {
        path: "a/b".parse().expect("valid"),
        incarnation: Incarnation([0x11; 16]),
        revision: Revision(7),
        next: Version::new(4).expect("not zero"),
        created_at: at(-1),
        updated_at: Timestamp::new(6, 7).expect("small"),
        max_versions: 10,
        versions: vec![entry(1, Some(at(9))), entry(3, None)],
    }
}

/// Changes one field of a valid head's bytes.
fn edited(offset: usize, field: &[u8]) -> Result<Head, BadHead> {
    let mut bytes = head().encode();
    bytes[offset..offset + field.len()].copy_from_slice(field);
    Head::decode(&bytes)
}

#[test]
fn the_bytes_are_pinned() {
    let expected = [
        "01",
        "0003612f62",
        "11111111111111111111111111111111",
        "0000000000000007",
        "0000000000000004",
        "ffffffffffffffff00000000",
        "000000000000000600000007",
        "0000000a",
        "00000002",
        "0000000000000001000000000000000500000000",
        "01000000000000000900000000",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "0000000000000003000000000000000500000000",
        "00",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];
    assert_eq!(hex::encode(head().encode()), expected.concat());
}

#[test]
fn an_impossible_field_is_named() {
    const REVISION: usize = 22;
    const NEXT: usize = 30;
    const CREATED_NANOS: usize = 46;
    const MAX_VERSIONS: usize = 62;
    const FIRST_VERSION: usize = 70;
    const FIRST_DELETED: usize = 90;
    let field = |name| Err(BadHead::Field(name));

    assert_eq!(edited(0, &[2]), Err(BadHead::Format(2)));
    assert_eq!(edited(3, b" "), field("path"));
    assert_eq!(edited(REVISION, &[0; 8]), field("revision"));
    assert_eq!(edited(NEXT, &[0; 8]), field("next version"));
    assert_eq!(edited(NEXT, &3u64.to_be_bytes()), field("order of versions"));
    assert_eq!(edited(CREATED_NANOS, &1_000_000_000u32.to_be_bytes()), field("time"));
    assert_eq!(edited(MAX_VERSIONS, &1u32.to_be_bytes()), field("number of versions"));
    assert_eq!(edited(MAX_VERSIONS, &0u32.to_be_bytes()), field("number of versions"));
    assert_eq!(edited(MAX_VERSIONS, &1001u32.to_be_bytes()), field("number of versions"));
    assert_eq!(edited(FIRST_VERSION, &[0; 8]), field("version"));
    assert_eq!(edited(FIRST_VERSION, &3u64.to_be_bytes()), field("order of versions"));
    assert_eq!(edited(FIRST_DELETED, &[2]), field("mark of deletion"));
}

#[test]
fn a_head_that_claims_four_billion_versions_costs_nothing() {
    assert_eq!(edited(66, &[0xff; 4]), Err(BadHead::Truncated));
}

proptest! {
    #[test]
    fn every_head_comes_back(head in any_head()) {
        prop_assert_eq!(Head::decode(&head.encode()), Ok(head));
    }

    #[test]
    fn every_prefix_is_truncated_and_every_addition_trails(head in any_head(), cut in any::<prop::sample::Index>()) {
        let mut bytes = head.encode();
        let cut = cut.index(bytes.len());
        prop_assert_eq!(Head::decode(&bytes[..cut]), Err(BadHead::Truncated));
        bytes.push(0);
        prop_assert_eq!(Head::decode(&bytes), Err(BadHead::Trailing(1)));
    }

    #[test]
    fn what_decodes_from_damaged_bytes_is_their_only_head(
        head in any_head(),
        place in any::<prop::sample::Index>(),
        bit in 0u32..8,
    ) {
        let mut bytes = head.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(other) = Head::decode(&bytes) {
            prop_assert_ne!(&other, &head);
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(head) = Head::decode(&bytes) {
            prop_assert_eq!(head.encode(), bytes);
        }
    }
}
