//! SPIFFE identities of Spike: sources, verifiers, peers.
//!
//! One [`Identity`] per process holds the X.509-SVID and the trust bundles that its [`Source`]
//! feeds, and lends them to TLS: [`Identity::server_config`], [`Identity::client_config`]. Who is
//! at the other end is a [`Peer`]: a SPIFFE ID, verified against the bundle of its own trust
//! domain. Authorization is not decided here, and no DNS name is ever believed.

pub mod authority;
mod error;
mod expected;
mod handover;
mod identity;
mod leaf;
mod material;
mod peer;
mod source;
mod tls;
mod verified;

pub use error::IdentityError;
pub use expected::{Expected, Wanted};
pub use handover::{Handed, Handover};
pub use identity::{Health, Identity};
pub use peer::{Peer, PeerError};
pub use source::{Given, Source, Svid};

/// Makes aws-lc-rs the default cryptography of rustls in this process. Safe to call again.
pub fn install_crypto() {
    // A second call finds the first one's provider, which is what is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
