//! What the database must look like, and how it comes to.
//!
//! A schema changes in steps of two halves, so that two versions of Spike can work side by side.
//! *Expanding* adds what a later version needs and leaves all that an earlier one uses. *Contracting*
//! takes away what only earlier ones used, once none of them is left; from then on they are refused,
//! at their next statement, by the row that every statement reads. Opening a store does neither: the
//! role that serves requests may not alter tables.

use spike_store::{Result, StoreError};
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgRow};

use crate::{
    error::{failed, is_unknown},
    rows,
};

/// The schema that this program works with.
pub const SCHEMA: u32 = 1;

/// One change of the schema. What was released never changes again.
struct Step {
    expand: &'static str,
    contract: &'static str,
}

/// Step `n` leads to schema `n + 1`.
const STEPS: [Step; SCHEMA as usize] =
    [Step { expand: include_str!("schema/1.expand.sql"), contract: "" }];

/// What the role that serves requests may do, and nothing else.
const GRANTS: &str = include_str!("schema/grants.sql");

/// Begins a change of the schema. Two at once take turns, however long they take, and one that would have to wait long for a
/// table gives up rather than have every request wait behind it.
const BEGIN: &str = "
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL statement_timeout = 0;
SET LOCAL synchronous_commit = on;
SET LOCAL lock_timeout = 0;
SELECT pg_advisory_xact_lock(358368242533); -- 'Spike' in ASCII
SET LOCAL lock_timeout = '5s'";

const LOCK: &str = "LOCK TABLE spike.epochs IN EXCLUSIVE MODE";

/// Whether our tables are there, and what else is in a schema of our name.
const LOOK: &str = "
SELECT to_regclass('spike.epochs') IS NOT NULL AS ours,
       (SELECT count(*) FROM pg_catalog.pg_class c
        WHERE c.relnamespace = to_regnamespace('spike')) AS relations,
       current_database()::text AS database";

const PRESENT: &str = "SELECT owner, schema, min_reader FROM spike.epochs WHERE one = 1";

/// By rights on all tables: one that a later step added is not the earlier grant's.
const SERVERS: &str = "
WITH tables AS (SELECT c.oid, c.relowner, c.relacl
                FROM pg_catalog.pg_class c
                WHERE c.relnamespace = to_regnamespace('spike') AND c.relkind = 'r')
SELECT r.rolname::text FROM pg_catalog.pg_roles r
WHERE r.oid IN (SELECT a.grantee FROM tables t, aclexplode(t.relacl) a WHERE a.grantee <> t.relowner)
  AND has_schema_privilege(r.oid, to_regnamespace('spike')::oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM tables t
                  WHERE NOT (has_table_privilege(r.oid, t.oid, 'SELECT')
                             AND has_table_privilege(r.oid, t.oid, 'UPDATE')))
ORDER BY 1";

/// How far a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The schema that it was expanded to; 0 if there is none.
    pub present: u32,
    /// The earliest version of the schema whose programs still understand it; 0 if there is none.
    pub min_reader: u32,
    /// The schema that this program works with.
    pub wanted: u32,
}

impl Status {
    /// Refuses a database that this program can't work with, and says what to do.
    pub fn check(self) -> Result<()> {
        if self.present < self.wanted {
            return Err(StoreError::Schema {
                found: self.present,
                supported: self.wanted,
                remedy: "run `nexus store schema expand` as the owner of the database",
            });
        }
        if self.min_reader > self.wanted {
            Err(too_new(self.min_reader, self.wanted))
        } else {
            Ok(())
        }
    }

    /// True if [`expand`] has something to do.
    pub const fn can_expand(self) -> bool {
        self.present < self.wanted
    }

    /// True if [`contract`] has something to do: then every running Nexus must be of this version or
    /// a later one.
    pub const fn can_contract(self) -> bool {
        self.present >= self.wanted && self.min_reader < self.wanted
    }
}

