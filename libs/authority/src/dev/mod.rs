//! An authority in one process.
//!
//! It keeps nothing: a new authority is a new root, and what the old one issued is worth nothing.

mod issuer;
mod roots;

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use spike_core::SpiffeId;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use issuer::Issuer;
use roots::Roots;

use crate::{
    ca::Root,
    socket::{self, For},
};
pub use crate::{error::AuthorityError, socket::socket_path};

/// Below this, half of a life is no time to renew in.
pub(crate) const SHORTEST_LIFE: Duration = Duration::from_secs(4);

/// How a development authority issues.
#[derive(Clone, Debug)]
pub struct AuthorityConfig {
    /// The trust domain, such as `spike.ist`.
    pub trust_domain: String,
    /// How long an SVID lives, at least 4 s; renewed at half of it.
    pub svid_ttl: Duration,
    /// Where the sockets are; made with mode 0700.
    pub dir: PathBuf,
}

impl AuthorityConfig {
    /// SVIDs of `trust_domain` that live five minutes, sockets in `dir`.
    pub fn new(trust_domain: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        let (trust_domain, dir) = (trust_domain.into(), dir.into());
        Self { trust_domain, svid_ttl: Duration::from_mins(5), dir }
    }
}

/// A certificate authority and its Workload API sockets. Dropping it stops it.
#[derive(Debug)]
pub struct Authority {
    config: AuthorityConfig,
    roots: watch::Sender<Roots>,
    rotating: tokio::sync::Mutex<()>,
    sockets: Mutex<HashMap<String, Socket>>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

#[derive(Debug)]
struct Socket {
    path: PathBuf,
    plain: PathBuf,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Authority {
    /// Makes a root and the sockets' directory; nothing is served yet.
    pub async fn start(config: AuthorityConfig) -> Result<Self, AuthorityError> {
        let domain = &config.trust_domain;
        if domain.contains('/') || format!("spiffe://{domain}").parse::<SpiffeId>().is_err() {
            return Err(AuthorityError::TrustDomain(domain.clone()));
        }
        if config.svid_ttl < SHORTEST_LIFE {
            return Err(AuthorityError::Life);
        }
        socket::directory(&config.dir).await?;
        let roots = Roots::new(Root::new(domain, Timestamp::now())?);
        Ok(Self {
            config,
            roots: watch::channel(roots).0,
            rotating: tokio::sync::Mutex::new(()),
            sockets: Mutex::new(HashMap::new()),
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        })
    }

    /// Serves the Workload API for one identity; returns the path of its socket.
    ///
    /// Returns when the socket answers. Its endpoint is `unix://<path>`. A link `<name>.sock` beside
    /// it is for clients that aren't made with the C core of gRPC.
    pub async fn serve(&self, name: &str, id: SpiffeId) -> Result<PathBuf, AuthorityError> {
        let root = format!("spiffe://{}/", self.config.trust_domain);
        if !id.as_str().starts_with(&root) {
            return Err(AuthorityError::ForeignId(id));
        }
        socket::check_name(name)?;
        let path = socket_path(&self.config.dir, name);
        if self.stop.is_cancelled() {
            return Err(AuthorityError::Stopped);
        }
        if self.sockets().contains_key(name) {
            return Err(AuthorityError::Taken(name.to_owned()));
        }
        let mut issuer = Issuer { id, life: self.config.svid_ttl, roots: self.roots.subscribe() };
        let (tell, told) = watch::channel(issuer.issue()?);
        let listener = socket::bind(&path, For::Owner).await?;
        let plain = socket::plain_path(&self.config.dir, name);
        let socket = Socket {
            path: path.clone(),
            plain,
            stop: self.stop.child_token(),
            tasks: TaskTracker::new(),
        };
        if let Err(why) = socket::link(&path, &socket.plain).await {
            socket.unlink();
            return Err(why);
        }
        let (stop, domain) = (socket.stop.clone(), self.config.trust_domain.clone());
        socket.tasks.spawn(async move {
            let serving = socket::serve(listener, told, &domain, stop.clone());
            tokio::join!(serving, stop.run_until_cancelled(issuer.keep_issuing(tell)));
        });
        self.sockets().insert(name.to_owned(), socket);
        Ok(path)
    }

    /// Stops serving one identity; false if there was none. What was issued stays valid.
    pub async fn remove(&self, name: &str) -> bool {
        let removed = self.sockets().remove(name);
        let found = removed.is_some();
        if let Some(socket) = removed {
            socket.close().await;
        }
        found
    }

    /// Makes a new root, publishes it beside the old one, then renews every SVID under it.
    ///
    /// The old root stays in the bundles until what it signed has expired.
    pub async fn rotate_root(&self) -> Result<(), AuthorityError> {
        let _one_at_a_time = self.rotating.lock().await;
        if self.stop.is_cancelled() {
            return Err(AuthorityError::Stopped);
        }
        let new = Arc::new(Root::new(&self.config.trust_domain, Timestamp::now())?);
        let old = Arc::clone(&self.roots.borrow().signing);
        self.roots.send_modify(|roots| *roots = roots.trusting(&new));
        tokio::time::sleep(roots::SETTLE).await;
        self.roots.send_modify(|roots| *roots = roots.signing_with(new));

        let (roots, life) = (self.roots.clone(), self.config.svid_ttl);
        self.tracker.spawn(self.stop.clone().run_until_cancelled_owned(async move {
            tokio::time::sleep(life).await;
            roots.send_modify(|roots| *roots = roots.without(&old));
        }));
        Ok(())
    }

    /// Closes every stream and removes the sockets.
    pub async fn stop(&self) {
        self.stop.cancel();
        let sockets: Vec<_> = self.sockets().drain().map(|(_, socket)| socket).collect();
        for socket in sockets {
            socket.close().await;
        }
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn sockets(&self) -> std::sync::MutexGuard<'_, HashMap<String, Socket>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.unlink();
    }

    fn unlink(&self) {
        for path in [&self.plain, &self.path] {
            if let Err(why) = fs::remove_file(path) {
                tracing::debug!(path = %path.display(), error = %why, "a socket was gone");
            }
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.stop.cancel();
        self.sockets().drain().for_each(|(_, socket)| socket.unlink());
    }
}
