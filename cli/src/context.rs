//! The flags of every command.

use std::time::Duration;

use url::{Position, Url};

use crate::{error::CliError, session::Session};

/// The flags of every command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Context {
    #[arg(
        long,
        global = true,
        value_name = "URL",
        value_parser = https,
        help = "Nexus' address, instead of SPIKE_NEXUS_API_URL [default: https://localhost:8553]"
    )]
    pub(crate) url: Option<Url>,
    #[arg(
        long,
        global = true,
        value_name = "DURATION",
        default_value = "15s",
        hide_default_value = true,
        value_parser = spike_runtime::env::parse_duration,
        help = "How long a call may take, such as 5s or 1m30s [default: 15s]"
    )]
    pub(crate) timeout: Duration,
}

impl Context {
    /// Gets an identity and a client of Nexus.
    pub(crate) async fn nexus(&self) -> Result<Session, CliError> {
        Session::open(self).await
    }
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
