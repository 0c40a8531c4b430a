//! P10: whatever the store does to a row, the row is refused, and by its own error.

use std::sync::Arc;

use bytes::Bytes;
use spike_core::{Revision, Version};
use spike_store::{Document, Found, Generation, HeadRow, Kind, Names, Sealed, Seen, Select};

use super::{
    hostile::Hostile,
    world::{APP, ROOT, Replica, World, call},
};
use crate::app::error::{Error, Result};

/// A replica over a store that can be told to lie, with two versions of one path and one of
/// another.
async fn stage() -> (World, Arc<Hostile>, Replica) {
    let world = World::new().await;
    let store = Hostile::new(world.kept.clone());
    let replica = world.over("a", store.clone()).await;
    for (path, body) in [("t/a", "a1"), ("t/a", "a2"), ("t/b", "b1")] {
        replica.put(ROOT, path, body).await.expect("put");
    }
    (world, store, replica)
}

async fn found(world: &World, path: &str, select: Select) -> Found {
    let want = [(path.parse().expect("a path"), select)];
    world.kept.read(&call(), &want).await.expect("read").value.remove(0)
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    let at = at % bytes.len();
    bytes[at] ^= 1;
    bytes.into()
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    result.expect_err("refused").code()
}

type HeadEdit = fn(&mut HeadRow);

const HEAD_EDITS: [(&str, HeadEdit); 6] = [
    ("revision", |row| row.revision = Revision(row.revision.0 + 1)),
    ("current", |row| row.current = Version::new(1)),
    ("no current", |row| row.current = None),
    ("bytes", |row| row.bytes = flipped(&row.bytes, 11)),
    ("mac", |row| row.mac[3] ^= 1),
    ("key", |row| row.key += 1),
];

#[tokio::test]
async fn an_edited_column_of_a_head_is_refused_by_every_operation() {
    let (_world, store, replica) = stage().await;
    for (column, edit) in HEAD_EDITS {
        store.edit_reads(move |seen| {
            seen.value.iter_mut().filter_map(|found| found.head.as_mut()).for_each(edit);
        });
        store.edit_lists(move |seen| {
            seen.value.heads.iter_mut().skip(1).for_each(|(_, row)| edit(row));
        });
        assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "head_forged", "{column}");
        assert_eq!(code(replica.put(ROOT, "t/a", "x").await), "head_forged", "{column}");
        assert_eq!(code(replica.delete(ROOT, "t/a", &[]).await), "head_forged", "{column}");
        let listed = if column == "current" { Ok(Vec::new()) } else { replica.list(ROOT).await };
        assert!(column == "current" || code(listed) == "head_forged", "{column}");
    }
}

#[tokio::test]
async fn every_byte_of_a_head_and_of_a_record_is_authenticated() {
    let (world, store, replica) = stage().await;
    let honest = found(&world, "t/a", Select::Current).await;
    let head = honest.head.expect("there").bytes.len();
    let record = honest.record.expect("there").1.0.len();
    for at in 0..head {
        store.edit_reads(move |seen| {
            let row = seen.value.first_mut().and_then(|found| found.head.as_mut());
            if let Some(row) = row {
                row.bytes = flipped(&row.bytes, at);
            }
        });
        assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "head_forged", "byte {at}");
    }
    for at in 0..record {
        store.edit_reads(move |seen| {
            let sealed = seen.value.first_mut().and_then(|found| found.record.as_mut());
            if let Some((_, sealed)) = sealed {
                *sealed = Sealed(flipped(&sealed.0, at));
            }
        });
        assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "record_forged", "byte {at}");
    }
}

#[tokio::test]
async fn rows_swapped_between_paths_and_versions_are_refused() {
    let (world, store, replica) = stage().await;
    let b = found(&world, "t/b", Select::Current).await;
    let old = found(&world, "t/a", Select::Version(Version::FIRST)).await;

    let other = b.clone();
    store.edit_reads(move |seen| seen.value = vec![other.clone()]);
    assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "head_forged", "another path's row");

    let record = b.record.clone();
    store.edit_reads(move |seen| put_record(seen, record.as_ref().map(|(_, r)| r.clone())));
    assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "record_forged", "another path's record");

    let record = old.record.clone();
    store.edit_reads(move |seen| put_record(seen, record.as_ref().map(|(_, r)| r.clone())));
    assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "record_forged", "another version's");

    let record = old.record.clone();
    store.edit_reads(move |seen| seen.value[0].record.clone_from(&record));
    assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "record_missing", "moved current");

    store.edit_reads(|seen| seen.value[0].record = None);
    assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "record_missing", "no record");

    let heads = b.head.clone();
    store.edit_lists(move |seen| seen.value.heads[0].1 = heads.clone().expect("there"));
    assert_eq!(code(replica.list(ROOT).await), "head_forged", "in a list");
}

