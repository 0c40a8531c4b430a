//! Known answers, worked out by `vectors/generate.py` without this crate or its dependencies.
//!
//! They pin every derivation: a changed dependency that deals other shards or derives another key
//! would otherwise show only when a cluster no longer opens.

#![expect(clippy::indexing_slicing, reason = "a field that is missing fails the test")]

mod support;

use serde_json::Value;
use spike_core::{
    ClusterId, Head, Incarnation, Quorum, Revision, SecretPath, ShareIndex, Version,
    head::RecordTag,
};
use spike_seal::{
    Claim, DocumentAt, DocumentPurpose, EscrowSplit, HashPurpose, HeadBytes, KeyRing, RecordAt,
    RingDocument, RingKeys, RootKey, Shard, Split,
};
use support::Fixed;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/vectors.json")).expect("generated JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("text")).expect("hex")
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().expect("the right length")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn root(value: &Value) -> RootKey {
    RootKey::generate(&mut Fixed::new(bytes(value)))
}

fn hexes(shards: &[Shard]) -> Vec<String> {
    shards.iter().map(|shard| hex::encode(shard.expose())).collect()
}

#[test]
fn splits_give_the_written_set_ids_shards_and_digests() {
    let vectors = vectors();
    let splits = vectors["splits"].as_array().expect("a list");
    assert!(splits.len() >= 6);
    for v in splits {
        let quorum = Quorum::new(number(&v["shares"]), number(&v["threshold"])).expect("valid");
        let cluster = ClusterId(array(&v["cluster"]));
        let [epoch, attempt] =
            [&v["epoch"], &v["attempt"]].map(|n| u32::try_from(number(n)).expect("small"));
        let split = Split { cluster, epoch, attempt, quorum };
        let escrow = EscrowSplit { cluster, root_epoch: epoch, set: attempt, quorum };
        let root = root(&v["root"]);

        assert_eq!(split.set_id(&root).to_string(), v["setId"].as_str().expect("text"));
        let shards = split.deal(&root);
        assert_eq!(Value::from(hexes(&shards)), v["shards"]);
        let digests: Vec<_> =
            shards.iter().map(|s| split.digest(s.index(), s.expose()).to_string()).collect();
        assert_eq!(Value::from(digests), v["digests"]);

        let recovery = escrow.deal(&root);
        assert_eq!(Value::from(hexes(&recovery)), v["escrowShards"]);
        let digests: Vec<_> =
            recovery.iter().map(|s| escrow.digest(s.index(), s.expose()).to_string()).collect();
        assert_eq!(Value::from(digests), v["escrowDigests"]);
    }
}

fn activated(v: &Value) -> (RootKey, Claim, KeyRing) {
    let quorum = Quorum::new(number(&v["shares"]), number(&v["threshold"])).expect("valid");
    let instance = v["instance"].as_str().expect("text").parse().expect("valid");
    let cluster = ClusterId(array(&v["cluster"]));
    let claim = Claim::first(cluster, Some(instance), quorum, number(&v["generation"]));
    let (root, mut random) = (root(&v["root"]), Fixed::new(bytes(&v["random"])));
    let ring = claim.activate(&root, &mut random);
    assert!(random.is_used_up());
    (root, claim, ring)
}

fn text(document: &RingDocument) -> String {
    String::from_utf8(document.encode()).expect("JSON")
}

#[test]
fn a_ring_is_written_as_it_was_worked_out() {
    let v = &vectors()["ring"];
    let (root, claim, ring) = activated(v);
    assert_eq!(text(&RingDocument::Claimed(claim)), v["claimed"].as_str().expect("text"));

    let escrowed = ring.with_next_escrow(&root, Quorum::new(4, 2).expect("valid"), Vec::new());
    assert_eq!(text(&RingDocument::Active(Box::new(ring))), v["active"].as_str().expect("text"));
    let shards = escrowed.deal_escrow(&root).expect("just made");
    assert_eq!(Value::from(hexes(&shards)), v["recovery"]);
    assert_eq!(
        text(&RingDocument::Active(Box::new(escrowed))),
        v["withEscrow"].as_str().expect("text")
    );
}