/// How far the database of this connection is. Refuses one that has something else of our name.
pub async fn status(connection: &mut PgConnection) -> Result<Status> {
    let look = sqlx::raw_sql(LOOK).fetch_one(&mut *connection).await.map_err(failed)?;
    if !rows::get::<bool>(&look, "ours")? {
        return match rows::get::<i64>(&look, "relations")? {
            0 => Ok(Status { present: 0, min_reader: 0, wanted: SCHEMA }),
            _ => Err(foreign(&look)?),
        };
    }
    let present = sqlx::raw_sql(PRESENT).fetch_optional(connection).await;
    let present = match present {
        Ok(present) => present,
        // Their table may have our name and other columns.
        Err(error) if is_unknown(&error) => return Err(foreign(&look)?),
        Err(error) => return Err(failed(error)),
    };
    let present = present.ok_or_else(rows::no_epochs)?;
    if rows::get::<String>(&present, "owner")? != "spike-nexus" {
        return Err(foreign(&look)?);
    }
    let number = |column| -> Result<u32> {
        let number: i32 = rows::get(&present, column)?;
        number.try_into().map_err(|_| StoreError::Corrupt(format!("{column} is {number}")))
    };
    Ok(Status { present: number("schema")?, min_reader: number("min_reader")?, wanted: SCHEMA })
}

/// Adds what this program needs. Programs of earlier versions go on working beside it.
///
/// Needs the owner of the schema `spike`, or one who may create it. Does nothing to a database that
/// has it all.
pub async fn expand(connection: &mut PgConnection) -> Result<Status> {
    change(connection, &STEPS, Half::Expand).await
}

/// Takes away what only programs of earlier versions need, and has them refused from now on.
pub async fn contract(connection: &mut PgConnection) -> Result<Status> {
    change(connection, &STEPS, Half::Contract).await
}

/// True if the server has a role of this name.
pub async fn has_role(connection: &mut PgConnection, role: &str) -> Result<bool> {
    let asked =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)");
    asked.bind(role.to_owned()).fetch_one(connection).await.map_err(failed)
}

/// Lets a role do what serving requests takes: read and write rows, and alter nothing.
///
/// To be repeated after each [`expand`], which may have added tables.
pub async fn grant(connection: &mut PgConnection, role: &str) -> Result<()> {
    let quoted = sqlx::query_scalar("SELECT quote_ident($1)").bind(role.to_owned());
    let quoted: String = quoted.fetch_one(&mut *connection).await.map_err(failed)?;
    let grants = GRANTS.replace(":role", &quoted);
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// The roles that may serve, besides the owner and superusers: those that somebody let read and
/// change rows of each of our tables. None without a schema.
pub async fn servers(connection: &mut PgConnection) -> Result<Vec<String>> {
    sqlx::query_scalar(SERVERS).fetch_all(connection).await.map_err(failed)
}

/// Refuses what was contracted beyond our understanding.
pub(crate) fn readable(min_reader: i32) -> Result<()> {
    match u32::try_from(min_reader) {
        Ok(min_reader) if min_reader <= SCHEMA => Ok(()),
        found => Err(too_new(found.unwrap_or_default(), SCHEMA)),
    }
}

fn too_new(found: u32, supported: u32) -> StoreError {
    let remedy = "run the version of Spike that contracted it, or a newer one";
    StoreError::Schema { found, supported, remedy }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Expand,
    Contract,
}

async fn change(connection: &mut PgConnection, steps: &[Step], half: Half) -> Result<Status> {
    sqlx::raw_sql(BEGIN).execute(&mut *connection).await.map_err(failed)?;
    let changed = within(connection, steps, half).await;
    let end = if changed.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = sqlx::raw_sql(end).execute(&mut *connection).await.map_err(failed);
    changed?;
    ended?;
    status(connection).await
}

async fn within(connection: &mut PgConnection, steps: &[Step], half: Half) -> Result<()> {
    let status = Status { wanted: count(steps), ..status(connection).await? };
    if half == Half::Contract {
        status.check()?;
        // Nobody who would be refused afterwards is in the middle of a write.
        sqlx::raw_sql(LOCK).execute(&mut *connection).await.map_err(failed)?;
    }
    let (done, note) = match half {
        Half::Expand => (status.present, "UPDATE spike.epochs SET schema = $1"),
        Half::Contract => (status.min_reader, "UPDATE spike.epochs SET min_reader = $1"),
    };
    for (number, step) in (1_i32..).zip(steps).skip(done as usize) {
        let sql = if half == Half::Expand { step.expand } else { step.contract };
        sqlx::raw_sql(sql).execute(&mut *connection).await.map_err(failed)?;
        sqlx::query(note).bind(number).execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

fn count(steps: &[Step]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

fn foreign(look: &PgRow) -> Result<StoreError> {
    let database: String = rows::get(look, "database")?;
    Ok(StoreError::Unusable(format!(
        "the database {database} has a schema named spike that isn't ours: name another database"
    )))
}

#[cfg(test)]
mod tests;
