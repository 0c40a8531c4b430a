//! The compiled policies of one generation: a memo, never the truth.

use std::sync::Arc;

use arc_swap::ArcSwap;
use spike_core::policy::{Policy, PolicyName, PolicySet};
use spike_store::{Call, Epochs, Generation};
use tokio::sync::Mutex;

use super::{load::load, manifest::Manifest};
use crate::{
    app::{
        App,
        error::{Error, Result},
        settle::{MISMATCHES, pause},
    },
    keys::Unsealed,
};

/// The policies of one generation, verified against its manifest.
pub(crate) struct Policies {
    manifest: Manifest,
    set: PolicySet,
}

impl Policies {
    /// None, of no generation.
    fn unknown() -> Self {
        Self::new(Manifest::unknown(), Vec::new())
    }

    /// Exactly the policies that the manifest names.
    pub(super) fn new(manifest: Manifest, policies: Vec<Policy>) -> Self {
        Self { manifest, set: PolicySet::new(policies) }
    }

    /// Of which generation they are.
    pub(crate) const fn generation(&self) -> Generation {
        self.manifest.generation()
    }

    /// What they were verified against.
    pub(crate) const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Compiled.
    pub(crate) const fn set(&self) -> &PolicySet {
        &self.set
    }

    /// The policy of that name.
    pub(crate) fn get(&self, name: &PolicyName) -> Option<&Policy> {
        self.set.get(name)
    }
}

/// Holds the newest policies that were read, and reads newer ones once however many ask.
pub(crate) struct Memo {
    latest: ArcSwap<Policies>,
    loading: Mutex<()>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { latest: ArcSwap::from_pointee(Policies::unknown()), loading: Mutex::default() }
    }
}

impl Memo {
    /// The newest that were read.
    pub(crate) fn latest(&self) -> Arc<Policies> {
        self.latest.load_full()
    }

    /// Policies at least as new as the epochs.
    ///
    /// # Errors
    ///
    /// [`Error::Tampered`] if they aren't exactly what the manifest says,
    /// [`Error::NotReady`] if there is no manifest or it is older than one seen before.
    pub(crate) async fn at(
        &self,
        app: &App,
        call: &Call,
        unsealed: &Unsealed,
        epochs: &Epochs,
    ) -> Result<Arc<Policies>> {
        let _one_at_a_time = self.loading.lock().await;
        let have = self.latest();
        let newer = have.generation().counter > epochs.generation.counter;
        if newer || have.generation() == epochs.generation {
            return Ok(have);
        }
        for round in 0..MISMATCHES {
            pause(round).await;
            if let Some(fresh) = load(app, call, unsealed, &have).await? {
                app.watermark.raise(fresh.generation().counter);
                let fresh = Arc::new(fresh);
                self.latest.store(fresh.clone());
                return Ok(fresh);
            }
        }
        Err(Error::Unsettled(MISMATCHES))
    }
}
