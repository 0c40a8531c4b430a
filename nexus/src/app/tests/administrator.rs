//! P10, with a real database and a real administrator: every column of every row is edited, rows are
//! swapped, copied and put back, by SQL. Each is refused with its own error, or changes nothing.
//!
//! Rows of `ring` documents belong to the start of a Nexus: see `boot/tests/administrator.rs`.

use std::collections::BTreeSet;

use super::{
    database::Database,
    world::{APP, ROOT, Replica, World},
};
use crate::app::error::Result;

/// Two versions of one path and one of another, and a policy that lets a workload read them.
struct Stage {
    database: Database,
    world: World,
    replica: Replica,
}

impl Stage {
    async fn new() -> Self {
        let database = Database::new().await;
        let world = World::keeping_in(database.store.clone()).await;
        let replica = world.replica("a").await;
        for (path, body) in [("t/a", "a1"), ("t/a", "a2"), ("t/b", "b1")] {
            replica.put(ROOT, path, body).await.expect("put");
        }
        replica.grant("r", "^t/", &["read"]).await.expect("granted");
        replica.get(APP, "t/b", 0).await.expect("granted");
        database.keep().await;
        Self { database, world, replica }
    }

    /// What a look by someone who must believe the edited rows comes to.
    async fn look(&self, look: Look, number: usize) -> String {
        match look {
            Look::Get(path) => code(self.replica.get(ROOT, path, 0).await),
            Look::List => code(self.replica.list(ROOT).await.map(|paths| paths.join(" "))),
            // Whoever has the policies in memory needs none from the store.
            Look::Policies => {
                let fresh = self.world.replica(&format!("fresh {number}")).await;
                code(fresh.get(APP, "t/b", 0).await)
            }
            Look::Write => {
                code(self.replica.put(ROOT, "t/a", "a3").await.map(|()| "written".to_owned()))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Look {
    Get(&'static str),
    List,
    Policies,
    Write,
}
use Look::{Get, List, Policies, Write};

/// The code of an error, or the value.
fn code(result: Result<String>) -> String {
    result.unwrap_or_else(|error| error.code().to_owned())
}

/// One bit of a column of bytes.
macro_rules! flip {
    ($table:literal, $column:literal, $row:literal) => {
        concat!(
            "UPDATE spike.",
            $table,
            " SET ",
            $column,
            " = set_byte(",
            $column,
            ", 9, get_byte(",
            $column,
            ", 9) # 1) WHERE ",
            $row
        )
    };
}

/// Column, edit, look, and what comes of it.
const EDITS: &[(&str, &str, Look, &str)] = &[
    (
        "heads.path",
        "UPDATE spike.heads SET path = 't/z' WHERE path = 't/b'",
        Get("t/z"),
        "head_forged",
    ),
    ("heads.path", "UPDATE spike.heads SET path = 't/z' WHERE path = 't/b'", List, "head_forged"),
    ("heads.revision", "UPDATE spike.heads SET revision = 9", Get("t/a"), "head_forged"),
    ("heads.revision", "UPDATE spike.heads SET revision = 9", List, "head_forged"),
    ("heads.revision", "UPDATE spike.heads SET revision = 9", Write, "head_forged"),
    ("heads.current", "UPDATE spike.heads SET current = 1", Get("t/a"), "head_forged"),
    ("heads.current", "UPDATE spike.heads SET current = NULL", Get("t/a"), "head_forged"),
    ("heads.current", "UPDATE spike.heads SET current = 0", Get("t/a"), "store_corrupt"),
    ("heads.bytes", flip!("heads", "bytes", "path = 't/a'"), Get("t/a"), "head_forged"),
    ("heads.key", "UPDATE spike.heads SET key = key + 1", Get("t/a"), "head_forged"),
    ("heads.mac", flip!("heads", "mac", "path = 't/a'"), Get("t/a"), "head_forged"),
    ("heads.mac", "UPDATE spike.heads SET mac = '\\x00'", Get("t/a"), "store_corrupt"),
    // No one believes it: a commit compares the revision that is there.
    ("heads.replaced", "UPDATE spike.heads SET replaced = 7", Get("t/a"), "a2"),
    ("heads.replaced", "UPDATE spike.heads SET replaced = 7", Write, "written"),
    (
        "records.path",
        "UPDATE spike.records SET path = 't/z' WHERE path = 't/a'",
        Get("t/a"),
        "record_missing",
    ),
    (
        "records.version",
        "UPDATE spike.records SET version = version + 5",
        Get("t/a"),
        "record_missing",
    ),
    ("records.bytes", flip!("records", "bytes", "path = 't/a'"), Get("t/a"), "record_forged"),
    (
        "documents.kind",
        "UPDATE spike.documents SET kind = 4 WHERE kind = 3",
        Policies,
        "policy_missing",
    ),
    (
        "documents.kind",
        "UPDATE spike.documents SET kind = 4 WHERE kind = 2",
        Policies,
        "store_rolled_back",
    ),
    (
        "documents.name",
        "UPDATE spike.documents SET name = 'q' WHERE kind = 3",
        Policies,
        "policy_missing",
    ),
    (
        "documents.revision",
        "UPDATE spike.documents SET revision = 9 WHERE kind = 3",
        Policies,
        "policy_forged",
    ),
    (
        "documents.revision",
        "UPDATE spike.documents SET revision = 9 WHERE kind = 2",
        Policies,
        "manifest_forged",
    ),
    ("documents.tag", flip!("documents", "tag", "kind = 3"), Policies, "policy_forged"),
    ("documents.tag", flip!("documents", "tag", "kind = 2"), Policies, "manifest_forged"),
    ("documents.bytes", flip!("documents", "bytes", "kind = 3"), Policies, "policy_forged"),
    ("documents.bytes", flip!("documents", "bytes", "kind = 2"), Policies, "manifest_forged"),
    ("epochs.one", "UPDATE spike.epochs SET one = 2", Get("t/a"), "store_corrupt"),
    (
        "epochs.min_reader",
        "UPDATE spike.epochs SET min_reader = 99",
        Get("t/a"),
        "store_unavailable",
    ),
    ("epochs.min_reader", "UPDATE spike.epochs SET min_reader = 99", Write, "store_unavailable"),
    (
        "epochs.counter",
        "UPDATE spike.epochs SET counter = counter - 1",
        Get("t/a"),
        "store_rolled_back",
    ),
    (
        "epochs.counter",
        "UPDATE spike.epochs SET counter = counter + 1",
        Policies,
        "manifest_forged",
    ),
    ("epochs.tag", flip!("epochs", "tag", "true"), Policies, "manifest_forged"),
    ("epochs.ring", "UPDATE spike.epochs SET ring = 0", Get("t/a"), "store_rolled_back"),
    ("epochs.ring", "UPDATE spike.epochs SET ring = 0", Write, "store_rolled_back"),
    ("epochs.ring", "UPDATE spike.epochs SET ring = ring + 1", Get("t/a"), "store_rolled_back"),
    // Whose database it is, and how far it was expanded, is for those who open it.
    ("epochs.owner", "UPDATE spike.epochs SET owner = 'me'", Get("t/a"), "a2"),
    ("epochs.schema", "UPDATE spike.epochs SET schema = 99", Get("t/a"), "a2"),
    // Keys make a write that is sent again happen once. A new write has a new one.
    ("write_keys.scope", flip!("write_keys", "scope", "true"), Write, "written"),
    ("write_keys.digest", flip!("write_keys", "digest", "true"), Write, "written"),
    ("write_keys.caller", flip!("write_keys", "caller", "true"), Write, "written"),
    ("write_keys.turn", "UPDATE spike.write_keys SET turn = DEFAULT", Write, "written"),
    ("write_keys.at", "UPDATE spike.write_keys SET at = 0", Write, "written"),
    ("write_keys.commits", "UPDATE spike.write_keys SET commits = ''", Write, "written"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_every_row_is_authenticated_or_of_no_consequence() {
    let stage = Stage::new().await;
    let edited: BTreeSet<_> = EDITS.iter().map(|(column, ..)| (*column).to_owned()).collect();
    let all: BTreeSet<_> = stage.database.columns().await.into_iter().collect();
    assert_eq!(edited, all, "each column has an edit");

    for (number, (column, edit, look, expected)) in EDITS.iter().enumerate() {
        stage.database.edit(edit).await;
        assert_eq!(stage.look(*look, number).await, *expected, "{column}: {edit}");
        stage.database.restore().await;
        let honest = [stage.look(Get("t/a"), 0).await, stage.look(List, 0).await];
        assert_eq!(honest, ["a2", "t/a t/b"], "put back after {column}");
    }
}

/// Rows that are genuine, in places that aren't theirs.
const SWAPS: &[(&str, &str, Look, &str)] = &[
    (
        "two heads",
        "UPDATE spike.heads h SET bytes = o.bytes, mac = o.mac, key = o.key, revision = o.revision,
            current = o.current FROM spike.heads o WHERE h.path <> o.path",
        Get("t/a"),
        "head_forged",
    ),
    (
        "two paths, heads and records",
        "UPDATE spike.heads SET path = CASE path WHEN 't/a' THEN 't/c' ELSE 't/d' END;
         UPDATE spike.records SET path = CASE path WHEN 't/a' THEN 't/c' ELSE 't/d' END",
        Get("t/c"),
        "head_forged",
    ),
    (
        "two versions",
        "UPDATE spike.records r SET bytes = o.bytes FROM spike.records o
         WHERE r.path = 't/a' AND o.path = 't/a' AND r.version <> o.version",
        Get("t/a"),
        "record_forged",
    ),
    (
        "records of two paths",
        "UPDATE spike.records r SET bytes = o.bytes FROM spike.records o
         WHERE r.path = 't/a' AND r.version = 2 AND o.path = 't/b'",
        Get("t/a"),
        "record_forged",
    ),
    (
        "an old record for the present one",
        "UPDATE spike.records r SET bytes = o.bytes FROM spike.records o
         WHERE r.path = 't/a' AND r.version = 2 AND o.path = 't/a' AND o.version = 1",
        Get("t/a"),
        "record_forged",
    ),
    ("no record", "DELETE FROM spike.records", Get("t/a"), "record_missing"),
    (
        "manifest and policy",
        "UPDATE spike.documents d SET bytes = o.bytes FROM spike.documents o
         WHERE d.kind = 2 AND o.kind = 3",
        Policies,
        "manifest_forged",
    ),
    ("no manifest", "DELETE FROM spike.documents WHERE kind = 2", Policies, "store_rolled_back"),
    ("no policies", "DELETE FROM spike.documents WHERE kind = 3", Policies, "policy_missing"),
    ("no epochs", "DELETE FROM spike.epochs", Get("t/a"), "store_corrupt"),
];

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_the_place_of_others_are_refused() {
    let stage = Stage::new().await;
    for (number, (what, swap, look, expected)) in SWAPS.iter().enumerate() {
        stage.database.edit(swap).await;
        assert_eq!(stage.look(*look, number).await, *expected, "{what}");
        stage.database.restore().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_stays_deleted_though_its_rows_are_put_back() {
    let stage = Stage::new().await;
    stage.replica.delete(ROOT, "t/a", &[]).await.expect("deleted");
    stage
        .database
        .edit("DELETE FROM spike.records; INSERT INTO spike.records TABLE kept.records")
        .await;
    assert_eq!(code(stage.replica.get(ROOT, "t/a", 2).await), "not_found");
    stage.database.edit("UPDATE spike.heads SET current = 2 WHERE path = 't/a'").await;
    assert_eq!(stage.look(Get("t/a"), 0).await, "head_forged", "its current version moved back");
}

/// The rows of a policy that was revoked are put back, one by one and all together.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_policy_that_is_put_back_stays_revoked() {
    let stage = Stage::new().await;
    stage.replica.revoke("r").await.expect("revoked");
    assert_eq!(code(stage.replica.get(APP, "t/b", 0).await), "denied");
    let steps = [
        ("INSERT INTO spike.documents SELECT * FROM kept.documents WHERE kind = 3", "denied"),
        (
            "DELETE FROM spike.documents WHERE kind = 2;
             INSERT INTO spike.documents SELECT * FROM kept.documents WHERE kind = 2",
            "manifest_forged",
        ),
    ];
    for (number, (step, expected)) in steps.into_iter().enumerate() {
        stage.database.edit(step).await;
        assert_eq!(stage.look(Policies, number).await, expected, "{step}");
    }
    stage.database.restore().await;
    let found = code(stage.replica.get(APP, "t/b", 0).await);
    assert_eq!(found, "store_rolled_back", "all of it, to one who saw the revocation");
}
