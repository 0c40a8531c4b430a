//! P10 for the key ring, with a real database and a real administrator: whatever is done to its row
//! is refused by the Nexus that runs, which looks at it now and then, and by the next one to start.

use std::{sync::Arc, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use tokio::time::timeout;

use super::{
    super::{
        BootError,
        bootstrap::{self, Outcome},
        inspect, rollback,
        site::Site,
        start,
    },
    world::World,
};
use crate::{
    app::tests::database::Database,
    keys::{Keys, Reason},
};

/// Long enough for a start that succeeds, on a busy machine: it takes a few milliseconds.
const START: Duration = Duration::from_secs(2);

/// A process of the world, over the database.
fn process(world: &World, database: &Database) -> Site {
    let keys = Keys::sealed(database.store.clone(), Reason::new("starting", "just started"));
    Site { keys, store: Arc::clone(&database.store), ..world.healthy() }
}

/// The code of why it doesn't start, or of nothing.
async fn started(world: &World, database: &Database) -> &'static str {
    let site = process(world, database);
    let opened = timeout(START, start::until_open(&site)).await;
    if opened.is_ok() { "opened" } else { site.keys.sealed_reason().expect("sealed").code }
}

/// Edit, and what the running and the starting Nexus say of it.
const EDITS: &[(&str, &str, &str)] = &[
    ("DELETE FROM spike.documents WHERE kind = 1", "store_lost_ring", "store_lost_ring"),
    ("UPDATE spike.documents SET kind = 4 WHERE kind = 1", "store_lost_ring", "store_lost_ring"),
    ("UPDATE spike.documents SET name = 'x' WHERE kind = 1", "store_lost_ring", "store_lost_ring"),
    (
        "UPDATE spike.documents SET revision = 9 WHERE kind = 1",
        "ring_unreadable",
        "ring_unreadable",
    ),
    (
        "UPDATE spike.documents SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'),
            '\"generation\":1', '\"generation\":2'), 'UTF8') WHERE kind = 1",
        "ring_forged",
        "ring_forged",
    ),
    (
        "UPDATE spike.documents SET bytes = '{}' WHERE kind = 1",
        "ring_unreadable",
        "ring_unreadable",
    ),
    ("UPDATE spike.epochs SET ring = ring + 1", "store_rolled_back", "contended"),
    // A start believes the ring's own word; then every request is refused by the epochs.
    ("UPDATE spike.epochs SET ring = 0", "store_rolled_back", "opened"),
    ("DELETE FROM spike.documents WHERE kind = 2", "store_rolled_back", "store_rolled_back"),
    // It tells a writer its own write from another's, and is nobody's word on the ring.
    (
        "UPDATE spike.documents SET tag = '\\x00112233445566778899aabbccddeeff' WHERE kind = 1",
        "",
        "opened",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ring_that_an_administrator_touches_is_refused_with_its_own_error() {
    let (world, database) = (World::new(3, 2), Database::new().await);
    let random = &mut StdRng::seed_from_u64(1);
    let made = bootstrap::run(&process(&world, &database), random).await;
    assert_eq!(made, Ok(Outcome::Made));
    let running = process(&world, &database);
    timeout(START, start::until_open(&running)).await.expect("it opens");
    database.keep().await;
    let mut found = Vec::new();
    for (edit, ..) in EDITS {
        database.edit(edit).await;
        let looked = inspect::documents(&running).await;
        let looked = looked.map_or_else(|reason| reason.code, |_| "");
        found.push((*edit, looked, started(&world, &database).await));
        database.restore().await;
        assert!(inspect::documents(&running).await.is_ok(), "put back");
    }
    assert_eq!(found, EDITS);
}

/// One that nobody drew.
const OTHER_TAG: &str = "tag = '\\x00112233445566778899aabbccddeeff'";

/// Only some tables of a backup were put back: the counters aren't those of the documents.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_contradicts_itself_is_mended_by_accepting_it() {
    let (world, database) = (World::new(3, 2), Database::new().await);
    let random = &mut StdRng::seed_from_u64(1);
    let made = bootstrap::run(&process(&world, &database), random).await;
    assert_eq!(made, Ok(Outcome::Made));
    let running = process(&world, &database);
    timeout(START, start::until_open(&running)).await.expect("it opens");
    database.keep().await;
    for edit in ["ring = ring + 1", "ring = ring - 1", "counter = counter + 1", OTHER_TAG] {
        database.edit(&format!("UPDATE spike.epochs SET {edit}")).await;
        assert!(inspect::documents(&running).await.is_err(), "{edit}");
        let accepted = rollback::accept(&running, &world.call(), random).await;
        accepted.unwrap_or_else(|error| panic!("{edit}: {error}"));
        assert!(inspect::documents(&running).await.is_ok(), "{edit}");
        assert_eq!(started(&world, &database).await, "opened", "{edit}");
    }
    let again = rollback::accept(&running, &world.call(), random).await;
    assert!(matches!(again, Err(BootError::BadRequest(_))), "{again:?}");
}
