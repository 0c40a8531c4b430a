//! What an identity is made of, and whom it believes.
//!
//! A [`Material`] never changes: a rotation makes a new one. No I/O and no clock.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use spike_core::SpiffeId;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use zeroize::Zeroizing;

use crate::{
    Expected, IdentityError, Peer, PeerError,
    leaf::{Leaf, signing_until},
    verified::Verified,
};

/// What a source offers, as yet unchecked.
pub(crate) struct Offer {
    pub(crate) svids: Vec<Offered>,
    /// Roots by trust domain.
    pub(crate) bundles: BTreeMap<String, Vec<CertificateDer<'static>>>,
}

/// One SVID of an [`Offer`].
pub(crate) struct Offered {
    /// The leaf first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Zeroizing<PrivateKeyDer<'static>>,
}

/// Our SVID and the roots of every trust domain that we know.
pub(crate) struct Material {
    svid: Svid,
    bundles: BTreeMap<String, Bundle>,
    /// The highest generation ever given to a bundle.
    newest: u64,
    clients: Verified,
    crypto: Arc<CryptoProvider>,
}

struct Svid {
    id: SpiffeId,
    expires_at: Timestamp,
    key: Arc<CertifiedKey>,
}

#[derive(Debug)]
struct Bundle {
    /// Sorted, so that another order is not another bundle.
    certs: Vec<CertificateDer<'static>>,
    roots: Vec<TrustAnchor<'static>>,
    generation: u64,
}

/// Which end of a connection a peer is at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Client,
    Server,
}

impl End {
    fn usage(self) -> KeyUsage {
        match self {
            Self::Client => KeyUsage::client_auth(),
            Self::Server => KeyUsage::server_auth(),
        }
    }
}

impl Material {
    /// Makes material of an offer: the SVID that is wanted, and every bundle.
    ///
    /// A bundle keeps its generation while its roots are the same. Of several wanted SVIDs the one
    /// with our previous ID stays; without one, the first counts, as the Workload API says.
    pub(crate) fn choose(
        offer: Offer,
        wanted: &Expected,
        previous: Option<&Self>,
        now: Timestamp,
    ) -> Result<Self, IdentityError> {
        let crypto = previous.map_or_else(crate::tls::provider, |old| Arc::clone(&old.crypto));
        let (leaf, offered) = pick(offer.svids, wanted, previous)?;
        let svid = Svid::new(leaf, offered, &crypto)?;
        let mut material = Self {
            svid,
            bundles: BTreeMap::new(),
            newest: previous.map_or(0, |m| m.newest),
            clients: Verified::default(),
            crypto,
        };
        for (domain, certs) in offer.bundles {
            let old = previous.and_then(|m| m.bundles.get(&domain));
            match Bundle::new(certs, old, material.newest + 1) {
                Ok(bundle) => {
                    material.newest = material.newest.max(bundle.generation);
                    material.bundles.insert(domain, bundle);
                }
                // Another domain's mistake must not stop our own rotation.
                Err(why) => tracing::warn!(domain, error = %why, "a bundle is left out"),
            }
        }
        // An SVID that we would not believe ourselves is torn, late or of another root.
        let ourselves = material
            .verify_chain(&material.svid.key.cert, End::Server, now)
            .map_err(|refused| unusable(format!("{}: {refused}", material.svid.id)))?;
        material.svid.expires_at = ourselves.expires_at;
        Ok(material)
    }

    pub(crate) fn id(&self) -> &SpiffeId {
        &self.svid.id
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        self.svid.expires_at
    }

    pub(crate) fn key(&self) -> &Arc<CertifiedKey> {
        &self.svid.key
    }

    /// [`Material::verify`] of a chain with its leaf first.
    pub(crate) fn verify_chain(
        &self,
        chain: &[CertificateDer<'_>],
        end: End,
        now: Timestamp,
    ) -> Result<Peer, PeerError> {
        let (leaf, intermediates) = chain.split_first().ok_or(PeerError::Malformed)?;
        self.verify(leaf, intermediates, end, now)
    }

    /// Who a certificate is, by the roots of its own trust domain only.
    pub(crate) fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        end: End,
        now: Timestamp,
    ) -> Result<Peer, PeerError> {
        if now >= self.svid.expires_at {
            return Err(PeerError::OwnExpired(self.svid.expires_at));
        }
        match end {
            End::Server => self.check(end_entity, intermediates, end, now),
            End::Client => match self.clients.get(end_entity) {
                Some(known) if now < known.expires_at => Ok(known),
                _ => {
                    let peer = self.check(end_entity, intermediates, end, now)?;
                    self.clients.insert(end_entity, &peer);
                    Ok(peer)
                }
            },
        }
    }

    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        end: End,
        now: Timestamp,
    ) -> Result<Peer, PeerError> {
        let leaf = Leaf::read(end_entity)?;
        leaf.at(now)?;
        let domain = leaf.id.trust_domain();
        let bundle =
            self.bundles.get(domain).ok_or_else(|| PeerError::ForeignDomain(domain.to_owned()))?;
        let usage = end.usage();
        let path_ends = bundle.vouches(end_entity, intermediates, usage, now, &self.crypto)?;
        Ok(Peer {
            id: leaf.id,
            expires_at: path_ends.map_or(leaf.not_after, |ends| ends.min(leaf.not_after)),
            generation: bundle.generation,
        })
    }

    /// The highest generation of a bundle.
    pub(crate) fn generation(&self) -> u64 {
        self.newest
    }

    /// True while what was verified still is.
    pub(crate) fn still_valid(&self, peer: &Peer, now: Timestamp) -> bool {
        let bundle = self.bundles.get(peer.id.trust_domain());
        now < peer.expires_at
            && now < self.svid.expires_at
            && bundle.is_some_and(|bundle| bundle.generation == peer.generation)
    }
}

