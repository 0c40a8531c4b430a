//! Shards in files of every kind, and what is said of those that can't be read.

use std::{fs, path::Path};

use age::{secrecy::ExposeSecret, x25519};

use super::*;
use crate::error::Exit;

/// A folder with a custodian's key, `bob.key`, and shard 2, `2.age`, for its owner.
fn folder() -> (tempfile::TempDir, x25519::Identity) {
    let folder = tempfile::tempdir().expect("a folder");
    let bob = x25519::Identity::generate();
    write(&folder.path().join("bob.key"), &key(&bob));
    write(&folder.path().join("2.age"), &encrypted(&bob, &text(2)));
    (folder, bob)
}

fn key(secret: &x25519::Identity) -> String {
    let public = secret.to_public();
    format!("# created: now\n# public key: {public}\n{}\n", secret.to_string().expose_secret())
}

fn text(index: u8) -> String {
    format!("spike:{index}:{}\n", format!("{index:02x}").repeat(32))
}

fn encrypted(to: &x25519::Identity, text: &str) -> String {
    age::encrypt_and_armor(&to.to_public(), text.as_bytes()).expect("encrypted")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}

fn at_hand(folder: &Path, files: &[&str], identities: &[&str]) -> AtHand {
    let paths = |names: &[&str]| names.iter().map(|name| folder.join(name)).collect();
    AtHand { files: paths(files), identity: paths(identities) }
}

fn told(at_hand: &AtHand) -> (Exit, String) {
    match at_hand.read() {
        Err(CliError::Told { exit, what, next }) => (exit, format!("{what}\n{next}")),
        other => panic!("refused, not {other:?}"),
    }
}

#[test]
fn standard_input_has_one_shard_per_line() {
    let (one, two) = ("01".repeat(32), "02".repeat(32));
    let text = format!("spike:1:{one}\r\n\n spike:2:{two}");
    let shards = lines(text.as_bytes()).expect("two shards");
    let indices: Vec<_> = shards.iter().map(|found| found.shard.index.get()).collect();
    assert_eq!(indices, [1, 2]);
}

#[test]
fn a_bad_shard_is_not_repeated_in_the_error() {
    let error = lines(b"\n\nspike:1:5ec2e7").err().expect("too short");
    assert!(!format!("{error:?}").contains("5ec2e7"), "{error:?}");
    assert!(error.to_string().starts_with("line 3 of standard input: "), "{error}");
}

#[test]
fn a_file_that_holds_no_shard_or_one_that_is_there_already_is_named() {
    let (temp, _) = folder();
    write(&temp.path().join("1.txt"), &text(1));
    write(&temp.path().join("copy.txt"), &text(1));
    write(&temp.path().join("empty.txt"), "");
    let (_, said) = told(&at_hand(temp.path(), &["1.txt", "empty.txt"], &[]));
    assert!(said.contains("/empty.txt: a recovery shard has the form"), "{said}");
    let (_, said) = told(&at_hand(temp.path(), &["1.txt", "copy.txt"], &[]));
    assert!(said.contains("/1.txt and ") && said.contains("/copy.txt"), "{said}");
}

#[test]
fn plain_and_encrypted_files_are_taken_together_and_any_key_may_open_any_file() {
    let (temp, bob) = folder();
    let alice = x25519::Identity::generate();
    write(&temp.path().join("alice.key"), &key(&alice));
    write(&temp.path().join("1.age"), &encrypted(&alice, &text(1)));
    let binary = age::encrypt(&bob.to_public(), text(4).as_bytes()).expect("encrypted");
    fs::write(temp.path().join("4.age"), binary).expect("written");
    write(&temp.path().join("3.txt"), &text(3));
    let files = ["3.txt", "2.age", "1.age", "4.age"];
    let shards = at_hand(temp.path(), &files, &["alice.key", "bob.key"]).read().expect("all");
    let indices: Vec<_> = shards.iter().map(|shard| shard.index.get()).collect();
    assert_eq!(indices, [3, 2, 1, 4]);
    assert_eq!(shards[1].bytes.as_array(), &[2; 32]);
}

#[test]
fn an_encrypted_shard_without_its_key_says_what_is_missing() {
    let (temp, _) = folder();
    let (exit, said) = told(&at_hand(temp.path(), &["2.age"], &[]));
    assert_eq!(exit, Exit::Usage);
    assert!(said.contains("2.age is encrypted") && said.contains("--identity FILE"), "{said}");

    let stranger = x25519::Identity::generate();
    write(&temp.path().join("stranger.key"), &key(&stranger));
    let (exit, said) = told(&at_hand(temp.path(), &["2.age"], &["stranger.key"]));
    assert_eq!(exit, Exit::Other);
    assert!(said.contains("cannot decrypt") && said.contains("whom this shard is for"), "{said}");
}

#[test]
fn what_is_no_identity_is_named_and_not_repeated() {
    let (temp, bob) = folder();
    write(&temp.path().join("odd.key"), "AGE-PLUGIN-YUBIKEY-1SECRET\n");
    let (_, said) = told(&at_hand(temp.path(), &["2.age"], &["odd.key"]));
    assert!(said.contains("odd.key holds no age identities"), "{said}");
    assert!(said.contains("age -d -i") && !said.contains("YUBIKEY-1SECRET"), "{said}");
    write(&temp.path().join("locked.key"), &encrypted(&bob, &key(&bob)));
    let (_, said) = told(&at_hand(temp.path(), &["2.age"], &["locked.key"]));
    assert!(said.contains("is itself encrypted") && said.contains("age -d -i"), "{said}");
}

#[test]
fn a_damaged_or_foreign_age_file_is_no_shard() {
    let (temp, bob) = folder();
    let whole = fs::read_to_string(temp.path().join("2.age")).expect("there");
    let middle = whole.len() / 2;
    let flipped = if whole.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let damaged = format!("{}{flipped}{}", &whole[..middle], &whole[middle + 1..]);
    write(&temp.path().join("2.age"), &damaged);
    write(&temp.path().join("poem.age"), &encrypted(&bob, "a poem"));
    let (_, said) = told(&at_hand(temp.path(), &["2.age"], &["bob.key"]));
    assert!(said.contains("cannot decrypt"), "{said}");
    let (exit, said) = told(&at_hand(temp.path(), &["poem.age"], &["bob.key"]));
    assert!(said.contains("spike:<index>:") && !said.contains("a poem"), "{said}");
    assert_eq!(exit, Exit::Usage);
}
