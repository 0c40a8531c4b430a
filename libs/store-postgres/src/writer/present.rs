//! Why a batch was not written: one look at all that it touches, of one snapshot.

use std::collections::HashMap;

use spike_core::SecretPath;
use spike_store::{
    Batch, Result,
    decide::{First, Present},
    outcome,
};
use sqlx::postgres::PgRow;
use tokio::time::{Instant, timeout_at};

use crate::{link::Link, rows};

/// `$1` are paths, `$2` scopes; the shorter of the two is filled up with nulls.
const LOOK: &str = "
SELECT e.counter, e.tag, e.ring, e.min_reader, w.wanted,
       h.revision, h.current, h.bytes AS head_bytes, h.key, h.mac,
       k.digest, k.commits
FROM spike.epochs e
LEFT JOIN unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS w (path, scope, wanted) ON true
LEFT JOIN spike.heads h ON h.path = w.path
LEFT JOIN spike.write_keys k ON k.scope = w.scope
WHERE e.one = 1";

/// What the batches of a group touch.
pub(super) struct Wanted {
    paths: Vec<SecretPath>,
    scopes: Vec<[u8; 32]>,
}

impl Wanted {
    pub(super) fn of<'b>(batches: impl Iterator<Item = &'b Batch> + Clone) -> Self {
        let commits = batches.clone().flat_map(|batch| &batch.commits);
        let scopes = batches.filter_map(|batch| Some(batch.key.as_ref()?.scope));
        let paths = commits.map(|commit| commit.path.clone());
        Self { paths: paths.collect(), scopes: scopes.collect() }
    }

    /// Looks at it.
    pub(super) async fn present(&self, link: &Link, deadline: Instant) -> Result<Present> {
        let paths: Vec<_> = self.paths.iter().map(SecretPath::as_str).collect();
        let scopes: Vec<_> = self.scopes.iter().map(<[u8; 32]>::as_slice).collect();
        let look = sqlx::query(LOOK).bind(paths).bind(scopes);
        let mut lent = link.writer(deadline).await?;
        let rows = timeout_at(deadline, look.fetch_all(&mut *lent)).await;
        self.found(&lent.answered(rows)?)
    }

    fn found(&self, rows: &[PgRow]) -> Result<Present> {
        let (mut heads, mut keys) = (HashMap::new(), HashMap::new());
        for row in rows {
            let Some(place) = rows::place(row)? else { continue };
            if let (Some(path), Some(head)) = (self.paths.get(place), rows::head(row).transpose()) {
                heads.insert(path.clone(), head);
            }
            if let (Some(scope), Some(first)) = (self.scopes.get(place), first(row).transpose()) {
                keys.insert(*scope, first);
            }
        }
        Ok(Present { epochs: rows::epochs_of(rows)?, heads, keys })
    }
}

/// Columns of a row of `write_keys`; `None` if the join found none.
fn first(row: &PgRow) -> Result<Option<First>> {
    let Some(commits) = rows::get::<Option<Vec<u8>>>(row, "commits")? else { return Ok(None) };
    Ok(Some(First { digest: rows::exact(row, "digest")?, commits: outcome::decode(&commits)? }))
}
