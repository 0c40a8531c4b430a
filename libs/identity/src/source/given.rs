//! SVIDs that this very process makes or fetches: an authority's own, for example.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use spike_core::SpiffeId;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::{
    IdentityError,
    leaf::Leaf,
    material::{Offer, Offered},
};

/// An X.509-SVID, its key, and the roots of its trust domain.
pub struct Svid {
    /// The leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// PKCS#8.
    pub key: Zeroizing<Vec<u8>>,
    /// The roots of the leaf's trust domain.
    pub roots: Vec<CertificateDer<'static>>,
}

impl Svid {
    pub(crate) fn offer(&self) -> Result<Offer, IdentityError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_vec()));
        Ok(Offer {
            svids: vec![Offered { chain: self.chain.clone(), key: Zeroizing::new(key) }],
            bundles: [(self.trust_domain()?, self.roots.clone())].into(),
        })
    }

    /// The leaf's trust domain.
    pub(crate) fn trust_domain(&self) -> Result<String, IdentityError> {
        let unusable = |reason: &str| IdentityError::Unusable { reason: reason.to_owned() };
        let first = self.chain.first().ok_or_else(|| unusable("the chain is empty"))?;
        let leaf = Leaf::read(first).map_err(|why| unusable(&why.to_string()))?;
        Ok(SpiffeId::trust_domain(&leaf.id).to_owned())
    }
}

impl std::fmt::Debug for Svid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Svid([redacted])")
    }
}

/// What somebody in this process gives, newest last; equal if it is the same giver.
#[derive(Clone, Debug)]
pub struct Given(watch::Receiver<Option<Arc<Svid>>>);

impl Given {
    /// A source that offers what `receiver` holds, whenever that changes.
    pub fn new(receiver: watch::Receiver<Option<Arc<Svid>>>) -> Self {
        Self(receiver)
    }
}

impl PartialEq for Given {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Eq for Given {}

/// Follows a giver.
#[derive(Debug)]
pub(crate) struct Wait {
    given: Given,
    /// The first value is an offer whenever it was given.
    began: bool,
}

impl Wait {
    pub(super) fn new(given: Given) -> Self {
        Self { given, began: false }
    }

    pub(super) async fn next(&mut self) -> Result<Offer, IdentityError> {
        let Given(receiver) = &mut self.given;
        loop {
            if self.began && receiver.changed().await.is_err() {
                // The giver is gone: what it gave last serves until it expires.
                std::future::pending::<()>().await;
            }
            self.began = true;
            let svid = receiver.borrow_and_update().clone();
            if let Some(svid) = svid {
                return svid.offer();
            }
        }
    }
}
