//! Spike's authority in a Kubernetes cluster: a service account's token is traded for an X.509-SVID.
//!
//! The token says who we are and is good for this authority only; the key never leaves this process.
//! The authority is believed if a root of the mounted bundle vouches for it and its SPIFFE ID is an
//! authority's: no DNS name counts.

use std::{path::PathBuf, sync::Arc, time::Duration};

use backon::ExponentialBackoff;
use rustls_pki_types::CertificateDer;
use tokio::time::{Instant, sleep, sleep_until};
use zeroize::Zeroizing;

use super::{
    files::{self, read},
    given::Svid,
    pauses,
};
use crate::{
    IdentityError,
    authority::{self, Exchange},
    material::Offer,
};

/// How often the bundle is read again: the kubelet takes a minute to bring a new one.
const LOOK: Duration = Duration::from_secs(5);

/// The first and the longest pause before asking again: an authority that restarts is found soon.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Trades one pod's token.
#[derive(Debug)]
pub(crate) struct Trade {
    authority: String,
    token: PathBuf,
    bundle: PathBuf,
    /// What was traded last.
    svid: Option<Arc<Svid>>,
    /// The bundle as it was mounted then.
    mounted: Option<Zeroizing<Vec<u8>>>,
    /// When to trade again.
    renew_at: Instant,
    pauses: ExponentialBackoff,
    pause: Option<Duration>,
}

impl Trade {
    pub(super) fn new(authority: String, token: PathBuf, bundle: PathBuf) -> Self {
        Self {
            authority,
            token,
            bundle,
            svid: None,
            mounted: None,
            renew_at: Instant::now(),
            pauses: pauses(PAUSES),
            pause: None,
        }
    }

    /// An SVID is renewed at half its life.
    pub(super) fn accepted(&mut self, life: Duration) {
        self.renew_at = Instant::now() + life / 2;
        self.pauses = pauses(PAUSES);
    }

    pub(super) async fn next(&mut self) -> Result<Offer, IdentityError> {
        if let Some(pause) = self.pause {
            sleep(pause).await;
            self.pause = None;
        }
        let offered = self.wait().await;
        if offered.is_err() {
            self.pause = self.pauses.next();
        }
        offered
    }

    /// Waits for a new bundle or for the time to renew.
    async fn wait(&mut self) -> Result<Offer, IdentityError> {
        loop {
            let mounted = read(&self.bundle).await?;
            let roots = files::certificates(&self.bundle, &mounted)?;
            let changed = self.mounted.as_deref() != Some(&*mounted);
            if Instant::now() >= self.renew_at || self.svid.is_none() {
                let svid = self.trade(&roots).await?;
                // Until it is accepted it is worth a try, and no more.
                self.renew_at = Instant::now() + LOOK;
                (self.svid, self.mounted) = (Some(Arc::new(svid)), Some(mounted));
                return self.offer(&roots);
            }
            if changed {
                self.mounted = Some(mounted);
                return self.offer(&roots);
            }
            sleep_until(self.renew_at.min(Instant::now() + LOOK)).await;
        }
    }

    async fn trade(&self, roots: &[CertificateDer<'static>]) -> Result<Svid, IdentityError> {
        let token = read(&self.token).await?;
        let token = std::str::from_utf8(&token).map(str::trim).map_err(|_| {
            IdentityError::File { path: self.token.clone(), reason: "not a token".to_owned() }
        })?;
        authority::trade(Exchange { url: &self.authority, token, roots }).await
    }

    /// What was traded, with the roots of the answer and those that are mounted by now.
    fn offer(&self, mounted: &[CertificateDer<'static>]) -> Result<Offer, IdentityError> {
        let unusable = |reason: &str| IdentityError::Unusable { reason: reason.to_owned() };
        let svid = self.svid.as_ref().ok_or_else(|| unusable("nothing was traded yet"))?;
        let mut offer = svid.offer()?;
        offer.bundles.values_mut().for_each(|roots| roots.extend(mounted.iter().cloned()));
        Ok(offer)
    }
}
