//! An identity and a client of Nexus, for the length of one command.

use std::{path::Path, time::Duration};

use spike_client::{ClientError, NexusClient};
use spike_core::{Roles, SpiffeId};
use spike_identity::{Identity, Source, Wanted};
use spike_runtime::{Env, identity_env};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use url::Url;

use crate::{
    context::Context,
    error::{CliError, Exit},
    explain::{Doing, explain},
};

/// SPIKE's default address of Nexus.
const DEFAULT_URL: &str = "https://localhost:8553";

/// An identity and a client of Nexus.
#[derive(Debug)]
pub(crate) struct Session {
    /// The client.
    pub(crate) nexus: NexusClient,
    me: SpiffeId,
    /// Ends the identity's watch with the session.
    _stop: DropGuard,
}

/// What a session needs to know first.
struct Settings {
    source: Source,
    roles: Roles,
    url: Url,
}

impl Session {
    /// Gets an identity; Nexus is not called yet.
    pub(crate) async fn open(context: &Context) -> Result<Self, CliError> {
        let Settings { source, roles, url } = Settings::read(context)?;
        reachable(&source)?;
        let stop = CancellationToken::new();
        let identity = identity(source, stop.clone(), context.timeout).await?;
        let me = identity.id();
        let nexus = NexusClient::new(&identity, url, &roles)
            .map_err(|error| explain(&error, &Doing::new("reach", "Nexus"), &me))?
            .with_deadline(context.timeout);
        Ok(Self { nexus, me, _stop: stop.drop_guard() })
    }

    /// Tells why something could not be done, and what to do now.
    pub(crate) fn explain<'a>(&'a self, doing: &'a Doing) -> impl Fn(ClientError) -> CliError + 'a {
        move |error| explain(&error, doing, &self.me)
    }
}

impl Settings {
    fn read(context: &Context) -> Result<Self, CliError> {
        let mut env = Env::from_process();
        let source = identity_env::source(&mut env);
        let roles = identity_env::roles(&mut env);
        let url = match &context.url {
            Some(url) => url.clone(),
            None => env.url("SPIKE_NEXUS_API_URL", DEFAULT_URL),
        };
        env.finish().map_err(|wrong| {
            CliError::usage(wrong.to_string(), "Correct the environment, then run it again.")
        })?;
        Ok(Self { source, roles, url })
    }
}

/// Fails at once where waiting won't help: a socket that isn't there.
fn reachable(source: &Source) -> Result<(), CliError> {
    let Source::WorkloadApi { endpoint } = source else { return Ok(()) };
    let path = endpoint.strip_prefix("unix://").or_else(|| endpoint.strip_prefix("unix:"));
    match path.map(|path| Path::new(path).try_exists()) {
        Some(Ok(false)) => Err(CliError::new(
            Exit::Unavailable,
            format!("no SPIFFE Workload API at {endpoint}: there is no such socket"),
            "Start the SPIFFE agent (or `spike dev`), or point SPIFFE_ENDPOINT_SOCKET to it.",
        )),
        _ => Ok(()),
    }
}

async fn identity(
    source: Source,
    stop: CancellationToken,
    patience: Duration,
) -> Result<Identity, CliError> {
    let tracker = TaskTracker::new();
    let start = Identity::start(source, Wanted::any().within(patience), stop, &tracker);
    start.await.map_err(|reason| {
        CliError::new(
            Exit::Unavailable,
            format!("no SPIFFE identity: {reason}"),
            "Check that the SPIFFE agent knows this workload, and SPIFFE_ENDPOINT_SOCKET.",
        )
    })
}
