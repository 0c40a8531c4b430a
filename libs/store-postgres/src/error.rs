//! What PostgreSQL's failures mean to a caller, and what a person can do about each.

use std::{borrow::Cow, error::Error as StdError, io, sync::Arc};

use spike_core::cause::innermost;
use spike_store::StoreError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Of a statement that changed nothing, whatever became of it.
pub(crate) fn failed(error: sqlx::Error) -> StoreError {
    match Class::of(&error) {
        Class::Corrupt => StoreError::Corrupt(error.to_string()),
        class => StoreError::Unavailable {
            class: class.told(&error),
            reason: class.explain(&error),
            retryable: class.mends_itself(),
            cause: Some(Arc::new(error)),
        },
    }
}

/// Of an attempt to come in, with a password or without one.
pub(crate) fn not_let_in(error: sqlx::Error, has_password: bool) -> StoreError {
    match Class::of(&error) {
        Class::Password if !has_password => StoreError::busy(
            "the server wants a password and none was given: set SPIKE_NEXUS_STORE_PASSWORD_FILE",
        ),
        _ => failed(error),
    }
}

/// Of a `COMMIT`, or of a statement that commits.
///
/// An ERROR says that the transaction was rolled back. Everything graver, and everything that isn't
/// the server's word, may come after the commit.
pub(crate) fn commit_failed(error: sqlx::Error) -> StoreError {
    match postgres(&error).map(PgDatabaseError::severity) {
        Some(PgSeverity::Error) => failed(error),
        _ => StoreError::Ambiguous { source: Some(Arc::new(error)) },
    }
}

/// True if the connection is as good as before: the server answered, and goes on.
pub(crate) fn is_survived(error: &sqlx::Error) -> bool {
    let said = postgres(error).is_some_and(|said| said.severity() == PgSeverity::Error);
    said && !matches!(Class::of(error), Class::ReadOnly | Class::Stale | Class::Corrupt)
}

/// True if an attempt to connect says that the server isn't there, or takes no writes. Whom it lets
/// in, and how many, is no matter to those who are in.
pub(crate) fn is_gone(error: &sqlx::Error) -> bool {
    use Class::{Lost, ReadOnly, Refused, Starting, Stopping};
    matches!(Class::of(error), Refused | Lost | Stopping | Starting | ReadOnly)
}

/// True if a statement names what isn't there.
pub(crate) fn is_unknown(error: &sqlx::Error) -> bool {
    Class::of(error) == Class::NoSchema
}

/// Failures that call for the same remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Password,
    NotAdmitted,
    NoDatabase,
    Pooler,
    Crowded,
    DiskFull,
    MemoryFull,
    Disk,
    Stopping,
    Starting,
    Ended,
    ReadOnly,
    NoSchema,
    NoPermission,
    Race,
    Slow,
    Stale,
    Corrupt,
    Untrusted,
    WrongName,
    Expired,
    NoTls,
    Handshake,
    NoHost,
    Refused,
    Lost,
    Other,
}

