//! A `PostgreSQL` store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CaRef, KeyRef, NameRef};

/// `PostgreSQL`: where it is, whom it believes, and as whom Nexus logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Postgres {
    /// Its DNS name; of several servers, separated by commas, the one that takes writes is used.
    #[schemars(length(min = 1, max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// A Service of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ref: Option<ServiceRef>,
    /// A `CloudNativePG` cluster of this namespace: its `-rw` Service, its `-app` credentials and
    /// its CA, unless others are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_ref: Option<NameRef>,
    /// The port of `host` and `clusterRef`.
    #[schemars(range(min = 1, max = 65535))]
    #[serde(default = "port")]
    pub port: i32,
    /// The database. Left out: `app`, as `CloudNativePG` calls its own.
    #[schemars(length(min = 1, max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// What must be true of the server's certificate. `verify-full`: it names the host, and an
    /// authority that is believed has signed it. `verify-ca`: the latter only. `require`: nothing,
    /// so that anyone may be the server. `disable`: there is none, and traffic is in clear.
    #[serde(default)]
    pub ssl_mode: SslMode,
    /// Whose signature on the server's certificate is believed. Left out: the system's authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_ref: Option<CaRef>,
    /// As whom Nexus logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<Credentials>,
    /// A Secret's key with the whole URL, instead of everything above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_ref: Option<KeyRef>,
    /// As whom the schema is changed. Left out: as Nexus logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration_credentials_ref: Option<Credentials>,
    /// Connections of each Nexus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// Who upgrades the schema. `Auto`: the operator, by a Job, before a new version starts.
    /// `Manual`: someone, with `nexus store schema`.
    #[serde(default)]
    pub migrations: Migrations,
}

fn port() -> i32 {
    5432
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            host: None,
            service_ref: None,
            cluster_ref: None,
            port: port(),
            database: None,
            ssl_mode: SslMode::default(),
            ca_ref: None,
            credentials_ref: None,
            url_ref: None,
            migration_credentials_ref: None,
            pool: None,
            migrations: Migrations::default(),
        }
    }
}

/// A Service of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceRef {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Its port.
    #[schemars(range(min = 1, max = 65535))]
    #[serde(default = "port")]
    pub port: i32,
}

/// What must be true of the server's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// An authority that is believed has signed it, and it names the host.
    #[default]
    VerifyFull,
    /// An authority that is believed has signed it.
    VerifyCa,
    /// Nothing: traffic is encrypted, and anyone may be the server.
    Require,
    /// There is none: credentials and ciphertext pass in clear.
    Disable,
}

/// A Secret of the same namespace with a user name and a password, of type
/// `kubernetes.io/basic-auth` for example. It is mounted, and read again when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key of the user name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    #[serde(default = "username")]
    pub username_key: String,
    /// The key of the password.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    #[serde(default = "password")]
    pub password_key: String,
}

fn username() -> String {
    "username".to_owned()
}

fn password() -> String {
    "password".to_owned()
}

/// Connections of each Nexus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// How many at most; they are opened when needed. Left out: 12.
    #[schemars(range(min = 2, max = 90))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<i32>,
}

/// Who upgrades the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Migrations {
    /// The operator, by a Job, before a new version starts.
    #[default]
    Auto,
    /// Someone, with `nexus store schema`.
    Manual,
}
