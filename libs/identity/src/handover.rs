//! An identity with its key, for whoever hands it on to others.
//!
//! Everybody else has an [`Identity`](crate::Identity), which never shows its key.

use jiff::Timestamp;
use rustls_pki_types::PrivateKeyDer;
use spike_core::SpiffeId;
use zeroize::Zeroizing;

use crate::{
    Expected, IdentityError, Source, Svid,
    material::{Material, Offer},
    source::Feed,
};

/// Follows a source.
#[derive(Debug)]
pub struct Handover {
    feed: Feed,
}

/// What is handed on.
#[derive(Debug)]
pub struct Handed {
    /// Who it makes of whoever has it.
    pub id: SpiffeId,
    /// The SVID, and the roots of its own trust domain.
    pub svid: Svid,
}

impl Handover {
    /// Follows `source`.
    pub fn new(source: Source) -> Result<Self, IdentityError> {
        Ok(Self { feed: Feed::new(source)? })
    }

    /// The first SVID, then the next whenever there is one: one that we would believe ourselves.
    ///
    /// It paces itself: a caller may ask again at once after a problem.
    pub async fn next(&mut self) -> Result<Handed, IdentityError> {
        let svid = first(self.feed.next().await?)?;
        let now = Timestamp::now();
        let material = Material::choose(svid.offer()?, &Expected::any(), None, now)?;
        let life = now.duration_until(material.expires_at());
        self.feed.accepted(life.try_into().unwrap_or_default());
        Ok(Handed { id: material.id().clone(), svid })
    }
}

fn first(offer: Offer) -> Result<Svid, IdentityError> {
    let unusable = |reason: &str| IdentityError::Unusable { reason: reason.to_owned() };
    let Offer { svids, mut bundles } = offer;
    let offered = svids.into_iter().next().ok_or_else(|| unusable("no SVID is offered"))?;
    let PrivateKeyDer::Pkcs8(key) = &*offered.key else {
        return Err(unusable("the key is not PKCS#8, as the Workload API wants it"));
    };
    let key = Zeroizing::new(key.secret_pkcs8_der().to_vec());
    let mut svid = Svid { chain: offered.chain, key, roots: Vec::new() };
    svid.roots = bundles.remove(&svid.trust_domain()?).unwrap_or_default();
    Ok(svid)
}
