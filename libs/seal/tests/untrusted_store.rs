//! Promise P10, as far as keys go: what a store edits, swaps, moves or brings back doesn't open.

mod support;

use jiff::Timestamp;
use spike_core::{
    Head, Incarnation, Revision, SecretPath, Version,
    head::{NewVersion, RecordTag},
};
use spike_seal::{
    Claim, DocumentAt, DocumentPurpose, HashPurpose, HeadBytes, HeadMac, RecordAt, RingDocument,
    SealError,
};
use support::{at, cluster, quorum, rng};

fn path(raw: &str) -> SecretPath {
    raw.parse().expect("valid")
}

/// Every text that differs in one bit.
fn edits(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut edited = bytes.to_vec();
        *edited.get_mut(bit / 8).expect("within the text") ^= 1 << (bit % 8);
        edited
    })
}

#[test]
fn every_bit_of_a_record_is_missed() {
    let (ours, path) = (cluster(1, quorum(2, 3)), path("a/b"));
    let sealed = ours.keys.seal_record(&mut rng(2), at(&path), b"swordfish").expect("it seals");
    for edited in edits(&sealed.bytes) {
        assert!(ours.keys.open_record(at(&path), sealed.tag, &edited).is_err());
    }
    for edited in edits(&sealed.tag.0) {
        let tag = RecordTag(edited.try_into().expect("as long"));
        let opened = ours.keys.open_record(at(&path), tag, &sealed.bytes);
        assert_eq!(opened, Err(SealError::Forged("record")));
    }
    for length in 0..sealed.bytes.len() {
        assert!(ours.keys.open_record(at(&path), sealed.tag, &sealed.bytes[..length]).is_err());
    }
}

#[test]
fn a_record_opens_only_where_it_was_sealed() {
    let (ours, theirs) = (cluster(1, quorum(2, 3)), cluster(2, quorum(2, 3)));
    let (here, elsewhere) = (path("a/b"), path("a/c"));
    let sealed = ours.keys.seal_record(&mut rng(2), at(&here), b"swordfish").expect("it seals");
    let open = |at: RecordAt<'_>| ours.keys.open_record(at, sealed.tag, &sealed.bytes);
    assert_eq!(open(at(&here)).expect("its own place").as_slice(), b"swordfish");
    for other in [
        at(&elsewhere),
        RecordAt { incarnation: Incarnation([4; 16]), ..at(&here) },
        RecordAt { version: Version::FIRST.next(), ..at(&here) },
    ] {
        assert_eq!(open(other), Err(SealError::Forged("record")), "{other:?}");
    }
    let foreign = theirs.keys.open_record(at(&here), sealed.tag, &sealed.bytes);
    assert_eq!(foreign, Err(SealError::Forged("record")));
}

#[test]
fn an_older_record_of_the_same_place_is_refused() {
    let (ours, path, mut rng) = (cluster(1, quorum(2, 3)), path("a/b"), rng(2));
    let old = ours.keys.seal_record(&mut rng, at(&path), b"old").expect("it seals");
    let new = ours.keys.seal_record(&mut rng, at(&path), b"new").expect("it seals");
    assert!(ours.keys.open_record(at(&path), old.tag, &old.bytes).is_ok());
    let replayed = ours.keys.open_record(at(&path), new.tag, &old.bytes);
    assert_eq!(replayed, Err(SealError::Forged("record")));
}

#[test]
fn a_text_sealed_twice_looks_different() {
    let (ours, path, mut rng) = (cluster(1, quorum(2, 3)), path("a/b"), rng(2));
    let one = ours.keys.seal_record(&mut rng, at(&path), b"same").expect("it seals");
    let two = ours.keys.seal_record(&mut rng, at(&path), b"same").expect("it seals");
    assert_ne!(one.bytes, two.bytes);
    assert_ne!(one.tag, two.tag);
}

