//! What a server says of itself before we believe that it is the one to write to.

use spike_store::StoreError;
use sqlx::{PgConnection, Row, postgres::PgConnectOptions};

use super::{
    files::Files,
    options::{Host, Options},
};

/// The oldest server whose behaviour the statements rely on.
const OLDEST: u32 = 140_000;

/// What every session is told at its start, whatever the server, its roles or databases say.
///
/// A commit is on disk, and on the synchronous standby if there is one, before it is acknowledged.
/// No statement, lock or forgotten transaction can hold others up for longer than a request lives.
/// Names mean our schema and PostgreSQL's own, nobody else's. A peer that is gone is noticed; a
/// session that waits for work is left alone.
///
/// Every statement looks rows up by their keys, one by one, and is planned once to do so. No
/// statistics may tell otherwise: those of a table that was small a minute ago would have each commit
/// read all of it.
const SETTINGS: [(&str, &str); 16] = [
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("search_path", "spike, pg_temp"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("statement_timeout", "10s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("idle_session_timeout", "0"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
];

/// Who we say we are.
const NAME: &str = "spike-nexus";

/// How to open a session on this host.
pub(super) fn session(options: &Options, host: &Host, files: &Files) -> PgConnectOptions {
    // libpq's own variables (PGSSLROOTCERT, PGPASSWORD, …) decide nothing: each is overruled.
    let session = PgConnectOptions::new_without_pgpass()
        .host(&host.name)
        .port(host.port)
        .username(&options.user)
        .password(files.password.as_deref().map_or("", String::as_str))
        .database(&options.database)
        .ssl_mode(options.protection.mode())
        .ssl_root_cert_from_pem(files.authorities.clone().unwrap_or_default())
        .application_name(NAME)
        .options(SETTINGS);
    sqlx::ConnectOptions::disable_statement_logging(session)
}

/// A server as it presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    /// Rises with every promotion; `None` for a standby.
    pub(super) timeline: Option<u32>,
    /// It takes no writes, for whatever reason.
    pub(super) read_only: bool,
    /// It keeps text as UTF-8.
    pub(super) utf8: bool,
    /// The session has the settings that it was opened with.
    pub(super) settings: bool,
    /// Its version as PostgreSQL counts, such as 150004.
    pub(super) version: u32,
    /// The process that serves us.
    pub(super) process: Process,
}

/// A process of the server, not to be taken for a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// When it began, in seconds as PostgreSQL writes them.
    pub(super) since: String,
}

/// Asked as text: a pooler can't take a statement that was prepared elsewhere for an excuse.
const GREETING: &str = "\
SELECT CASE WHEN pg_is_in_recovery() THEN NULL
            ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END,
       current_setting('transaction_read_only') = 'on',
       current_setting('server_encoding') = 'UTF8',
       current_setting('synchronous_commit') = 'on'
           AND current_setting('statement_timeout') = '10s'
           AND current_setting('search_path') = 'spike, pg_temp',
       current_setting('server_version_num'),
       pid, extract(epoch FROM backend_start)::text
FROM pg_stat_activity WHERE pid = pg_backend_pid()";

impl Greeting {
    /// Asks the server behind a new connection.
    pub(super) async fn of(connection: &mut PgConnection) -> sqlx::Result<Self> {
        let row = sqlx::raw_sql(GREETING).fetch_one(connection).await?;
        let timeline: Option<&str> = row.try_get(0)?;
        Ok(Self {
            timeline: timeline.map(|hex| u32::from_str_radix(hex, 16).unwrap_or_default()),
            read_only: row.try_get(1)?,
            utf8: row.try_get(2)?,
            settings: row.try_get(3)?,
            version: row.try_get::<&str, _>(4)?.parse().unwrap_or_default(),
            process: Process { pid: row.try_get(5)?, since: row.try_get(6)? },
        })
    }
}

/// Why a server that answers is not the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// Nothing of this mends itself.
    #[error(
        "a connection pooler (PgBouncer, say) answers there, and drops the settings of sessions: \
         name PostgreSQL itself in SPIKE_NEXUS_STORE_URL, whose `connections` bounds them"
    )]
    Pooler,
    #[error("PostgreSQL is older than version {}: upgrade it", OLDEST / 10_000)]
    Old,
    #[error("the database's encoding is not UTF8: create one that is")]
    Encoding,
    /// These do, once somebody promotes, or moves a service to the right server.
    #[error("it is a standby: name the primary too, or wait for a promotion")]
    Standby,
    #[error("it takes no writes (default_transaction_read_only)")]
    ReadOnly,
    #[error(
        "it is an old primary: another has been promoted since. Stop it; if this one is right, \
         restart Nexus"
    )]
    Outdated,
}

impl Unfit {
    /// True if waiting can't help.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Pooler | Self::Old | Self::Encoding)
    }

    pub(super) fn error(self) -> StoreError {
        let text = self.to_string();
        if self.is_final() { StoreError::Unusable(text) } else { StoreError::busy(text) }
    }
}

/// Whether this is the server to work with, for someone who has seen `timeline` already.
pub(super) fn judge(greeting: &Greeting, timeline: u32) -> Result<(), Unfit> {
    let reasons = [
        (!greeting.settings, Unfit::Pooler),
        (greeting.version < OLDEST, Unfit::Old),
        (!greeting.utf8, Unfit::Encoding),
        (greeting.timeline.is_none(), Unfit::Standby),
        (greeting.read_only, Unfit::ReadOnly),
        (greeting.timeline < Some(timeline), Unfit::Outdated),
    ];
    reasons.into_iter().find(|(holds, _)| *holds).map_or(Ok(()), |(_, unfit)| Err(unfit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: Greeting = Greeting {
        timeline: Some(3),
        read_only: false,
        utf8: true,
        settings: true,
        version: 150_004,
        process: Process { pid: 7, since: String::new() },
    };

    #[test]
    fn a_primary_that_is_no_older_than_the_last_one_is_the_one() {
        assert_eq!(judge(&PRIMARY, 0), Ok(()));
        assert_eq!(judge(&PRIMARY, 3), Ok(()));
        assert_eq!(judge(&PRIMARY, 4), Err(Unfit::Outdated));
    }

    #[test]
    fn each_server_that_is_not_has_its_own_reason() {
        let standby = Greeting { read_only: true, timeline: None, ..PRIMARY };
        for (greeting, unfit) in [
            (standby, Unfit::Standby),
            (Greeting { read_only: true, ..PRIMARY }, Unfit::ReadOnly),
            (Greeting { utf8: false, ..PRIMARY }, Unfit::Encoding),
            (Greeting { version: 130_020, ..PRIMARY }, Unfit::Old),
            (Greeting { settings: false, timeline: None, ..PRIMARY }, Unfit::Pooler),
        ] {
            assert_eq!(judge(&greeting, 0), Err(unfit));
        }
    }
}
