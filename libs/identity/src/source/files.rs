//! PEM files, read again every second.
//!
//! Polling the content sees what file events miss: the symlink swaps of Kubernetes volumes, network
//! file systems, a file that is replaced by another with the same time.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{io::AsyncReadExt, time::sleep};
use zeroize::Zeroizing;

use crate::{
    IdentityError, PeerError,
    leaf::Leaf,
    material::{Offer, Offered},
};

/// How often the files are read: a renewed SVID has most of its life left a second later.
const INTERVAL: Duration = Duration::from_secs(1);

/// The most that is read of one file; a bundle of hundreds of roots is smaller.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Poll {
    cert: PathBuf,
    key: PathBuf,
    bundle: PathBuf,
    asked: bool,
    /// Of the content last read.
    seen: Option<u64>,
    /// Of the content in use; none after a problem, so that its end is an offer again.
    used: Option<u64>,
}

impl Poll {
    pub(super) fn new(cert: PathBuf, key: PathBuf, bundle: PathBuf) -> Self {
        Self { cert, key, bundle, asked: false, seen: None, used: None }
    }

    pub(super) fn accepted(&mut self) {
        self.used = self.seen;
    }

    pub(super) async fn next(&mut self) -> Result<Offer, IdentityError> {
        loop {
            if std::mem::replace(&mut self.asked, true) {
                sleep(INTERVAL).await;
            }
            let used = self.used.take();
            let cert = read(&self.cert).await?;
            let key = read(&self.key).await?;
            let bundle = read(&self.bundle).await?;
            // Detects change, proves nothing: a fast hash will do.
            let mut hasher = DefaultHasher::new();
            (&*cert, &*key, &*bundle).hash(&mut hasher);
            self.seen = Some(hasher.finish());
            if self.seen != used {
                return self.parse(&cert, &key, &bundle);
            }
            self.used = used;
        }
    }

    fn parse(&self, cert: &[u8], key: &[u8], bundle: &[u8]) -> Result<Offer, IdentityError> {
        let chain = certificates(&self.cert, cert)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|why| unreadable(&self.key, &format!("no private key in PEM: {why}")))?;
        let leaf = chain.first().ok_or(PeerError::Malformed).and_then(Leaf::read);
        let leaf = leaf.map_err(|why| unreadable(&self.cert, &why.to_string()))?;
        let roots = certificates(&self.bundle, bundle)?;
        let domain = leaf.id.trust_domain().to_owned();
        Ok(Offer {
            svids: vec![Offered { chain, key: Zeroizing::new(key) }],
            bundles: BTreeMap::from([(domain, roots)]),
        })
    }
}

pub(super) async fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let failed = |why: std::io::Error| unreadable(path, &why.to_string());
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 << 10));
    file.take(MAX_BYTES).read_to_end(&mut bytes).await.map_err(failed)?;
    Ok(bytes)
}

pub(super) fn certificates(
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let certs: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|why| unreadable(path, &format!("bad PEM: {why}")))?;
    if certs.is_empty() {
        return Err(unreadable(path, "no certificate in PEM"));
    }
    Ok(certs)
}

fn unreadable(path: &Path, reason: &str) -> IdentityError {
    IdentityError::File { path: path.to_owned(), reason: reason.to_owned() }
}