#[test]
fn a_document_opens_only_where_it_was_sealed_and_unedited() {
    let ours = cluster(1, quorum(2, 3));
    let here = DocumentAt {
        purpose: DocumentPurpose::Policy,
        name: "db-read",
        revision: Revision(4),
        tag: [5; 16],
    };
    let sealed = ours.keys.seal_document(&mut rng(2), here, b"allow").expect("it seals");
    assert!(ours.keys.open_document(here, &sealed).is_ok());
    for elsewhere in [
        DocumentAt { purpose: DocumentPurpose::Manifest, ..here },
        DocumentAt { name: "db-write", ..here },
        DocumentAt { revision: Revision(5), ..here },
        DocumentAt { tag: [6; 16], ..here },
    ] {
        let opened = ours.keys.open_document(elsewhere, &sealed);
        assert!(matches!(opened, Err(SealError::Forged(_))), "{elsewhere:?}");
    }
    assert!(edits(&sealed).all(|edited| ours.keys.open_document(here, &edited).is_err()));
}

fn head() -> Head {
    let (path, fresh) = (path("a/b"), Incarnation([3; 16]));
    let now = Timestamp::UNIX_EPOCH;
    NewVersion::of(&path, None, fresh, 10, now).sealed(RecordTag([7; 16])).head
}

fn row<'a>(head: &'a Head, sealed: &'a HeadMac) -> HeadBytes<'a> {
    HeadBytes {
        path: &head.path,
        revision: head.revision,
        current: head.current(),
        bytes: &sealed.bytes,
        key: sealed.key,
        mac: &sealed.mac,
    }
}

#[test]
fn every_bit_of_a_head_and_of_its_mac_is_missed() {
    let (ours, head) = (cluster(1, quorum(2, 3)), head());
    let sealed = ours.keys.seal_head(&head);
    assert_eq!(ours.keys.open_head(row(&head, &sealed)), Ok(head.clone()));
    for bytes in edits(&sealed.bytes) {
        let edited = HeadBytes { bytes: &bytes, ..row(&head, &sealed) };
        assert_eq!(ours.keys.open_head(edited), Err(SealError::Forged("head")));
    }
    for mac in edits(&sealed.mac) {
        let mac = &mac.try_into().expect("as long");
        let edited = HeadBytes { mac, ..row(&head, &sealed) };
        assert_eq!(ours.keys.open_head(edited), Err(SealError::Forged("head")));
    }
}

#[test]
fn a_heads_columns_must_be_what_its_bytes_say() {
    let (ours, head) = (cluster(1, quorum(2, 3)), head());
    let (sealed, elsewhere) = (ours.keys.seal_head(&head), path("a/c"));
    let row = row(&head, &sealed);
    for (edited, what) in [
        (HeadBytes { path: &elsewhere, ..row }, "path"),
        (HeadBytes { revision: Revision(2), ..row }, "revision"),
        (HeadBytes { current: None, ..row }, "current version"),
        (HeadBytes { current: Version::new(2), ..row }, "current version"),
    ] {
        assert_eq!(ours.keys.open_head(edited), Err(SealError::Contradiction(what)));
    }
    let unknown = HeadBytes { key: 9, ..row };
    assert_eq!(
        ours.keys.open_head(unknown),
        Err(SealError::UnknownKey { purpose: "index", id: 9 })
    );
}

#[test]
fn a_key_is_never_used_for_another_purpose() {
    let (ours, path) = (cluster(1, quorum(2, 3)), path("a/b"));
    let mut sealed = ours.keys.seal_record(&mut rng(2), at(&path), b"x").expect("it seals");
    let [_, id @ .., _] = &mut sealed.bytes[..6] else { panic!("a header") };
    id.copy_from_slice(&2u32.to_be_bytes());
    assert_eq!(
        ours.keys.open_record(at(&path), sealed.tag, &sealed.bytes),
        Err(SealError::UnknownKey { purpose: "record", id: 2 })
    );
}

#[test]
fn every_bit_of_the_ring_is_missed() {
    let ours = cluster(1, quorum(2, 3));
    let ring = ours.ring.with_next_escrow(&ours.root, quorum(2, 3), Vec::new());
    let bytes = RingDocument::Active(Box::new(ring)).encode();
    for edited in edits(&bytes) {
        if let Ok(RingDocument::Active(ring)) = RingDocument::decode(&edited) {
            assert!(ring.open(&ours.root).is_err(), "{}", String::from_utf8_lossy(&edited));
        }
    }
}

