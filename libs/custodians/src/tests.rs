//! Custodians, right and wrong, and what they are sent.

use age::secrecy::ExposeSecret;
use spike_core::ShareIndex;

use super::*;

/// Of age's own tests.
const TAG: &str = "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e";

fn custodian() -> (x25519::Identity, String) {
    let secret = x25519::Identity::generate();
    let public = secret.to_public().to_string();
    (secret, public)
}

fn shard() -> Shard {
    Shard::received(ShareIndex::new(2).expect("not zero"), &[0xab; 32])
}

#[test]
fn a_custodian_reads_the_line_that_restore_takes_and_nobody_else_does() {
    let ((secret, public), (other, _)) = (custodian(), custodian());
    let recipient: Recipient = public.parse().expect("a public key");
    let file = recipient.encrypt(&shard()).expect("encrypted");
    assert!(file.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{file}");
    assert!(file.ends_with("-----END AGE ENCRYPTED FILE-----\n"), "{file}");
    let text = age::decrypt(&secret, file.as_bytes()).expect("its own");
    assert_eq!(String::from_utf8_lossy(&text), format!("spike:2:{}\n", "ab".repeat(32)));
    assert!(age::decrypt(&other, file.as_bytes()).is_err());
    assert_ne!(file, recipient.encrypt(&shard()).expect("encrypted"), "another each time");
}

#[test]
fn a_hardware_key_gets_a_file_of_its_own_kind() {
    let recipient: Recipient = TAG.parse().expect("a public key");
    assert_eq!(recipient.to_string(), TAG);
    let armored = recipient.encrypt(&shard()).expect("encrypted");
    let mut header = Vec::new();
    let mut reader = age::armor::ArmoredReader::new(armored.as_bytes());
    std::io::Read::read_to_end(&mut reader, &mut header).expect("armored");
    let header = String::from_utf8_lossy(&header).into_owned();
    assert!(header.starts_with("age-encryption.org/v1\n-> p256tag "), "{header}");
}

#[test]
fn what_is_no_public_key_is_named_and_never_repeated() {
    let (secret, public) = custodian();
    let secret = secret.to_string();
    let typo = format!("{}q", &public[..public.len() - 1]);
    let typo = if typo == public { format!("{}p", &public[..public.len() - 1]) } else { typo };
    for (text, why) in [
        (secret.expose_secret(), NotARecipient::Secret),
        (typo.as_str(), NotARecipient::Damaged),
        (&public[..20], NotARecipient::Damaged),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", NotARecipient::Ssh),
        (
            "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
            NotARecipient::Plugin,
        ),
        ("alice", NotARecipient::Unknown),
        ("", NotARecipient::Unknown),
    ] {
        let refused = text.parse::<Recipient>().expect_err(text);
        assert_eq!(refused, why, "{text}");
        assert!(text.is_empty() || !refused.to_string().contains(text));
    }
}

/// An X25519 public key as age writes one, whatever its bytes.
fn of_point(point: [u8; 32]) -> String {
    let age = bech32::Hrp::parse("age").expect("a prefix");
    bech32::encode::<bech32::Bech32>(age, &point).expect("short")
}

fn point(digits: &str) -> [u8; 32] {
    let mut point = [0; 32];
    hex::decode_to_slice(digits, &mut point).expect("64 digits");
    point
}

/// The age library panics when it encrypts to the first five, and makes a file of the last one that
/// its owner can't open.
#[test]
fn a_public_key_that_is_nobodys_is_refused_before_anything_is_encrypted_to_it() {
    let (_, public) = custodian();
    let (_, own) = bech32::decode(&public).expect("age's own");
    let own: [u8; 32] = own.try_into().expect("a point");
    assert_eq!(of_point(own), public);
    let low = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let mut twin = own;
    twin[31] |= 0x80;
    for nobodys in low.into_iter().map(point).chain([twin]) {
        let text = of_point(nobodys);
        assert!(text.parse::<x25519::Recipient>().is_ok(), "age takes {text}");
        assert_eq!(text.parse::<Recipient>().expect_err(&text), NotARecipient::Nobody);
    }
}

#[test]
fn every_bad_entry_of_a_list_is_named_by_its_place() {
    let (one, two) = (custodian().1, custodian().1);
    let again = one.to_uppercase();
    let list = format!("# custodians\n{one}, x\n\n {two}\n{again},");
    let problems = Recipients::parse(entries(&list), 2).expect_err("two mistakes");
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "recipient 2: it is no age public key, age1…",
            "recipients 1 and 4 are the same: each shard has its own custodian",
        ]
    );
}

#[test]
fn there_are_at_least_as_many_custodians_as_the_threshold_and_no_more_than_indices() {
    let keys: Vec<_> = (0..256).map(|_| custodian().1).collect();
    let parse = |count: usize, threshold| {
        Recipients::parse(keys[..count].iter().map(String::as_str), threshold)
    };
    assert_eq!(
        parse(2, 3).expect_err("one is missing"),
        [BadRecipients::TooFew { have: 2, need: 3 }]
    );
    assert_eq!(parse(3, 3).expect("just enough").count(), 3);
    assert_eq!(parse(255, 2).expect("all there can be").texts(), keys[..255]);
    assert_eq!(parse(256, 2).expect_err("one too many"), [BadRecipients::TooMany(256)]);
}