/// Puts another record under the number that is asked for.
fn put_record(seen: &mut Seen<Vec<Found>>, record: Option<Sealed>) {
    if let (Some((_, place)), Some(record)) = (&mut seen.value[0].record, record) {
        *place = record;
    }
}

#[tokio::test]
async fn an_old_record_under_the_present_head_is_refused_and_a_destroyed_path_stays_gone() {
    let (world, store, replica) = stage().await;
    let before = found(&world, "t/a", Select::Current).await;
    replica.delete(ROOT, "t/a", &[]).await.expect("deleted");
    let record = before.record.clone();
    store.edit_reads(move |seen| seen.value[0].record.clone_from(&record));
    assert_eq!(code(replica.get(ROOT, "t/a", 2).await), "not_found", "deleted is deleted");
    assert_eq!(code(replica.get(ROOT, "t/a", 0).await), "record_missing");
}

type Lie = Box<dyn Fn(&mut Seen<Vec<Document>>) + Send>;

async fn loaded(world: &World, kind: Kind) -> Vec<Document> {
    world.kept.load(&call(), kind, Names::All).await.expect("loaded").value
}

#[tokio::test]
async fn a_revoked_policy_that_is_replayed_is_refused() {
    let (world, store, replica) = stage().await;
    replica.grant("r", "^t/", &["read"]).await.expect("granted");
    assert_eq!(replica.get(APP, "t/b", 0).await.expect("granted"), "b1");
    let manifest = loaded(&world, Kind::Manifest).await;
    let generation = world.kept.read(&call(), &[]).await.expect("read").epochs.generation;
    replica.revoke("r").await.expect("revoked");
    assert_eq!(code(replica.get(APP, "t/b", 0).await), "denied");

    store.edit_reads(move |seen| seen.epochs.generation = generation);
    assert_eq!(code(replica.get(APP, "t/b", 0).await), "store_rolled_back", "the old generation");
    assert_eq!(replica.app.trouble().expect("told").code, "store_rolled_back");
    store.edit_reads(|_| ());
    assert_eq!(code(replica.get(APP, "t/b", 0).await), "denied");
    assert_eq!(replica.app.trouble(), None, "forgotten when it is gone");

    let fresh = world.over("b", store.clone()).await;
    store.edit_loads(move |seen| seen.value.clone_from(&manifest));
    assert_eq!(code(fresh.get(APP, "t/b", 0).await), "manifest_forged", "the old manifest");
}

/// The superuser's own requests need no policies, so that none was read since the revocation.
#[tokio::test]
async fn a_revocation_that_is_undone_before_anyone_reads_is_refused() {
    let (world, store, replica) = stage().await;
    replica.grant("r", "^t/", &["read"]).await.expect("granted");
    assert_eq!(replica.get(APP, "t/b", 0).await.expect("granted"), "b1");
    let generation = world.kept.read(&call(), &[]).await.expect("read").epochs.generation;
    replica.revoke("r").await.expect("revoked");

    store.edit_reads(move |seen| seen.epochs.generation = generation);
    for id in [APP, ROOT] {
        assert_eq!(code(replica.get(id, "t/b", 0).await), "store_rolled_back", "{id}");
    }
}

#[tokio::test]
async fn tampering_that_is_over_is_forgotten_though_nothing_has_to_be_read_again() {
    let (world, store, replica) = stage().await;
    replica.grant("r", "^t/", &["read"]).await.expect("granted");
    assert_eq!(replica.get(APP, "t/b", 0).await.expect("granted"), "b1");
    let honest = world.kept.read(&call(), &[]).await.expect("read").epochs.generation;

    let other = Generation { tag: [9; 16], ..honest };
    store.edit_reads(move |seen| seen.epochs.generation = other);
    store.edit_loads(move |seen| seen.epochs.generation = other);
    assert_eq!(code(replica.get(APP, "t/b", 0).await), "manifest_forged");
    assert_eq!(replica.app.trouble().expect("told").code, "manifest_forged");
    store.edit_reads(|_| ());
    assert_eq!(replica.get(APP, "t/b", 0).await.expect("granted"), "b1");
    assert_eq!(replica.app.trouble(), None);

    store.edit_reads(|seen| seen.epochs.generation.counter = 1);
    assert_eq!(code(replica.get(ROOT, "t/b", 0).await), "store_rolled_back");
    replica.app.look_again().await;
    assert_eq!(replica.app.trouble().expect("it still is").code, "store_rolled_back");
    store.edit_reads(|_| ());
    replica.app.look_again().await;
    assert_eq!(replica.app.trouble(), None, "without a request");
}

