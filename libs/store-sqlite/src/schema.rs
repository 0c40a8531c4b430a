//! Whose file it is, and which format it has.

use spike_store::{Result, StoreError};
use sqlx::{Connection, Row, SqliteConnection};

use crate::error::failed;

/// The format that this program writes.
pub(crate) const SCHEMA: u32 = 1;

/// "Spke", in the header of each of our files.
const APPLICATION: i64 = 0x5370_6b65;

/// Step `n` brings a file of format `n` to format `n + 1`.
const STEPS: [&str; SCHEMA as usize] = [include_str!("../migrations/1.sql")];

/// Tables of SPIKE's own database (v0.8).
const OF_SPIKE: [&str; 3] = ["secrets", "secret_metadata", "policies"];

/// Makes the schema or brings it up to date, if [`recognise`] still finds what it found.
pub(crate) async fn migrate(connection: &mut SqliteConnection, file: &str) -> Result<()> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(failed)?;
    let found = match recognise(connection, file).await {
        Ok(found) => found,
        Err(refused) => {
            sqlx::query("ROLLBACK").execute(connection).await.map_err(failed)?;
            return Err(refused);
        }
    };
    for step in STEPS.iter().skip(found as usize) {
        sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(failed)?;
    }
    sqlx::query("COMMIT").execute(connection).await.map_err(failed)?;
    Ok(())
}

/// [`recognise`] at one moment: another process may be making the schema just now.
pub(crate) async fn may_be_ours(connection: &mut SqliteConnection, file: &str) -> Result<()> {
    let mut moment = connection.begin().await.map_err(failed)?;
    let found = recognise(&mut moment, file).await;
    moment.rollback().await.map_err(failed)?;
    found.map(drop)
}

/// The format of our own file, 0 for an empty one. Refuses what isn't ours or is newer than we are,
/// and writes nothing.
async fn recognise(connection: &mut SqliteConnection, file: &str) -> Result<u32> {
    let application = pragma(connection, "PRAGMA application_id").await?;
    let found = pragma(connection, "PRAGMA user_version").await?;
    if application == APPLICATION {
        let found = u32::try_from(found)
            .map_err(|_| StoreError::Corrupt(format!("{file} has the format {found}")))?;
        return if found <= SCHEMA { Ok(found) } else { Err(too_new(found)) };
    }
    let rows = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let tables: Vec<String> = rows.iter().filter_map(|row| row.try_get("name").ok()).collect();
    if tables.is_empty() && application == 0 {
        return Ok(0);
    }
    Err(StoreError::Unusable(if OF_SPIKE.iter().all(|of| tables.iter().any(|name| name == of)) {
        format!(
            "{file} is the database of SPIKE itself, which this version cannot read: name a new file"
        )
    } else {
        format!("{file} is the database of another program: name a new file")
    }))
}

fn too_new(found: u32) -> StoreError {
    StoreError::Schema {
        found,
        supported: SCHEMA,
        remedy: "run the version of Spike that wrote it, or a newer one",
    }
}

async fn pragma(connection: &mut SqliteConnection, pragma: &'static str) -> Result<i64> {
    sqlx::query_scalar(pragma).fetch_one(connection).await.map_err(failed)
}