impl Class {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(_) => postgres(error).map_or(Self::Other, Self::of_server),
            sqlx::Error::Io(error) => Self::of_io(error),
            sqlx::Error::Tls(error) => Self::of_tls(error.as_ref()),
            sqlx::Error::Protocol(_) => Self::Lost,
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Self::Corrupt,
            _ => Self::Other,
        }
    }

    fn of_server(said: &PgDatabaseError) -> Self {
        match (said.code(), said.message()) {
            ("08P01", message) if message.contains("startup parameter") => Self::Pooler,
            (code, _) => match Self::of_code(code) {
                Self::Other if ends_session(said) => Self::Ended,
                class => class,
            },
        }
    }

    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    fn of_code(code: &str) -> Self {
        match code {
            "28P01" => Self::Password,
            "28000" => Self::NotAdmitted,
            "3D000" => Self::NoDatabase,
            "53300" => Self::Crowded,
            "53100" => Self::DiskFull,
            "53200" => Self::MemoryFull,
            "58030" | "58P01" => Self::Disk,
            "57P01" | "57P02" => Self::Stopping,
            "57P03" => Self::Starting,
            "25006" => Self::ReadOnly,
            "42P01" | "42703" | "42704" | "42883" | "3F000" => Self::NoSchema,
            "42501" => Self::NoPermission,
            "40001" | "40P01" | "55P03" => Self::Race,
            "57014" | "25P03" => Self::Slow,
            // A prepared statement or its tables are no longer what they were.
            "0A000" | "26000" => Self::Stale,
            "XX001" | "XX002" => Self::Corrupt,
            code if code.starts_with("08") => Self::Lost,
            _ => Self::Other,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        if let Some(inner) = error.get_ref().filter(|inner| inner.is::<rustls::Error>()) {
            return Self::of_tls(inner);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            // The standard library has no kind for what the resolver says.
            _ if error.to_string().starts_with("failed to lookup address") => Self::NoHost,
            _ => Self::Lost,
        }
    }

    fn of_tls(error: &(dyn StdError + 'static)) -> Self {
        use rustls::{CertificateError, Error};
        match error.downcast_ref() {
            Some(Error::InvalidCertificate(error)) => match error {
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::WrongName,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::Expired,
                _ => Self::Untrusted,
            },
            None if error.to_string().contains("does not support TLS") => Self::NoTls,
            _ => Self::Handshake,
        }
    }

    /// True if the same call may work later though nobody read this.
    ///
    /// Most of these wait for a person. A password may just have been rotated on one side only, a
    /// schema or its grants may be on their way: whoever waits for it goes on waiting.
    const fn mends_itself(self) -> bool {
        !matches!(self, Self::Corrupt | Self::Other)
    }

    /// Problem and remedy without a word of the server's, which may repeat a statement.
    fn told(self, error: &sqlx::Error) -> Cow<'static, str> {
        match (postgres(error), self) {
            (Some(said), Self::Other) => {
                format!("the server failed (SQLSTATE {})", said.code()).into()
            }
            (Some(said), _) => format!("{} (SQLSTATE {})", self.text(), said.code()).into(),
            (None, _) => self.text().into(),
        }
    }

    /// Problem and remedy, for our log. What the server said goes along only where nothing better
    /// is known.
    fn explain(self, error: &sqlx::Error) -> String {
        let text = self.text();
        match (postgres(error), self) {
            (Some(said), Self::Other) => format!("{} (SQLSTATE {})", said.message(), said.code()),
            (Some(said), Self::NoPermission | Self::NoSchema | Self::Ended) => {
                format!("{text} ({}, SQLSTATE {})", said.message(), said.code())
            }
            (Some(said), _) => format!("{text} (SQLSTATE {})", said.code()),
            (None, Self::Refused) => text.to_owned(),
            (None, _) => format!("{text} ({})", innermost(error)),
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Password => {
                "the server refuses this user with this password: mend \
                 SPIKE_NEXUS_STORE_PASSWORD_FILE or SPIKE_NEXUS_STORE_URL"
            }
            Self::NotAdmitted => {
                "the server doesn't let this user in like this: mend its pg_hba.conf, the role, or \
                 sslmode in SPIKE_NEXUS_STORE_URL"
            }
            Self::NoDatabase => {
                "there is no such database: create it, or mend SPIKE_NEXUS_STORE_URL"
            }
            Self::Pooler => {
                "a connection pooler (PgBouncer, say) answers there, and takes no settings for a \
                 session: name PostgreSQL itself in SPIKE_NEXUS_STORE_URL, whose `connections` \
                 bounds them"
            }
            Self::Crowded => {
                "no connection is free: raise max_connections on the server or the role's limit, or \
                 lower `connections` in SPIKE_NEXUS_STORE_URL"
            }
            Self::DiskFull => "the server's disk is full: give it space",
            Self::MemoryFull => "the server is out of memory",
            Self::Disk => "the server can't read or write its files: look at its log and disk",
            Self::Stopping => "the server is being stopped",
            Self::Starting => "the server is starting, and not ready yet",
            Self::Ended => "the server ended the session",
            Self::ReadOnly => "the server takes no writes: it is a standby, or set so",
            Self::NoSchema => {
                "the schema is missing or incomplete: run `nexus store schema expand` as the owner"
            }
            Self::NoPermission => {
                "this user may not do that: let the schema's owner run `nexus store schema \
                 expand --grant USER`, or be the owner"
            }
            Self::Race => "another transaction was in the way",
            Self::Slow => "the server took longer than the session allows",
            Self::Stale => "the schema changed under a prepared statement",
            Self::Corrupt => "the server found its data damaged",
            Self::Untrusted => {
                "the server's certificate comes from no trusted authority: mend \
                 SPIKE_NEXUS_STORE_CA_FILE"
            }
            Self::WrongName => {
                "the server's certificate is for another name: use a name that it holds in \
                 SPIKE_NEXUS_STORE_URL, or sslmode=verify-ca"
            }
            Self::Expired => "the server's certificate is expired or not valid yet: renew it",
            Self::NoTls => {
                "the server doesn't encrypt: set ssl = on there; sslmode=disable goes without"
            }
            Self::Handshake => "the TLS handshake failed",
            Self::NoHost => "the host can't be found: mend SPIKE_NEXUS_STORE_URL or DNS",
            Self::Refused => "nothing listens there",
            Self::Lost => "the connection was lost",
            Self::Other => "the driver failed",
        }
    }
}

/// True of what ends a session for the server's own reasons: resources, operators, the system. A new
/// session may fare better.
fn ends_session(said: &PgDatabaseError) -> bool {
    let is_error = said.severity() == PgSeverity::Error;
    !is_error && ["53", "57", "58"].iter().any(|class| said.code().starts_with(class))
}

fn postgres(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

#[cfg(test)]
mod tests;
