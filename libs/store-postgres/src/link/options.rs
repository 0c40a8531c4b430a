//! Which servers, as whom, how well protected: from one URL, whole or not at all.

use std::{fmt, path::PathBuf};

use sqlx::postgres::PgSslMode;
use zeroize::Zeroizing;

/// A server's port if the URL names none.
const DEFAULT_PORT: u16 = 5432;

/// More servers than anyone runs of one cluster: bounds how many are asked at once.
const MOST_HOSTS: usize = 8;

/// How many connections one Nexus has if the URL doesn't say: four lanes of batched reads and as
/// many beside them, half as many for writes, whose groups pay for few.
const CONNECTIONS: u32 = 12;

/// At least one to write and one to read; more than a server with its defaults has is a mistake.
const CONNECTIONS_RANGE: std::ops::RangeInclusive<u32> = 2..=500;

/// Where the store is and how it is reached.
#[derive(Clone)]
pub struct Options {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) protection: Protection,
    pub(super) connections: u32,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: u16,
}

/// What stands between us and whoever is on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Encrypted, to a server whose certificate names the host and comes from a trusted authority.
    VerifyFull,
    /// As before, but any host of that authority will do.
    VerifyCa,
    /// Encrypted, to whoever answers.
    Require,
    /// In clear.
    Disable,
}

/// Why a URL is refused. Nothing of the URL is repeated but the names of its parameters: anything
/// else may be a password in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It names another kind of store.
    #[error("not a postgres:// URL")]
    Scheme,
    /// There is no user before an `@`.
    #[error("no user, or a password with @ / ? or # in it that isn't percent-encoded")]
    User,
    /// There is no host, or one that can't be.
    #[error("not a list of host[:port], separated by commas, of at most {MOST_HOSTS}")]
    Hosts,
    /// There is no database.
    #[error("no database")]
    Database,
    /// A `%` that encodes nothing.
    #[error("a % that isn't followed by the two hex digits of a character")]
    Encoding,
    /// A parameter that means nothing here.
    #[error("the parameter {0:?} is not one of sslmode, connections{hint}", hint = hint(.0))]
    Parameter(String),
    /// A mode that protects against nobody in particular.
    #[error(
        "sslmode={0:?} is not one of verify-full (the default), verify-ca, require, disable; \
         those that fall back to clear text on request are none"
    )]
    SslMode(String),
    /// A number of connections that can't be.
    #[error(
        "connections is not a number from {} to {}",
        CONNECTIONS_RANGE.start(),
        CONNECTIONS_RANGE.end()
    )]
    Connections,
    /// A parameter that is there twice.
    #[error("the parameter {0} is given twice")]
    Twice(&'static str),
}

impl Options {
    /// Understands `postgres://user[:password]@host[:port][,host[:port]…]/database[?parameters]`.
    ///
    /// User, password and database are percent-decoded. Parameters: `sslmode`, `connections`.
    pub fn parse(url: &str) -> Result<Self, InvalidUrl> {
        let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        let rest = rest.ok_or(InvalidUrl::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').ok_or(InvalidUrl::User)?;
        let (user, password) = match user.split_once(':') {
            Some((user, password)) => (user, Some(Zeroizing::new(decoded(password)?))),
            None => (user, None),
        };
        let mut options = Self {
            hosts: of_list(hosts)?,
            user: named(decoded(user)?).ok_or(InvalidUrl::User)?,
            database: named(decoded(database)?).ok_or(InvalidUrl::Database)?,
            password: password.filter(|password| !password.is_empty()),
            password_file: None,
            ca_file: None,
            protection: Protection::VerifyFull,
            connections: CONNECTIONS,
        };
        options.read_parameters(query)?;
        Ok(options)
    }

    /// Takes the password from this file, which may change while we run. It counts instead of one
    /// in the URL.
    #[must_use]
    pub fn password_file(mut self, file: PathBuf) -> Self {
        self.password_file = Some(file);
        self
    }

    /// Trusts the authorities in this file (PEM), which may change while we run.
    #[must_use]
    pub fn ca_file(mut self, file: PathBuf) -> Self {
        self.ca_file = Some(file);
        self
    }

    /// True if the URL holds a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// What the chosen `sslmode` leaves open, if it is anything but the default.
    pub fn weakness(&self) -> Option<&'static str> {
        match self.protection {
            Protection::VerifyFull => None,
            Protection::VerifyCa => Some(
                "sslmode=verify-ca: any server with a certificate of a trusted authority can pose \
                 as the store",
            ),
            Protection::Require => Some(
                "sslmode=require: anyone on the way can pose as the store and learn its password",
            ),
            Protection::Disable => Some(
                "sslmode=disable: anyone on the way can read, change and withhold what goes to the \
                 store",
            ),
        }
    }

