//! Whether the server takes writes, proved by one that changes nothing.

use spike_store::{Call, Result, StoreError};
use tokio::time::timeout_at;

use crate::{link::Link, rows};

/// A row lock is written to the log and waits for disk and standby like any commit, and leaves the
/// row as it is.
const CHECK: &str = "
SELECT counter, tag, ring, min_reader, schema,
       current_setting('server_version') AS server_version,
       current_setting('synchronous_standby_names') <> ''
           AND current_setting('synchronous_commit') IN ('on', 'remote_apply')
           AND current_setting('fsync') = 'on'
           AND current_setting('full_page_writes') = 'on' AS on_standby
FROM spike.epochs WHERE one = 1 FOR KEY SHARE";

/// What a server that takes writes says of itself.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) schema: u32,
    pub(crate) server_version: String,
    /// An acknowledged write is on a standby too, and both keep what was written to disk.
    pub(crate) on_standby: bool,
}

pub(super) async fn check(link: &Link, call: &Call) -> Result<Checked> {
    let mut lent = link.writer(call.deadline).await?;
    let asked = timeout_at(call.deadline, sqlx::query(CHECK).fetch_optional(&mut *lent)).await;
    let Some(row) = lent.answered(asked)? else { return Err(rows::no_epochs()) };
    rows::epochs(&row)?;
    let schema: i32 = rows::get(&row, "schema")?;
    Ok(Checked {
        schema: u32::try_from(schema)
            .map_err(|_| StoreError::Corrupt(format!("the schema is {schema}")))?,
        server_version: rows::get(&row, "server_version")?,
        on_standby: rows::get(&row, "on_standby")?,
    })
}