#[test]
fn a_written_ring_opens_with_written_recovery_shards() {
    let v = &vectors()["ring"];
    let text = v["withEscrow"].as_str().expect("text");
    let Ok(RingDocument::Active(ring)) = RingDocument::decode(text.as_bytes()) else {
        panic!("an active ring");
    };
    let shards: Vec<Shard> = [(2, 1), (4, 3)]
        .map(|(index, at)| {
            Shard::received(ShareIndex::new(index).expect("not 0"), &array(&v["recovery"][at]))
        })
        .into();
    let opened = ring.restore(&shards).expect("two of four");
    assert_eq!(*opened.keys.audit_key().1, array::<32>(&v["uses"]["auditSeed"]));
}

fn keys() -> (Value, RingKeys) {
    let v = vectors()["ring"].clone();
    let (root, _, ring) = activated(&v);
    (v["uses"].clone(), ring.open(&root).expect("its own root"))
}

#[test]
fn a_record_is_sealed_and_opened_as_it_was_worked_out() {
    let (v, keys) = keys();
    let path: SecretPath = v["path"].as_str().expect("text").parse().expect("valid");
    let at = RecordAt {
        path: &path,
        incarnation: Incarnation(array(&v["incarnation"])),
        version: Version::new(number(&v["version"])).expect("not 0"),
    };
    let plain = bytes(&v["text"]);
    let sealed =
        keys.seal_record(&mut Fixed::new(bytes(&v["salt"])), at, &plain).expect("it seals");
    assert_eq!(sealed.bytes, bytes(&v["record"]));
    let opened = keys.open_record(at, sealed.tag, &sealed.bytes).expect("it opens");
    assert_eq!(*opened, plain);
}

#[test]
fn documents_are_sealed_and_opened_as_they_were_worked_out() {
    let (v, keys) = keys();
    let plain = bytes(&v["text"]);
    for (purpose, name, expected) in [
        (DocumentPurpose::Policy, "db-read", &v["policy"]),
        (DocumentPurpose::Manifest, "manifest", &v["manifest"]),
    ] {
        let at = DocumentAt { purpose, name, revision: Revision(4), tag: array(&v["tag"]) };
        let sealed = keys.seal_document(&mut Fixed::new(bytes(&v["salt"])), at, &plain);
        assert_eq!(sealed.as_deref(), Ok(bytes(expected).as_slice()));
        assert_eq!(*keys.open_document(at, &bytes(expected)).expect("it opens"), plain);
    }
}

#[test]
fn a_head_is_maced_as_it_was_worked_out() {
    let (v, keys) = keys();
    let head = Head::decode(&bytes(&v["head"])).expect("a head");
    let sealed = keys.seal_head(&head);
    assert_eq!((sealed.key, sealed.mac.to_vec()), (2, bytes(&v["headMac"])));
    assert_eq!(head.versions.first().map(|e| e.tag), Some(RecordTag(array(&v["tag"]))));
    let row = HeadBytes {
        path: &head.path,
        revision: Revision(9),
        current: Version::new(7),
        bytes: &sealed.bytes,
        key: 2,
        mac: &sealed.mac,
    };
    assert_eq!(keys.open_head(row), Ok(head.clone()));
}

#[test]
fn hashes_and_ciphertexts_are_as_they_were_worked_out() {
    let (v, keys) = keys();
    let caller = keys.keyed_hash(HashPurpose::Caller, &[b"spiffe://x/a", b""]);
    assert_eq!(caller.to_vec(), bytes(&v["callerHash"]));

    let (nonce, plain) = (bytes(&v["nonce"]), bytes(&v["text"]));
    let sealed = keys.encrypt(&mut Fixed::new(nonce.clone()), &plain).expect("it encrypts");
    assert_eq!((sealed.version, sealed.ciphertext.as_slice()), (1, &*bytes(&v["ciphertext"])));
    assert_eq!(*keys.decrypt(1, &nonce, &sealed.ciphertext).expect("it decrypts"), plain);
    assert_eq!(*keys.audit_key().1, array::<32>(&v["auditSeed"]));
}
