//! The identity of this process.

use std::sync::Arc;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use spike_core::SpiffeId;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Expected, IdentityError, Peer, PeerError, Source, Wanted};

/// A handle to the SVID and the bundles of this process; clones share them.
#[derive(Clone, Debug)]
pub struct Identity {}

/// How an identity is doing.
#[derive(Clone, Debug)]
pub struct Health {
    /// When our SVID stops being valid.
    pub expires_at: Timestamp,
    /// What the source reported since its last good answer.
    pub last_error: Option<Arc<IdentityError>>,
}

impl Identity {
    /// Waits (bounded) for the first SVID that `wanted` accepts, then follows rotations on
    /// `tracker` until `stop`.
    #[expect(clippy::unused_async, reason = "waits for the source")]
    pub async fn start(
        source: Source,
        wanted: Wanted,
        stop: CancellationToken,
        tracker: &TaskTracker,
    ) -> Result<Self, IdentityError> {
        let _ = (source, wanted, stop, tracker);
        unimplemented!()
    }

    /// Our SPIFFE ID.
    pub fn id(&self) -> SpiffeId {
        unimplemented!()
    }

    /// When our SVID stops being valid.
    pub fn expires_at(&self) -> Timestamp {
        unimplemented!()
    }

    /// Our SVID's expiry and the source's last problem.
    pub fn health(&self) -> Health {
        unimplemented!()
    }

    /// TLS for a server: 1.3 and 1.2, client certificates optional, no resumption.
    ///
    /// Follows rotations: one call is enough for the life of the process.
    pub fn server_config(&self) -> Arc<rustls::ServerConfig> {
        unimplemented!()
    }

    /// TLS for a client that talks only to servers whose SPIFFE ID is `expected`.
    ///
    /// Follows rotations; the name in the URL is never compared with the certificate.
    pub fn client_config(&self, expected: Expected) -> rustls::ClientConfig {
        drop(expected);
        unimplemented!()
    }

    /// Who is at the other end, after the handshake; `None` for a client without a certificate.
    pub fn peer(
        &self,
        chain: Option<&[CertificateDer<'static>]>,
    ) -> Result<Option<Peer>, PeerError> {
        let _ = chain;
        unimplemented!()
    }

    /// True while a peer's SVID has not expired and its trust domain's roots have not changed.
    pub fn still_valid(&self, peer: &Peer, now: Timestamp) -> bool {
        let _ = (peer, now);
        unimplemented!()
    }
}