impl Svid {
    fn new(leaf: Leaf, offered: Offered, crypto: &CryptoProvider) -> Result<Self, IdentityError> {
        let key = CertifiedKey::from_der(offered.chain, offered.key.clone_key(), crypto)
            .map_err(|why| unusable(format!("{}: its key: {why}", leaf.id)))?;
        Ok(Self { id: leaf.id, expires_at: leaf.not_after, key: Arc::new(key) })
    }
}

impl Bundle {
    /// Keeps `old`'s generation if the roots are the same.
    fn new(
        mut certs: Vec<CertificateDer<'static>>,
        old: Option<&Self>,
        next_generation: u64,
    ) -> Result<Self, webpki::Error> {
        certs.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
        certs.dedup();
        let generation = match old {
            Some(old) if old.certs == certs => old.generation,
            _ => next_generation,
        };
        let roots = certs
            .iter()
            .map(|cert| anchor_from_trusted_cert(cert).map(|root| root.to_owned()))
            .collect::<Result<_, _>>()?;
        Ok(Self { certs, roots, generation })
    }

    /// Finds a path from a leaf to a root; returns when its first intermediate ends.
    fn vouches(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: KeyUsage,
        now: Timestamp,
        crypto: &CryptoProvider,
    ) -> Result<Option<Timestamp>, PeerError> {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let algorithms = crypto.signature_verification_algorithms.all;
        let untrusted = |why: webpki::Error| PeerError::Untrusted(why.to_string());
        let cert = EndEntityCert::try_from(leaf).map_err(|_| PeerError::Malformed)?;
        let path = cert
            .verify_for_usage(algorithms, &self.roots, intermediates, at, usage, None, None)
            .map_err(untrusted)?;
        path.intermediate_certificates().map(|cert| signing_until(&cert.der())).try_fold(
            None,
            |first: Option<Timestamp>, ends| {
                let ends = ends?;
                Ok(Some(first.map_or(ends, |first| first.min(ends))))
            },
        )
    }
}

/// The roots of one trust domain, for somebody who has no SVID yet.
#[derive(Debug)]
pub(crate) struct Roots(Bundle);

impl Roots {
    pub(crate) fn new(certs: Vec<CertificateDer<'static>>) -> Result<Self, webpki::Error> {
        Bundle::new(certs, None, 0).map(Self)
    }

    /// Who a server is, if one of the roots vouches for it.
    pub(crate) fn server(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: Timestamp,
        crypto: &CryptoProvider,
    ) -> Result<SpiffeId, PeerError> {
        let leaf = Leaf::read(end_entity)?;
        leaf.at(now)?;
        self.0.vouches(end_entity, intermediates, End::Server.usage(), now, crypto)?;
        Ok(leaf.id)
    }
}

/// The first wanted SVID, or the one with the ID that we have already.
fn pick(
    offered: Vec<Offered>,
    wanted: &Expected,
    previous: Option<&Material>,
) -> Result<(Leaf, Offered), IdentityError> {
    let mut refused = Vec::new();
    let mut chosen: Option<(Leaf, Offered)> = None;
    for svid in offered {
        let leaf = svid.chain.first().ok_or(PeerError::Malformed).and_then(Leaf::read);
        match leaf {
            Ok(leaf) if wanted.accepts(&leaf.id) => {
                let is_ours = previous.is_some_and(|m| m.svid.id == leaf.id);
                if chosen.is_none() || is_ours {
                    chosen = Some((leaf, svid));
                }
                if is_ours {
                    break;
                }
            }
            Ok(leaf) => refused.push(leaf.id.to_string()),
            Err(broken) => refused.push(format!("({broken})")),
        }
    }
    chosen.ok_or_else(|| IdentityError::NoneWanted {
        wanted: wanted.to_string(),
        offered: if refused.is_empty() { "nothing".to_owned() } else { refused.join(", ") },
    })
}

fn unusable(reason: String) -> IdentityError {
    IdentityError::Unusable { reason }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundles = self.bundles.iter().map(|(domain, bundle)| (domain, bundle.generation));
        f.debug_struct("Material")
            .field("id", &self.svid.id)
            .field("expires_at", &self.svid.expires_at)
            .field("bundles", &bundles.collect::<Vec<_>>())
            .field("key", &"[redacted]")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
