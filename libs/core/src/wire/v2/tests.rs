//! The forms that peers of other versions rely on.

use serde_json::json;

use super::{escrow::*, shard::*, *};
use crate::{ClusterId, SetId, ShardDigest, ShareIndex, wire};

fn frame() -> Frame {
    Frame {
        instance: None,
        cluster_id: ClusterId([0x11; 16]),
        set_id: SetId([0x22; 16]),
        epoch: 3,
        attempt: 1,
        shares: 3,
        threshold: 2,
        index: ShareIndex::new(2).expect("not zero"),
        digest: ShardDigest([0x33; 32]),
    }
}

fn put() -> PutRequest {
    let witness = Witness { ring: 7, policies: 9 };
    PutRequest { frame: frame(), shard: vec![1; 32].into(), put_as: PutAs::Pending, witness }
}

fn put_json() -> serde_json::Value {
    json!({
        "clusterId": "11".repeat(16),
        "setId": "22".repeat(16),
        "epoch": 3,
        "attempt": 1,
        "shares": 3,
        "threshold": 2,
        "index": 2,
        "digest": "33".repeat(32),
        "shard": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "as": "pending",
        "witness": { "ring": 7, "policies": 9 },
    })
}

#[test]
fn a_put_is_written_as_documented() {
    let written: serde_json::Value = serde_json::from_slice(&wire::encode(&put())).expect("JSON");
    assert_eq!(written, put_json());
}

#[test]
fn a_newer_peers_fields_are_passed_over() {
    let mut newer = put_json();
    newer["colour"] = json!("blue");
    newer["instance"] = json!("team/a");
    let read: PutRequest = serde_json::from_value(newer).expect("understood");
    assert_eq!(read.frame.instance.map(|instance| instance.to_string()).as_deref(), Some("team/a"));
    assert_eq!(read.shard, put().shard);
}

#[test]
fn a_field_that_cannot_be_is_refused() {
    for (field, wrong) in [
        ("index", json!(0)),
        ("index", json!(256)),
        ("setId", json!("22")),
        ("digest", json!("33".repeat(16))),
        ("shard", json!("!")),
        ("shard", json!([1, 2, 3])),
        ("as", json!("previous")),
        ("instance", json!("no slash")),
        ("epoch", json!(-1)),
    ] {
        let mut body = put_json();
        body[field] = wrong;
        assert!(serde_json::from_value::<PutRequest>(body).is_err(), "{field}");
    }
}

#[test]
fn a_shard_is_never_shown() {
    let shown = format!("{:?}", put());
    assert!(shown.contains("shard: [redacted]"), "{shown}");
}

#[test]
fn a_key_ring_is_written_as_documented() {
    let set = |keepers| keys::KeySet {
        epoch: 3,
        attempt: 1,
        generation: 7,
        set_id: SetId([0x22; 16]),
        shares: 2,
        threshold: 2,
        keepers,
    };
    let holder = |index, holds| keys::Holder { index: index_of(index), holds };
    let ring = keys::KeysResponse {
        cluster_id: ClusterId([0x11; 16]),
        revision: 9,
        root_epoch: 1,
        current: set(vec![holder(1, Some(SetRole::Current)), holder(2, None)]),
        pending: None,
        previous: Some(set(Vec::new())),
        audit_keys: vec![keys::AuditKey { key: "4:00".to_owned(), active: true }],
    };
    let side = json!({
        "epoch": 3, "attempt": 1, "generation": 7, "setId": "22".repeat(16),
        "shares": 2, "threshold": 2, "keepers": [],
    });
    let mut written = side.clone();
    written["clusterId"] = json!("11".repeat(16));
    written["revision"] = json!(9);
    written["rootEpoch"] = json!(1);
    written["keepers"] = json!([{ "index": 1, "holds": "current" }, { "index": 2 }]);
    written["previous"] = side;
    written["auditKeys"] = json!([{ "key": "4:00", "active": true }]);
    assert_eq!(serde_json::to_value(&ring).expect("JSON"), written);
    assert_eq!(serde_json::from_value::<keys::KeysResponse>(written).expect("a ring"), ring);
    let lacking: Vec<_> = ring.current.lacking(SetRole::Current).collect();
    assert_eq!(lacking, [index_of(2)]);

    let wish = keys::EnsureRequest { generation: 2, shares: 5, threshold: 3, expect: None };
    let mut written = json!({ "generation": 2, "shares": 5, "threshold": 3 });
    assert_eq!(serde_json::to_value(wish).expect("JSON"), written);
    written["expect"] = json!(1);
    let wish = keys::EnsureRequest { expect: Some(1), ..wish };
    assert_eq!(serde_json::to_value(wish).expect("JSON"), written);
}

