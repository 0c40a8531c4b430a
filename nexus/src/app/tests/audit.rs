//! P4: nothing leaves whose audit line isn't durable.

use serde_json::json;
use spike_audit::DENIALS_PER_SECOND;

use super::{
    hostile::Hostile,
    world::{APP, ROOT, World, by},
};
use crate::app::error::Error;

#[tokio::test]
async fn when_the_audit_fails_nothing_leaves_and_nothing_is_written() {
    let world = World::new().await;
    let (a, b) = (world.replica("a").await, world.replica("b").await);
    a.put(ROOT, "t/db", "one").await.expect("put");
    a.audit.close().await;

    assert!(matches!(a.get(ROOT, "t/db", 0).await, Err(Error::Audit(_))));
    assert!(matches!(a.list(ROOT).await, Err(Error::Audit(_))));
    assert!(matches!(a.put(ROOT, "t/db", "two").await, Err(Error::Audit(_))));
    assert!(matches!(a.delete(ROOT, "t/db", &[]).await, Err(Error::Audit(_))));
    assert!(matches!(a.grant("p", "^t/", &["read"]).await, Err(Error::Audit(_))));
    assert!(matches!(a.policies().await, Err(Error::Audit(_))));
    assert!(matches!(a.app.encrypt(&by(ROOT), b"x").await, Err(Error::Audit(_))));
    assert!(matches!(a.get(APP, "t/db", 0).await, Err(Error::Audit(_))), "denials too");

    assert_eq!(b.get(ROOT, "t/db", 0).await.expect("as it was"), "one");
    assert!(matches!(b.get(ROOT, "t/db", 2).await, Err(Error::NotFound)));
    assert_eq!(b.policies().await.expect("listed"), Vec::<String>::new());
}

#[tokio::test]
async fn a_status_is_for_two_roles_and_only_its_refusals_are_written() {
    let world = World::new().await;
    let a = world.replica("a").await;
    for role in ["spike/pilot/role/superuser", "spike/operator"] {
        let id = format!("spiffe://spike.ist/{role}");
        a.app.may_see_status(&by(&id)).await.expect("its role");
    }
    assert!(matches!(a.app.may_see_status(&by(APP)).await, Err(Error::Denied)));
    a.audit.close().await;
    let lines = world.audited("a");
    let about = lines.iter().filter(|line| line["op"] == "status").collect::<Vec<_>>();
    assert_eq!(about.len(), 1);
    assert_eq!((&about[0]["event"], &about[0]["principal"]), (&json!("denied"), &json!(APP)));
}

#[tokio::test]
async fn the_audit_says_who_did_what_and_why_it_was_allowed() {
    let world = World::new().await;
    let a = world.replica("a").await;
    a.put(ROOT, "t/db", "the value").await.expect("put");
    a.grant("r", "^t/", &["read"]).await.expect("granted");
    a.get(APP, "t/db", 1).await.expect("granted");
    assert!(matches!(a.put(APP, "t/db", "x").await, Err(Error::Denied)));
    a.audit.close().await;

    let lines = world.audited("a");
    let about = |event: &str, op: &str| {
        let found = lines.iter().find(|line| line["event"] == event && line["op"] == op);
        found.unwrap_or_else(|| panic!("no {event} of {op} in {lines:?}")).clone()
    };
    let intent = about("intent", "secret.put");
    assert_eq!((&intent["path"], &intent["version"]), (&json!("t/db"), &json!(1)));
    assert_eq!(about("outcome", "secret.put")["result"], "ok");
    assert_eq!(about("outcome", "policy.put")["path"], "r");
    let read = about("read", "secret.get");
    assert_eq!(read["principal"], APP);
    assert_eq!((&read["decision"], &read["policy"]), (&json!("allow"), &json!("r")));
    let denied = about("denied", "secret.put");
    assert_eq!((&denied["decision"], &denied["result"]), (&json!("deny"), &json!("denied")));
    assert!(lines.iter().all(|line| !line.to_string().contains("the value")));
}

#[tokio::test]
async fn a_write_that_was_announced_has_its_outcome_however_often_its_caller_was_denied() {
    let world = World::new().await;
    let store = Hostile::new(world.kept.clone());
    let (a, b) = (world.over("a", store.clone()).await, world.replica("b").await);
    for _ in 0..=DENIALS_PER_SECOND {
        assert!(matches!(a.put(APP, "t/db", "x").await, Err(Error::Denied)));
    }
    b.grant("w", "^t/", &["write"]).await.expect("granted");
    store.meanwhile(async move { b.revoke("w").await.expect("revoked") });
    assert!(matches!(a.put(APP, "t/db", "x").await, Err(Error::Denied)));
    a.audit.close().await;

    let lines = world.audited("a");
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    assert_eq!((of("intent").len(), of("outcome").len()), (1, 1), "{lines:?}");
    let outcome = of("outcome")[0];
    assert_eq!((&outcome["decision"], &outcome["result"]), (&json!("deny"), &json!("denied")));
    assert_eq!((&outcome["principal"], &outcome["path"]), (&json!(APP), &json!("t/db")));
}
