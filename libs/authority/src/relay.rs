//! The Workload API for the programs beside us, with an identity that is ours already.
//!
//! Whoever can open the socket is whom we are: it belongs where only those can who should be, such as
//! a volume that the containers of one pod share.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use spike_core::SpiffeId;
use spike_identity::Handed;
use tokio::{net::UnixListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{
    AuthorityError,
    ca::Issued,
    socket::{self, For},
    workload_api::Told,
};

/// The socket's name, without its ending.
const NAME: &str = "agent";

/// A socket that hands an identity on. Dropping it removes the socket.
pub struct Relay {
    path: PathBuf,
    plain: PathBuf,
    trust_domain: String,
    tell: watch::Sender<Told>,
}

impl Relay {
    /// Binds `<dir>/agent.sock`, for the user and the group of this process. `dir` is there already.
    ///
    /// The listener is for [`Relay::serve`].
    pub async fn bind(dir: &Path, handed: &Handed) -> Result<(Self, UnixListener), AuthorityError> {
        let (path, plain) = (socket::socket_path(dir, NAME), Self::socket(dir));
        let listener = socket::bind(&path, For::Group).await?;
        let trust_domain = SpiffeId::trust_domain(&handed.id).to_owned();
        let relay = Self { path, plain, trust_domain, tell: watch::channel(told(handed)).0 };
        socket::link(&relay.path, &relay.plain).await?;
        Ok((relay, listener))
    }

    /// The socket of a relay in `dir`.
    pub fn socket(dir: &Path) -> PathBuf {
        socket::plain_path(dir, NAME)
    }

    /// Where clients find it: `unix://<dir>/agent.sock`.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.plain.display())
    }

    /// Gives every client another SVID.
    pub fn renew(&self, handed: &Handed) {
        self.tell.send_replace(told(handed));
    }

    /// Serves until `stop`.
    pub async fn serve(&self, listener: UnixListener, stop: CancellationToken) {
        socket::serve(listener, self.tell.subscribe(), &self.trust_domain, stop).await;
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({})", self.plain.display())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for path in [&self.plain, &self.path] {
            // Whatever is left of it is replaced by the next one.
            let _ = fs::remove_file(path);
        }
    }
}

fn told(Handed { id, svid }: &Handed) -> Told {
    let chain = svid.chain.iter().flat_map(|certificate| certificate.iter().copied());
    let certificate = chain.collect::<Vec<_>>().into();
    Told {
        id: id.to_string(),
        svid: Arc::new(Issued { certificate, key: svid.key.clone() }),
        roots: svid.roots.clone().into(),
    }
}