fn index_of(index: u8) -> ShareIndex {
    ShareIndex::new(index).expect("not zero")
}

#[test]
fn a_witness_rises_by_component() {
    let (a, b) = (Witness { ring: 1, policies: 9 }, Witness { ring: 5, policies: 2 });
    assert_eq!(a.max(b), Witness { ring: 5, policies: 9 });
}

#[test]
fn a_problem_is_one_of_rfc_9457() {
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: "Conflict".to_owned(),
        status: 412,
        detail: String::new(),
        code: "secret/conflict".to_owned(),
    };
    let written = json!({
        "type": "about:blank", "title": "Conflict", "status": 412, "code": "secret/conflict"
    });
    assert_eq!(serde_json::to_value(&problem).expect("JSON"), written);
    assert_eq!(serde_json::from_value::<Problem>(written).expect("a problem"), problem);
}

#[test]
fn a_code_is_an_area_and_a_what_and_is_known_again() {
    for code in ProblemCode::ALL {
        let (area, what) = code.as_str().split_once('/').expect("a slash");
        let words = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(words(area) && words(what), "{code:?}");
        let problem = Problem::new(*code, "title", "");
        assert_eq!((problem.known(), problem.status), (Some(*code), code.status()));
    }
    let newer =
        Problem { code: "secret/later".to_owned(), ..Problem::new(ProblemCode::Failed, "", "") };
    assert_eq!(newer.known(), None);
}

#[test]
fn every_code_is_documented_with_its_status() {
    let documented = include_str!("../../../../../docs/api.md");
    for code in ProblemCode::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.status());
        assert!(documented.contains(&row), "docs/api.md lacks: {row}");
    }
}

#[test]
fn an_escrow_has_no_place_for_a_shard_and_a_drill_has_none_for_a_digest() {
    let shard = EscrowedShard {
        index: ShareIndex::new(2).expect("not zero"),
        digest: ShardDigest([0x33; 32]),
        recipient: Some("age1x".to_owned()),
        ciphertext: Some("file".to_owned()),
    };
    let escrow = Escrow { set: 4, shares: 3, threshold: 2, shards: vec![shard] };
    let written = json!({
        "set": 4, "shares": 3, "threshold": 2,
        "shards": [{
            "index": 2, "digest": "33".repeat(32), "recipient": "age1x", "ciphertext": "file",
        }],
    });
    assert_eq!(serde_json::to_value(&escrow).expect("JSON"), written);
    let drilled =
        DrilledShard { index: ShareIndex::new(2).expect("not zero"), verdict: Verdict::Ok };
    let drilled = serde_json::to_value(&drilled).expect("JSON");
    assert_eq!(drilled, json!({ "index": 2, "verdict": "ok" }));
}

#[test]
fn to_recover_without_a_word_is_to_get_the_last_set_again() {
    let wanted: RecoverRequest = serde_json::from_value(json!({})).expect("understood");
    assert_eq!(wanted, RecoverRequest::default());
    let wanted = json!({ "newSet": true, "recipients": ["age1x"] });
    let read: RecoverRequest = serde_json::from_value(wanted.clone()).expect("understood");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), wanted);
}

#[test]
fn a_recovered_shard_is_never_shown() {
    let shard = RecoveredShard {
        index: ShareIndex::new(2).expect("not zero"),
        recipient: None,
        ciphertext: None,
        shard: Some(vec![1; 32].into()),
    };
    let shown = format!("{shard:?}");
    assert!(shown.contains("[redacted]"), "{shown}");
}
