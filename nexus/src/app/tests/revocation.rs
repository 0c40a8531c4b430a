//! P6: grants and revocations act on the very next request, on every replica.

use super::world::{APP, ROOT, World, by, policy};
use crate::app::error::Error;

#[tokio::test]
async fn a_revoked_policy_refuses_the_very_next_read_write_and_list_on_another_replica() {
    let world = World::new().await;
    let (a, b) = (world.replica("a").await, world.replica("b").await);
    a.put(ROOT, "t/db", "one").await.expect("put");
    a.grant("rw", "^t/", &["read", "write"]).await.expect("granted");
    a.grant("list", "^spike/system/secret$", &["list"]).await.expect("granted");
    for replica in [&a, &b] {
        assert_eq!(replica.get(APP, "t/db", 0).await.expect("granted"), "one");
        assert_eq!(replica.list(APP).await.expect("granted"), ["t/db"]);
    }
    b.put(APP, "t/db", "one").await.expect("granted");

    a.revoke("rw").await.expect("revoked");
    assert!(matches!(b.get(APP, "t/db", 0).await, Err(Error::Denied)));
    assert!(matches!(b.put(APP, "t/db", "two").await, Err(Error::Denied)));
    assert!(matches!(b.delete(APP, "t/db", &[]).await, Err(Error::Denied)));
    assert_eq!(b.list(APP).await.expect("another policy"), ["t/db"]);
    a.revoke("list").await.expect("revoked");
    assert!(matches!(b.list(APP).await, Err(Error::Denied)));
    assert!(matches!(b.get(ROOT, "t/db", 3).await, Err(Error::NotFound)), "nothing was written");
}

#[tokio::test]
async fn a_grant_counts_for_the_very_next_request_on_another_replica() {
    let world = World::new().await;
    let (a, b) = (world.replica("a").await, world.replica("b").await);
    a.put(ROOT, "t/db", "one").await.expect("put");
    for round in 0..5 {
        assert!(matches!(b.get(APP, "t/db", 0).await, Err(Error::Denied)), "round {round}");
        a.grant("r", "^t/db$", &["read"]).await.expect("granted");
        assert_eq!(b.get(APP, "t/db", 0).await.expect("granted"), "one");
        b.revoke("r").await.expect("revoked");
        assert!(matches!(a.get(APP, "t/db", 0).await, Err(Error::Denied)), "round {round}");
    }
}

#[tokio::test]
async fn a_changed_key_ring_is_read_before_the_next_answer_and_never_goes_back() {
    let mut world = World::new().await;
    let a = world.replica("a").await;
    a.put(ROOT, "t/db", "one").await.expect("put");
    a.grant("r", "^t/", &["read"]).await.expect("granted");
    for _ in 0..3 {
        world.change_ring().await;
        assert_eq!(a.get(APP, "t/db", 0).await.expect("readable"), "one");
        world.change_ring().await;
        a.put(ROOT, "t/db", "one").await.expect("writable");
        world.change_ring().await;
        assert!(matches!(a.put(APP, "t/db", "x").await, Err(Error::Denied)));
        assert_eq!(a.list(ROOT).await.expect("listed"), ["t/db"]);
    }
    assert_eq!(a.get(ROOT, "t/db", 4).await.expect("one version per put"), "one");
}

#[tokio::test]
async fn a_narrowed_policy_keeps_its_birthday_and_loses_its_rights() {
    let world = World::new().await;
    let (a, b) = (world.replica("a").await, world.replica("b").await);
    let name = "p".parse().expect("a name");
    a.grant("p", "^t/", &["super"]).await.expect("granted");
    let before = b.app.get_policy(&by(ROOT), Ok(name)).await.expect("there");
    let narrow = policy("p", "^spiffe://spike.ist/workload/app$", "^t/", &["read"]);
    b.app.put_policy(&by(ROOT), narrow).await.expect("replaced");
    let name = "p".parse().expect("a name");
    let after = a.app.get_policy(&by(ROOT), Ok(name)).await.expect("there");
    assert_eq!(after.created_at(), before.created_at());
    assert!(after.updated_at() > before.updated_at());
    assert!(matches!(a.put(APP, "t/x", "1").await, Err(Error::Denied)));
}

#[tokio::test]
async fn whoever_may_not_learns_nothing_of_what_is_there_or_of_what_is_wrong() {
    let world = World::new().await;
    let a = world.replica("a").await;
    a.put(ROOT, "t/db", "one").await.expect("put");
    for path in ["t/db", "t/none", "t bad", ""] {
        assert!(matches!(a.get(APP, path, 0).await, Err(Error::Denied)), "{path:?}");
        assert!(matches!(a.put(APP, path, "x").await, Err(Error::Denied)), "{path:?}");
    }
    assert!(matches!(a.get(ROOT, "t bad", 0).await, Err(Error::BadRequest(_))));
    let odd = policy("p/q", "x", "(", &[]);
    assert!(matches!(a.app.put_policy(&by(APP), odd.clone()).await, Err(Error::Denied)));
    assert!(matches!(a.app.put_policy(&by(ROOT), odd).await, Err(Error::BadRequest(_))));
}

#[tokio::test]
async fn roles_that_are_not_for_secrets_never_get_them_by_a_policy() {
    let world = World::new().await;
    let a = world.replica("a").await;
    a.put(ROOT, "t/db", "one").await.expect("put");
    let everyone = policy("all", r"^spiffe://spike\.ist/.*$", ".*", &["super"]);
    a.app.put_policy(&by(ROOT), everyone).await.expect("granted");
    assert_eq!(a.get(APP, "t/db", 0).await.expect("granted"), "one");
    for role in ["spike/operator", "spike/workload/role/lite"] {
        let id = format!("spiffe://spike.ist/{role}");
        assert!(matches!(a.get(&id, "t/db", 0).await, Err(Error::Denied)), "{role}");
        assert!(matches!(a.list(&id).await, Err(Error::Denied)), "{role}");
    }
    let lite = by("spiffe://spike.ist/spike/workload/role/lite");
    let sealed = a.app.encrypt(&lite, b"hello").await.expect("what it is for");
    let opened = a.app.decrypt(&lite, 1, &sealed.nonce, &sealed.ciphertext).await;
    assert_eq!(*opened.expect("its own"), b"hello");
}
