//! P3: a write whose answer was lost happens exactly once.

use std::time::Duration;

use super::{
    hostile::Hostile,
    world::{APP, ROOT, World, by},
};
use crate::app::{caller::BUDGET, error::Error, secrets::Write};

#[tokio::test]
async fn a_put_whose_answer_is_lost_happens_once() {
    let world = World::new().await;
    let store = Hostile::new(world.kept.clone());
    let replica = world.over("a", store.clone()).await;
    for (round, (before, after)) in [(0, 1), (1, 0), (2, 2), (0, 4)].into_iter().enumerate() {
        store.lose(before, after);
        replica.put(ROOT, "t/db", &format!("{round}")).await.expect("acknowledged in the end");
    }
    for round in 0..4_i64 {
        let body = replica.get(ROOT, "t/db", round + 1).await.expect("one version per put");
        assert_eq!(body, round.to_string());
    }
    assert!(matches!(replica.get(ROOT, "t/db", 5).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_delete_and_an_undelete_whose_answers_are_lost_do_not_fail_on_themselves() {
    let world = World::new().await;
    let store = Hostile::new(world.kept.clone());
    let replica = world.over("a", store.clone()).await;
    replica.put(ROOT, "t/db", "one").await.expect("put");
    store.lose(0, 1);
    replica.delete(ROOT, "t/db", &[]).await.expect("deleted once");
    store.lose(0, 1);
    replica.undelete(ROOT, "t/db", &[1]).await.expect("brought back once");
    assert_eq!(replica.get(ROOT, "t/db", 0).await.expect("back"), "one");
}

#[tokio::test]
async fn a_policy_whose_answer_is_lost_is_written_or_removed_once() {
    let world = World::new().await;
    let store = Hostile::new(world.kept.clone());
    let replica = world.over("a", store.clone()).await;
    for (before, after) in [(0, 1), (1, 0), (1, 1)] {
        store.lose(before, after);
        replica.grant("p", "^t/", &["read"]).await.expect("granted");
        assert_eq!(replica.policies().await.expect("listed"), ["p"]);
        store.lose(before, after);
        replica.revoke("p").await.expect("revoked");
        assert_eq!(replica.policies().await.expect("listed"), Vec::<String>::new());
    }
    assert!(matches!(replica.get(APP, "t/x", 0).await, Err(Error::Denied)));
}

#[tokio::test]
async fn whoever_loses_its_own_right_and_the_answer_is_told_that_it_happened() {
    let world = World::new().await;
    let store = Hostile::new(world.kept.clone());
    let replica = world.over("a", store.clone()).await;
    replica.grant("own", "^spike/system/acl$", &["write"]).await.expect("granted");
    store.lose(0, 1);
    let name = "own".parse().expect("a name");
    replica.app.delete_policy(&by(APP), Ok(name)).await.expect("known by its tags");
    assert_eq!(replica.policies().await.expect("listed"), Vec::<String>::new());
}

#[tokio::test]
async fn a_write_that_stays_unknown_is_said_to_be_unknown() {
    let world = World::new().await;
    let store = Hostile::new(world.kept.clone());
    let replica = world.over("a", store.clone()).await;
    replica.put(ROOT, "t/x", "x").await.expect("put");
    store.lose(u32::MAX, 0);
    let mut caller = by(ROOT);
    caller.since = caller.since - BUDGET + Duration::from_millis(200);
    let write = Ok(Write::Delete(Vec::new()));
    let path = "t/x".parse();
    let outcome = replica.app.write_secret(&caller, "secret.delete", path, write).await;
    assert_eq!(outcome.expect_err("never answered").code(), "store_ambiguous");
}