#[test]
fn a_ring_is_written_in_one_way_only() {
    let ours = cluster(1, quorum(2, 3));
    let bytes = RingDocument::Active(Box::new(ours.ring)).encode();
    let text = String::from_utf8(bytes).expect("JSON");
    for other in [
        text.replacen(',', ", ", 1),
        text.replacen('{', "{\"extra\":1,", 1),
        text.replacen("\"rootEpoch\":1", "\"rootEpoch\":1,\"rootEpoch\":1", 1),
        format!("{text}\n"),
        text.to_uppercase(),
    ] {
        let decoded = RingDocument::decode(other.as_bytes());
        assert!(matches!(decoded, Err(SealError::RingMalformed(_))), "{other}");
    }
    let newer = text.replacen("\"minReader\":1", "\"minReader\":2", 1);
    assert_eq!(
        RingDocument::decode(newer.as_bytes()),
        Err(SealError::RingTooNew { needs: 2, has: 1 })
    );
}

#[test]
fn a_ring_that_claims_the_impossible_is_malformed() {
    let ours = cluster(1, quorum(2, 3));
    let digest = ours.ring.current().digests.first().expect("three").to_string();
    let text = RingDocument::Active(Box::new(ours.ring)).encode();
    let text = String::from_utf8(text).expect("JSON");
    for (from, to) in [
        ("\"shares\":3", "\"shares\":300"),
        ("\"threshold\":2", "\"threshold\":4"),
        ("\"threshold\":2", "\"threshold\":0"),
        ("\"epoch\":1", "\"epoch\":0"),
        ("\"id\":2", "\"id\":1"),
        ("\"purpose\":\"audit\"", "\"purpose\":\"other\""),
        (&format!("\"{digest}\","), ""),
    ] {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text, "{from}");
        let decoded = RingDocument::decode(edited.as_bytes());
        assert!(matches!(decoded, Err(SealError::RingMalformed(_))), "{from} -> {to}");
    }
}

#[test]
fn a_claim_goes_on_under_the_same_cluster() {
    let first = Claim::first(spike_core::ClusterId([9; 16]), None, quorum(2, 3), 1);
    let again = first.again(quorum(3, 5), 2);
    assert_eq!((again.attempt, again.revision, again.cluster), (2, Revision(2), first.cluster));
    let document = RingDocument::Claimed(again.clone());
    assert_eq!(RingDocument::decode(&document.encode()), Ok(RingDocument::Claimed(again)));
}

#[test]
fn hashes_of_different_purposes_and_parts_never_meet() {
    let ours = cluster(1, quorum(2, 3));
    let hash = |purpose, parts: &[&[u8]]| ours.keys.keyed_hash(purpose, parts);
    let base = hash(HashPurpose::Caller, &[b"ab", b"c"]);
    assert_ne!(base, hash(HashPurpose::WriteScope, &[b"ab", b"c"]));
    assert_ne!(base, hash(HashPurpose::Caller, &[b"a", b"bc"]));
    assert_ne!(base, hash(HashPurpose::Caller, &[b"abc"]));
    assert_ne!(base, cluster(2, quorum(2, 3)).keys.keyed_hash(HashPurpose::Caller, &[b"ab", b"c"]));
}

#[test]
fn every_bit_of_a_callers_ciphertext_is_missed() {
    let ours = cluster(1, quorum(2, 3));
    let sealed = ours.keys.encrypt(&mut rng(2), b"swordfish").expect("it encrypts");
    for edited in edits(&sealed.ciphertext) {
        let opened = ours.keys.decrypt(1, &sealed.nonce, &edited);
        assert_eq!(opened, Err(SealError::Undecryptable));
    }
    for edited in edits(&sealed.nonce) {
        let opened = ours.keys.decrypt(1, &edited, &sealed.ciphertext);
        assert_eq!(opened, Err(SealError::Undecryptable));
    }
    for (version, nonce, text, why) in [
        (0, &sealed.nonce[..], &sealed.ciphertext[..], SealError::CipherVersion(0)),
        (1, &sealed.nonce[1..], &sealed.ciphertext[..], SealError::Undecryptable),
        (1, &[], &[], SealError::Undecryptable),
        (1, &sealed.nonce[..], &sealed.ciphertext[..15], SealError::Undecryptable),
    ] {
        assert_eq!(ours.keys.decrypt(version, nonce, text), Err(why));
    }
}
