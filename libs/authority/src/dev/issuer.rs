//! Renews one identity's SVID.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use spike_core::SpiffeId;
use tokio::sync::watch;

use super::{AuthorityError, roots::Roots};
use crate::workload_api::Told;

pub(super) struct Issuer {
    pub(super) id: SpiffeId,
    pub(super) life: Duration,
    pub(super) roots: watch::Receiver<Roots>,
}

impl Issuer {
    /// A new SVID and the roots of now.
    pub(super) fn issue(&mut self) -> Result<Told, AuthorityError> {
        let roots = self.roots.borrow_and_update().clone();
        let svid = roots.signing.issue(&self.id, self.life, Timestamp::now())?;
        Ok(Told { id: self.id.to_string(), svid: Arc::new(svid), roots: roots.trusted })
    }

    /// Issues again at half of each SVID's life and when the roots change, for ever.
    pub(super) async fn keep_issuing(mut self, tell: watch::Sender<Told>) {
        loop {
            // Both outcomes mean: issue now. An error would say that the authority is gone, and
            // then this task is as well.
            let _ = tokio::time::timeout(self.life / 2, self.roots.changed()).await;
            match self.issue() {
                Ok(told) => {
                    tell.send_replace(told);
                }
                Err(why) => tracing::error!(id = %self.id, error = %why, "cannot renew an SVID"),
            }
        }
    }
}