#[tokio::test]
async fn policies_that_are_not_the_manifests_are_refused() {
    let (world, store, replica) = stage().await;
    replica.grant("r", "^t/b$", &["read"]).await.expect("granted");
    let narrow = loaded(&world, Kind::Policy).await;
    replica.grant("r", "^x$", &["read"]).await.expect("replaced");
    replica.grant("s", "^t/b$", &["read"]).await.expect("granted");

    let is_policy = |document: &Document| document.name != "manifest";
    let lies: [(&str, &str, Lie); 6] = [
        (
            "policy_forged",
            "an older one",
            Box::new(move |seen| {
                for document in seen.value.iter_mut().filter(|d| d.name == "r") {
                    document.clone_from(&narrow[0]);
                }
            }),
        ),
        (
            "policy_forged",
            "an edited one",
            Box::new(move |seen| {
                for document in seen.value.iter_mut().filter(|d| is_policy(d)) {
                    document.bytes = flipped(&document.bytes, 40);
                }
            }),
        ),
        (
            "policy_missing",
            "one left out",
            Box::new(move |seen| {
                seen.value.retain(|document| document.name != "s");
            }),
        ),
        (
            "manifest_forged",
            "an edited manifest",
            Box::new(move |seen| {
                for document in seen.value.iter_mut().filter(|d| !is_policy(d)) {
                    document.bytes = flipped(&document.bytes, 40);
                }
            }),
        ),
        (
            "manifest_forged",
            "another generation",
            Box::new(move |seen| {
                for document in seen.value.iter_mut().filter(|d| !is_policy(d)) {
                    document.revision = Revision(document.revision.0 + 1);
                }
            }),
        ),
        (
            "store_rolled_back",
            "no manifest",
            Box::new(move |seen| {
                seen.value.retain(is_policy);
            }),
        ),
    ];
    for (n, (wanted, what, lie)) in lies.into_iter().enumerate() {
        store.edit_loads(|_| ());
        let fresh = world.over(&format!("lied to {n}"), store.clone()).await;
        store.edit_loads(lie);
        assert_eq!(code(fresh.get(APP, "t/b", 0).await), wanted, "{what}");
        store.edit_loads(|_| ());
        assert_eq!(fresh.get(APP, "t/b", 0).await.expect("honest again"), "b1", "{what}");
    }
}

#[tokio::test]
async fn a_key_ring_that_went_back_is_refused() {
    let (_world, store, replica) = stage().await;
    store.edit_reads(|seen| seen.epochs.ring = Revision(0));
    assert_eq!(code(replica.get(ROOT, "t/b", 0).await), "store_rolled_back");
    assert_eq!(code(replica.put(ROOT, "t/b", "x").await), "store_rolled_back");
    assert!(matches!(replica.get(APP, "t/b", 0).await, Err(Error::NotReady(_))));
}

#[tokio::test]
async fn a_key_ring_without_any_policies_is_a_store_that_lost_them() {
    let (_world, store, replica) = stage().await;
    store.edit_reads(|seen| seen.epochs.generation = Generation::default());
    for id in [ROOT, APP] {
        assert_eq!(code(replica.get(id, "t/b", 0).await), "store_rolled_back", "{id}");
    }
    assert_eq!(code(replica.policies().await), "store_rolled_back");
}

#[tokio::test]
async fn epochs_that_never_stand_still_end_in_a_refusal() {
    let (_world, store, replica) = stage().await;
    let counter = std::sync::atomic::AtomicU64::new(100);
    store.edit_reads(move |seen| {
        let next = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        seen.epochs.generation.counter = next;
    });
    let refused = replica.get(APP, "t/b", 0).await.expect_err("never settled");
    assert!(refused.is_transient(), "{refused:?}");
}