    fn read_parameters(&mut self, query: &str) -> Result<(), InvalidUrl> {
        let (mut mode, mut connections) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let seen = match name {
                "sslmode" => (mode.replace(value), "sslmode"),
                "connections" => (connections.replace(value), "connections"),
                _ => return Err(InvalidUrl::Parameter(shown(name))),
            };
            if let (Some(_), name) = seen {
                return Err(InvalidUrl::Twice(name));
            }
        }
        if let Some(mode) = mode {
            self.protection = Protection::of(mode)?;
        }
        if let Some(connections) = connections {
            let number = connections.parse().ok().filter(|n| CONNECTIONS_RANGE.contains(n));
            self.connections = number.ok_or(InvalidUrl::Connections)?;
        }
        Ok(())
    }
}

impl Protection {
    fn of(mode: &str) -> Result<Self, InvalidUrl> {
        Ok(match mode {
            "verify-full" => Self::VerifyFull,
            "verify-ca" => Self::VerifyCa,
            "require" => Self::Require,
            "disable" => Self::Disable,
            other => return Err(InvalidUrl::SslMode(shown(other))),
        })
    }

    pub(super) const fn mode(self) -> PgSslMode {
        match self {
            Self::VerifyFull => PgSslMode::VerifyFull,
            Self::VerifyCa => PgSslMode::VerifyCa,
            Self::Require => PgSslMode::Require,
            Self::Disable => PgSslMode::Disable,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("password", &"[redacted]")
            .finish_non_exhaustive()
    }
}

fn of_list(hosts: &str) -> Result<Vec<Host>, InvalidUrl> {
    let hosts = hosts.split(',').map(host).collect::<Option<Vec<_>>>();
    hosts.filter(|hosts| hosts.len() <= MOST_HOSTS).ok_or(InvalidUrl::Hosts)
}

/// `name`, `name:port`, `[address]`, `[address]:port`.
fn host(text: &str) -> Option<Host> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c) || text.starts_with('[');
    if name.is_empty() || !name.chars().all(fits) {
        return None;
    }
    let port =
        port.map_or(Some(DEFAULT_PORT), |port| port.parse().ok().filter(|&port| port > 0))?;
    Some(Host { name: name.to_owned(), port })
}

fn named(text: String) -> Option<String> {
    (!text.is_empty() && !text.contains('\0')).then_some(text)
}

/// A name as people write it; anything else may be a piece of a password.
fn shown(name: &str) -> String {
    let plain =
        name.len() <= 40 && name.chars().all(|c| c.is_ascii_lowercase() || "-_".contains(c));
    if plain { name.to_owned() } else { "…".to_owned() }
}

/// What other programs call what is said otherwise here.
fn hint(name: &str) -> &'static str {
    match name {
        "ssl" | "tls" | "sslnegotiation" | "ssl-mode" | "ssl_mode" | "requiressl" => {
            ": here it is sslmode"
        }
        "connection" | "max_connections" | "max-connections" | "maxconnections" | "pool_size"
        | "pool_max_conns" | "max_conns" | "connection_limit" => ": here it is connections",
        "sslrootcert" | "sslca" | "ssl-ca" | "ssl_ca" => {
            ": the authority's certificate is in SPIKE_NEXUS_STORE_CA_FILE"
        }
        "password" | "passfile" => ": the password is in SPIKE_NEXUS_STORE_PASSWORD_FILE",
        "user" | "host" | "hostaddr" | "port" | "dbname" => ": it stands before the ?",
        "target_session_attrs" => ": the host that takes writes is found without it",
        _ => "",
    }
}

