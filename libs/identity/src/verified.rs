//! Clients whose signatures were checked a moment ago.
//!
//! It belongs to one [`Material`](crate::material::Material) and so can't outlive the roots that
//! vouched. It remembers no decision about time: whoever asks compares `expires_at` again.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use rustls_pki_types::CertificateDer;

use crate::Peer;

/// The most that are remembered: about 1 MiB. A client that was forgotten is only checked again.
const MAX: usize = 1024;

/// Leaf certificates and who they are.
///
/// A client that comes back costs no signature check of its chain, and the second look after a
/// handshake costs none either. Only what was verified gets in, compared byte by byte.
#[derive(Default)]
pub(crate) struct Verified(Mutex<HashMap<CertificateDer<'static>, Peer>>);

impl Verified {
    pub(crate) fn get(&self, leaf: &CertificateDer<'_>) -> Option<Peer> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known: &HashMap<CertificateDer<'_>, Peer> = &known;
        known.get(leaf).cloned()
    }

    pub(crate) fn insert(&self, leaf: &CertificateDer<'_>, peer: &Peer) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(leaf.clone().into_owned(), peer.clone());
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let verified = Verified::default();
        let peer = Peer {
            id: "spiffe://a.example/x".parse().expect("an ID"),
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            generation: 1,
        };
        for n in 0..5 * MAX {
            let leaf = CertificateDer::from(n.to_be_bytes().to_vec());
            verified.insert(&leaf, &peer);
            assert_eq!(verified.get(&leaf).as_ref(), Some(&peer));
            assert!(verified.0.lock().expect("not poisoned").len() <= MAX);
        }
    }
}
