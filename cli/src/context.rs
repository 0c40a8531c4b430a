//! How a command comes to Nexus: by its flags and the environment, or through a door that whoever
//! runs it opens.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use spike_core::Roles;
use spike_identity::Identity;
use url::{Position, Url};

use crate::{error::CliError, session::Session};

/// How a command comes to Nexus, and how long a call may take.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) timeout: Duration,
    pub(crate) way: Way,
}

/// The way to Nexus.
#[derive(Clone)]
pub(crate) enum Way {
    /// What the environment says, but for a URL.
    Environment { url: Option<Url> },
    /// Somebody else knows it.
    Through(Arc<dyn Door>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { url } => write!(f, "Environment({url:?})"),
            Self::Through(_) => f.write_str("Through(..)"),
        }
    }
}

/// A way to a Nexus that the environment doesn't name. It is opened when a command has all that it
/// needs on this side.
#[async_trait]
pub trait Door: Send + Sync {
    /// Gets an identity and a URL.
    async fn open(&self) -> Result<Opened, CliError>;
}

/// Behind a door.
pub struct Opened {
    /// As whom to speak.
    pub identity: Identity,
    /// Where Nexus is.
    pub url: Url,
    /// Who is believed to be Nexus.
    pub roles: Roles,
    /// What keeps the door open, until it is dropped.
    pub held: Box<dyn Send + Sync>,
}

impl Context {
    /// Commands go through `door`; each call may take as long as `patience` says.
    pub fn through(door: Arc<dyn Door>, patience: &Patience) -> Self {
        Self { timeout: patience.timeout, way: Way::Through(door) }
    }

    /// Gets an identity and a client of Nexus.
    pub(crate) async fn nexus(&self) -> Result<Session, CliError> {
        Session::open(self).await
    }
}

/// The flags of every command of `spike`.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Flags {
    #[arg(
        long,
        global = true,
        value_name = "URL",
        value_parser = https,
        help = "Nexus' address, instead of SPIKE_NEXUS_API_URL [default: https://localhost:8553]"
    )]
    url: Option<Url>,
    #[command(flatten)]
    patience: Patience,
}

impl From<Flags> for Context {
    fn from(Flags { url, patience }: Flags) -> Self {
        Self { timeout: patience.timeout, way: Way::Environment { url } }
    }
}

/// How long to wait for an answer.
#[derive(Clone, Debug, clap::Args)]
pub struct Patience {
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        default_value = "15s",
        hide_default_value = true,
        value_parser = spike_runtime::env::parse_duration,
        help = "How long a call may take, such as 5s or 1m30s [default: 15s]"
    )]
    timeout: Duration,
}

fn https(raw: &str) -> Result<Url, String> {
    match Url::parse(raw) {
        Ok(url) if url.scheme() != "https" => Err("only https is spoken".to_owned()),
        Ok(url) if !matches!(url.path(), "" | "/") || url.query().is_some() => {
            let more = &url[Position::BeforePath..];
            Err(format!("leave out {more:?}: nothing follows the host and port"))
        }
        Ok(url) => Ok(url),
        Err(why) => Err(why.to_string()),
    }
}