/// Percent-decoded (RFC 3986 §2.1).
fn decoded(text: &str) -> Result<String, InvalidUrl> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(InvalidUrl::Encoding)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        bytes.push(byte.ok_or(InvalidUrl::Encoding)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| InvalidUrl::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> InvalidUrl {
        Options::parse(url).expect_err(url)
    }

    #[test]
    fn a_url_names_servers_user_database_and_password() {
        let url = "postgres://spike%40x:p%2Fw%3f@db-1:5433,db-2,[::1]:6000,[fd00::1]/sp%20ike\
                   ?sslmode=require&connections=20";
        let options = Options::parse(url).expect("right");
        let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["db-1:5433", "db-2:5432", "[::1]:6000", "[fd00::1]:5432"]);
        assert_eq!((options.user.as_str(), options.database.as_str()), ("spike@x", "sp ike"));
        assert_eq!(options.password.as_deref().map(String::as_str), Some("p/w?"));
        assert_eq!((options.protection, options.connections), (Protection::Require, 20));
    }

    #[test]
    fn nothing_said_is_the_strictest() {
        let options = Options::parse("postgresql://spike@db/spike").expect("right");
        assert_eq!((options.protection, options.weakness()), (Protection::VerifyFull, None));
        assert!(!options.has_password());
        for mode in ["verify-ca", "require", "disable"] {
            let url = format!("postgres://spike@db/spike?sslmode={mode}");
            let weakness = Options::parse(&url).expect("written out").weakness();
            assert!(weakness.expect("a warning").contains(mode));
        }
    }

    #[test]
    fn each_thing_that_can_not_be_is_refused_by_its_own_name() {
        let many = format!("postgres://u@{}/d", ["h"; 9].join(","));
        for (url, why) in [
            ("mysql://u@h/d", InvalidUrl::Scheme),
            ("postgres://h/d", InvalidUrl::User),
            ("postgres://@h/d", InvalidUrl::User),
            ("postgres://u:pa/ss@h/d", InvalidUrl::User),
            ("postgres://u@/d", InvalidUrl::Hosts),
            ("postgres://u@h:0/d", InvalidUrl::Hosts),
            ("postgres://u@h:65536/d", InvalidUrl::Hosts),
            ("postgres://u@h,,g/d", InvalidUrl::Hosts),
            ("postgres://u@%2Fvar%2Frun/d", InvalidUrl::Hosts),
            ("postgres://u@[::1/d", InvalidUrl::Hosts),
            (&many, InvalidUrl::Hosts),
            ("postgres://u@h", InvalidUrl::Database),
            ("postgres://u@h/", InvalidUrl::Database),
            ("postgres://u:%zz@h/d", InvalidUrl::Encoding),
            ("postgres://u:%+1@h/d", InvalidUrl::Encoding),
            ("postgres://u:%e9@h/d", InvalidUrl::Encoding),
            ("postgres://u:50%@h/d", InvalidUrl::Encoding),
            ("postgres://u@h/d?sslrootcert=x", InvalidUrl::Parameter("sslrootcert".into())),
            ("postgres://u@h/d?sslmode=prefer", InvalidUrl::SslMode("prefer".into())),
            ("postgres://u@h/d?sslmode=require&sslmode=disable", InvalidUrl::Twice("sslmode")),
            ("postgres://u@h/d?connections=1", InvalidUrl::Connections),
            ("postgres://u@h/d?connections=many", InvalidUrl::Connections),
        ] {
            assert_eq!(refused(url), why, "{url}");
        }
    }

    #[test]
    fn a_parameter_of_another_program_leads_to_ours() {
        for (parameter, leads) in [
            ("ssl=true", "here it is sslmode"),
            ("pool_size=3", "here it is connections"),
            ("sslrootcert=/ca.pem", "SPIKE_NEXUS_STORE_CA_FILE"),
            ("password=hunter2", "SPIKE_NEXUS_STORE_PASSWORD_FILE"),
            ("host=db", "before the ?"),
        ] {
            let told = refused(&format!("postgres://u@h/d?{parameter}")).to_string();
            assert!(told.contains(leads) && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn no_refusal_repeats_a_piece_of_a_password() {
        for url in [
            "postgres://u:hunter2?x@h/d",
            "postgres://u:hunter2@@/d",
            "postgres://u:x@h/d?Hunter2-=1",
            "postgres://u:x@h/d?sslmode=Hunter2",
            "postgres://u:%hunter2@h/d",
            "hunter2",
        ] {
            let told = refused(url).to_string().to_lowercase();
            assert!(!told.contains("hunter2"), "{url}: {told}");
        }
        let options = Options::parse("postgres://u:hunter2@h/d").expect("right");
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
