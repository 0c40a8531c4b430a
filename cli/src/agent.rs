//! `spike agent`: the Workload API for the programs beside this one.

use std::{path::PathBuf, time::Duration};

use spike_authority::{AuthorityError, Relay};
use spike_identity::{Handed, Handover, IdentityError};
use spike_runtime::{Env, identity_env, process};
use tokio::{
    net::UnixStream,
    time::{Instant, timeout_at},
};

use crate::{
    error::{CliError, Exit},
    output,
};

/// How long to wait for a first SVID: an authority that restarts is back by then.
const PATIENCE: Duration = Duration::from_mins(1);

/// Hand this workload's identity on to the programs beside it.
///
/// Serves the SPIFFE Workload API at DIR/agent.sock, for this user and group, until SIGTERM. For
/// pods in clusters without SPIRE: as a sidecar whose volume the other containers mount, it gives
/// programs that know nothing but the Workload API, such as those made with SPIKE's SDK, the pod's
/// identity. Whoever can open the socket is this workload.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder of the socket; it is there already
    #[arg(long, value_name = "DIR", default_value = "/run/spike")]
    dir: PathBuf,
    /// Only see whether an agent serves there already, for a startup probe
    #[arg(long)]
    check: bool,
}

const EXAMPLES: &str = "\
Examples:
  SPIKE_IDENTITY=kubernetes spike agent --dir /run/spike
  spike agent --dir /run/spike --check";

impl Args {
    /// Serves until it is told to stop.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        if self.check {
            return UnixStream::connect(Relay::socket(&self.dir)).await.map(drop).map_err(|why| {
                let text = format!("no agent serves in {}: {why}", self.dir.display());
                CliError::new(Exit::Unavailable, text, "Start `spike agent` with the same --dir.")
            });
        }
        let mut env = Env::from_process();
        let source = identity_env::source(&mut env);
        env.finish().map_err(|wrong| {
            CliError::usage(wrong.to_string(), "Correct the environment, then run it again.")
        })?;
        let origin = source.to_string();
        let stop = process::shutdown().map_err(|why| {
            CliError::other(format!("cannot listen for signals: {why}"), "Run it again.")
        })?;
        let mut handover = Handover::new(source).map_err(|why| no_identity(&why))?;
        let Some(got) = stop.run_until_cancelled(first(&mut handover, origin)).await else {
            return Ok(());
        };
        let handed = got.map_err(|why| no_identity(&why))?;
        let (relay, listener) =
            Relay::bind(&self.dir, &handed).await.map_err(|why| no_socket(&why))?;
        output::print(&format!("{} at {}", handed.id, relay.endpoint()))?;
        tokio::select! {
            () = relay.serve(listener, stop) => Ok(()),
            never = renew(&mut handover, &relay) => match never {},
        }
    }
}

async fn first(handover: &mut Handover, origin: String) -> Result<Handed, IdentityError> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = None;
    loop {
        match timeout_at(deadline, handover.next()).await {
            Ok(Ok(handed)) => return Ok(handed),
            Ok(Err(why)) => tell(&why, &mut last),
            Err(_) => {
                let last = last.unwrap_or_else(|| "it did not answer".to_owned());
                return Err(IdentityError::TimedOut { origin, waited: PATIENCE, last });
            }
        }
    }
}

async fn renew(handover: &mut Handover, relay: &Relay) -> std::convert::Infallible {
    let mut last = None;
    loop {
        match handover.next().await {
            Ok(handed) => {
                relay.renew(&handed);
                last = None;
            }
            Err(why) => tell(&why, &mut last),
        }
    }
}

/// Warns of a problem once, however long it lasts.
fn tell(why: &IdentityError, last: &mut Option<String>) {
    let text = why.to_string();
    if last.as_ref() != Some(&text) {
        output::warn(&text);
        *last = Some(text);
    }
}

fn no_identity(why: &IdentityError) -> CliError {
    CliError::new(
        Exit::Unavailable,
        format!("no SPIFFE identity: {why}"),
        "Check SPIKE_IDENTITY and the variables that go with it.",
    )
}

fn no_socket(why: &AuthorityError) -> CliError {
    CliError::other(why.to_string(), "Name a folder that this user may write to, by --dir.")
}
