//! An identity and a client of Nexus, for the length of one command.

use std::{io, os::unix::net::UnixStream, time::Duration};

use spike_client::{ClientError, NexusClient};
use spike_core::{Roles, SpiffeId};
use spike_identity::{Identity, Source, Wanted};
use spike_runtime::{Env, identity_env};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    context::{Context, Opened, Way},
    error::{CliError, Exit},
    explain::{Doing, explain},
    output,
};

/// SPIKE's default address of Nexus.
const DEFAULT_URL: &str = "https://localhost:8553";

/// An identity and a client of Nexus.
pub(crate) struct Session {
    /// The client.
    pub(crate) nexus: NexusClient,
    me: SpiffeId,
    /// Keeps the way open and the identity fresh, until the session ends.
    _held: Box<dyn Send + Sync>,
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
        let opened = match &context.way {
            Way::Environment { url } => by_environment(url.as_ref(), context.timeout).await?,
            Way::Through(door) => door.open().await?,
        };
        let Opened { identity, url, roles, held } = opened;
        let me = identity.id();
        let nexus = NexusClient::new(&identity, url, &roles)
            .map_err(|error| explain(&error, &Doing::new("reach", "Nexus"), &me))?
            .with_deadline(context.timeout);
        Ok(Self { nexus, me, _held: held })
    }

    /// Tells why something could not be done, and what to do now.
    pub(crate) fn explain<'a>(&'a self, doing: &'a Doing) -> impl Fn(ClientError) -> CliError + 'a {
        move |error| explain(&error, doing, &self.me)
    }
}

impl Settings {
    fn read(url: Option<&Url>) -> Result<Self, CliError> {
        let mut env = Env::from_process();
        let source = identity_env::source(&mut env);
        let roles = identity_env::roles(&mut env);
        let url = match url {
            Some(url) => url.clone(),
            None => env.url("SPIKE_NEXUS_API_URL", DEFAULT_URL),
        };
        // Nobody has set up logs, through which servers warn.
        env.unknown().iter().for_each(|unknown| output::warn(&unknown.to_string()));
        env.finish().map_err(|wrong| {
            CliError::usage(wrong.to_string(), "Correct the environment, then run it again.")
        })?;
        Ok(Self { source, roles, url })
    }
}

/// Who and where the environment says.
async fn by_environment(url: Option<&Url>, patience: Duration) -> Result<Opened, CliError> {
    let Settings { source, roles, url } = Settings::read(url)?;
    reachable(&source)?;
    let stop = CancellationToken::new();
    let identity = identity(source, stop.clone(), patience).await?;
    // Ends the identity's watch with the session.
    Ok(Opened { identity, url, roles, held: Box::new(stop.drop_guard()) })
}

/// Fails at once where waiting won't help: a socket that isn't there, that nobody listens on any
/// more, or that isn't for us.
fn reachable(source: &Source) -> Result<(), CliError> {
    use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};

    let Source::WorkloadApi { endpoint } = source else { return Ok(()) };
    let path = endpoint.strip_prefix("unix://").or_else(|| endpoint.strip_prefix("unix:"));
    let Some(Err(error)) = path.map(UnixStream::connect) else { return Ok(()) };
    let why = match error.kind() {
        NotFound => "there is no such socket",
        ConnectionRefused => "nobody listens on the socket",
        PermissionDenied => "the socket is not for this user",
        // Whatever this is, it may pass.
        _ => return Ok(()),
    };
    Err(CliError::new(
        Exit::Unavailable,
        format!("no SPIFFE Workload API at {endpoint}: {why}"),
        "Start the SPIFFE agent (or `spike dev`), or point SPIFFE_ENDPOINT_SOCKET to it.",
    ))
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

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::net::UnixListener};

    use super::*;

    fn told(path: &std::path::Path) -> Option<String> {
        let endpoint = format!("unix://{}", path.display());
        reachable(&Source::WorkloadApi { endpoint }).err().map(|error| error.to_string())
    }

    #[test]
    fn a_socket_that_nobody_listens_on_is_told_apart_from_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("agent.sock");
        assert!(told(&path).is_some_and(|why| why.ends_with("there is no such socket")));
        let listener = UnixListener::bind(&path).expect("bound");
        assert_eq!(told(&path), None);
        drop(listener);
        assert!(fs::exists(&path).expect("readable"));
        assert!(told(&path).is_some_and(|why| why.ends_with("nobody listens on the socket")));
    }
}
