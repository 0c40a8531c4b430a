//! The identity of this process: a handle, and the task that follows the source.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use spike_core::SpiffeId;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Expected, IdentityError, Peer, PeerError, Source, Wanted,
    material::{End, Material},
    source::Feed,
    tls,
};

/// A handle to the SVID and the bundles of this process; clones share them.
#[derive(Clone, Debug)]
pub struct Identity {
    material: watch::Receiver<Arc<Material>>,
    trouble: watch::Receiver<Option<Arc<IdentityError>>>,
    server: Arc<rustls::ServerConfig>,
}

/// How an identity is doing.
#[derive(Clone, Debug)]
pub struct Health {
    /// When our SVID stops being valid.
    pub expires_at: Timestamp,
    /// What the source reported since its last good answer.
    pub trouble: Option<Arc<IdentityError>>,
}

impl Identity {
    /// Waits for the first SVID that is wanted, then follows rotations on `tracker` until `stop`.
    ///
    /// A source that fails, hangs or offers something unusable is asked again; meanwhile the
    /// material at hand serves until it expires. [`Identity::health`] tells.
    pub async fn start(
        source: Source,
        wanted: Wanted,
        stop: CancellationToken,
        tracker: &TaskTracker,
    ) -> Result<Self, IdentityError> {
        let origin = source.to_string();
        let mut follower = Follower { feed: Feed::new(source)?, wanted: wanted.ids, trouble: None };
        let first = stop
            .run_until_cancelled(follower.first(&origin, wanted.patience))
            .await
            .ok_or(IdentityError::Stopped)??;
        tracing::info!(id = %first.id(), expires_at = %first.expires_at(), origin, "identity");

        let (material, receiver) = watch::channel(Arc::new(first));
        let (trouble, troubles) = watch::channel(None);
        let server = Arc::new(tls::server(receiver.clone()));
        tracker.spawn(async move {
            stop.run_until_cancelled(follower.follow(&material, &trouble)).await;
        });
        Ok(Self { material: receiver, trouble: troubles, server })
    }

    /// Our SPIFFE ID.
    pub fn id(&self) -> SpiffeId {
        self.material.borrow().id().clone()
    }

    /// When our SVID stops being valid.
    pub fn expires_at(&self) -> Timestamp {
        self.material.borrow().expires_at()
    }

    /// Rises when the roots of a trust domain change. Connections made before that are of no more
    /// use: whoever checks them as [`Identity::still_valid`] does refuses what comes over them.
    pub fn generation(&self) -> u64 {
        self.material.borrow().generation()
    }

    /// Our SVID's expiry and the source's last problem.
    pub fn health(&self) -> Health {
        Health { expires_at: self.expires_at(), trouble: self.trouble.borrow().clone() }
    }

    /// TLS for a server: 1.3 and 1.2, client certificates optional, no resumption.
    ///
    /// Follows rotations: one call is enough for the life of the process. A client's certificate
    /// that is not a trusted X.509-SVID fails the handshake; having none does not.
    pub fn server_config(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.server)
    }

    /// TLS for a client that talks only to servers whose SPIFFE ID is `expected`.
    ///
    /// Follows rotations; the name in the URL is never compared with the certificate. It offers
    /// HTTP/2 and HTTP/1.1 by ALPN.
    pub fn client_config(&self, expected: Expected) -> rustls::ClientConfig {
        tls::client(self.material.clone(), expected)
    }

    /// Who is at the other end, after the handshake; `None` for a client without a certificate.
    ///
    /// Verified against the bundle of now: the one that the handshake saw may have been replaced,
    /// and [`Identity::still_valid`] compares with this one.
    pub fn peer(
        &self,
        chain: Option<&[CertificateDer<'static>]>,
    ) -> Result<Option<Peer>, PeerError> {
        let Some(chain) = chain else { return Ok(None) };
        let material = Arc::clone(&self.material.borrow());
        material.verify_chain(chain, End::Client, Timestamp::now()).map(Some)
    }

    /// True while a peer's SVID has not expired and its trust domain's roots have not changed.
    ///
    /// False for everybody once our own SVID has expired.
    pub fn still_valid(&self, peer: &Peer, now: Timestamp) -> bool {
        self.material.borrow().still_valid(peer, now)
    }
}

/// Takes what is wanted out of what a source offers.
struct Follower {
    feed: Feed,
    wanted: Expected,
    /// The problem last logged, so that a lasting one is logged once.
    trouble: Option<String>,
}

impl Follower {
    async fn first(&mut self, origin: &str, patience: Duration) -> Result<Material, IdentityError> {
        let deadline = Instant::now() + patience;
        loop {
            match timeout_at(deadline, self.next(None)).await {
                Ok(Ok(material)) => return Ok(material),
                Ok(Err(trouble)) => self.log(&trouble),
                Err(_) => {
                    let last = self.trouble.take();
                    return Err(IdentityError::TimedOut {
                        origin: origin.to_owned(),
                        waited: patience,
                        last: last.unwrap_or_else(|| "it did not answer".to_owned()),
                    });
                }
            }
        }
    }

    async fn follow(
        &mut self,
        material: &watch::Sender<Arc<Material>>,
        trouble: &watch::Sender<Option<Arc<IdentityError>>>,
    ) {
        loop {
            let previous = Arc::clone(&material.borrow());
            match self.next(Some(&previous)).await {
                Ok(next) => {
                    tracing::debug!(id = %next.id(), expires_at = %next.expires_at(), "rotated");
                    self.trouble = None;
                    material.send_replace(Arc::new(next));
                    trouble.send_replace(None);
                }
                Err(problem) => {
                    self.log(&problem);
                    trouble.send_replace(Some(Arc::new(problem)));
                }
            }
        }
    }

    async fn next(&mut self, previous: Option<&Material>) -> Result<Material, IdentityError> {
        let offer = self.feed.next().await?;
        let now = Timestamp::now();
        let material = Material::choose(offer, &self.wanted, previous, now)?;
        let life = now.duration_until(material.expires_at());
        self.feed.accepted(life.try_into().unwrap_or_default());
        Ok(material)
    }

    fn log(&mut self, problem: &IdentityError) {
        let text = problem.to_string();
        if self.trouble.as_ref() != Some(&text) {
            tracing::warn!(error = text, "the source of our identity has a problem");
            self.trouble = Some(text);
        }
    }
}
