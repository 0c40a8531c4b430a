//! An authority in its own directory, and identities from its sockets.
#![allow(dead_code, unreachable_pub, reason = "every test program uses its own part")]

use std::{path::Path, time::Duration};

use spike_authority::dev::{Authority, AuthorityConfig};
use spike_core::SpiffeId;
use spike_identity::{Identity, IdentityError, Source, Wanted};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longer than anything here takes.
pub const SOON: Duration = Duration::from_secs(20);

pub struct World {
    pub authority: Authority,
    dir: TempDir,
}

pub fn id(path: &str) -> SpiffeId {
    format!("spiffe://test.example/{path}").parse().expect("a SPIFFE ID")
}

impl World {
    /// With SVIDs that live this long.
    pub async fn new(svid_ttl: Duration) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = AuthorityConfig {
            svid_ttl,
            ..AuthorityConfig::new("test.example", dir.path().join("s"))
        };
        Self { authority: Authority::start(config).await.expect("a root"), dir }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Serves `path` on a socket named `name`, and takes the identity from there.
    pub async fn identity(&self, name: &str, path: &str) -> Identity {
        let socket = self.authority.serve(name, id(path)).await.expect("serves");
        from(&socket, Wanted::any().within(SOON)).await.expect("an SVID")
    }
}

/// The identity behind a socket.
pub async fn from(socket: &Path, wanted: Wanted) -> Result<Identity, IdentityError> {
    let source = Source::WorkloadApi { endpoint: format!("unix://{}", socket.display()) };
    Identity::start(source, wanted, CancellationToken::new(), &TaskTracker::new()).await
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, waiting).await.is_ok(), "never: {what}");
}
