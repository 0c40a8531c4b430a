//! The keys of this process: sealed with a reason, or open.
//!
//! A ring is believed under the root key that this process holds and never if its revision is below
//! the highest seen: a store that goes back is refused, not followed.

mod ring;

use std::{fmt, sync::Arc};

use spike_core::Revision;
use spike_seal::{KeyRing, RingDocument, RingKeys, RootKey, SealError};
use spike_store::{Call, Epochs, Store, StoreError};
use tokio::sync::{Mutex, watch};

pub(crate) use ring::{RingRead, new_tag, ring_put};

/// Why there are no keys, or why this Nexus can't do what it is asked: a stable code for machines
/// and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable, such as `not_bootstrapped` or `not_enough_keepers`.
    pub code: &'static str,
    /// What is wrong and what would help. Names no secret and no principal.
    pub message: String,
}

impl Reason {
    /// A code and its sentence.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a Nexus has once its root key was rebuilt.
#[derive(Debug)]
pub struct Unsealed {
    /// The ring, believed.
    pub ring: KeyRing,
    /// Its keys.
    pub keys: RingKeys,
    /// The root key.
    pub root: Arc<RootKey>,
}

impl Unsealed {
    /// Believes a ring under a root.
    pub(crate) fn new(ring: KeyRing, root: Arc<RootKey>) -> Result<Self, SealError> {
        let keys = ring.open(&root)?;
        Ok(Self { ring, keys, root })
    }
}

/// Why the keys of a ring revision can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// There are none yet.
    #[error("sealed: {}", .0.message)]
    Sealed(Reason),
    /// The store shows an older ring than this process has seen.
    #[error("the store's key ring went back from revision {seen} to {found}")]
    RolledBack {
        /// The highest seen.
        seen: Revision,
        /// What the store shows now.
        found: Revision,
    },
    /// The store's ring can't be believed or opened.
    #[error("the key ring: {0}")]
    Ring(#[from] SealError),
    /// The store failed.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
}

enum State {
    Sealed(Reason),
    Open(Arc<Unsealed>),
}

/// A handle to the keys; clones share them.
#[derive(Clone)]
pub struct Keys {
    store: Arc<dyn Store>,
    state: watch::Sender<State>,
    /// Of many requests that see a new ring, one reads it.
    reading: Arc<Mutex<()>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_open() { "Keys(open)" } else { "Keys(sealed)" })
    }
}

impl Keys {
    /// No keys yet, for this reason.
    pub fn sealed(store: Arc<dyn Store>, reason: Reason) -> Self {
        let state = watch::Sender::new(State::Sealed(reason));
        Self { store, state, reading: Arc::default() }
    }

    /// Replaces the reason, while sealed. True if it is another one than before.
    pub fn explain(&self, reason: Reason) -> bool {
        self.state.send_if_modified(|state| match state {
            State::Sealed(before) if *before != reason => {
                *before = reason;
                true
            }
            _ => false,
        })
    }

    /// From here on there are keys. Keys of an older ring never replace those of a newer one.
    pub fn unseal(&self, unsealed: Unsealed) -> Arc<Unsealed> {
        let mut newest = Arc::new(unsealed);
        self.state.send_if_modified(|state| match state {
            State::Open(present) if present.ring.revision() >= newest.ring.revision() => {
                newest = present.clone();
                false
            }
            _ => {
                *state = State::Open(newest.clone());
                true
            }
        });
        newest
    }

    /// The keys, if there are any.
    pub fn open(&self) -> Option<Arc<Unsealed>> {
        match &*self.state.borrow() {
            State::Sealed(_) => None,
            State::Open(unsealed) => Some(unsealed.clone()),
        }
    }

    /// True if there are keys.
    pub fn is_open(&self) -> bool {
        matches!(&*self.state.borrow(), State::Open(_))
    }

    /// Why there are no keys; `None` if there are.
    pub fn sealed_reason(&self) -> Option<Reason> {
        match &*self.state.borrow() {
            State::Sealed(reason) => Some(reason.clone()),
            State::Open(_) => None,
        }
    }

    /// Waits until there are keys.
    pub async fn opened(&self) -> Arc<Unsealed> {
        let mut state = self.state.subscribe();
        loop {
            if let State::Open(unsealed) = &*state.borrow_and_update() {
                return unsealed.clone();
            }
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns once there are keys of a later ring than `revision`.
    pub(crate) async fn above(&self, revision: Revision) {
        let later = |state: &State| match state {
            State::Open(unsealed) => unsealed.ring.revision() > revision,
            State::Sealed(_) => false,
        };
        let risen = self.state.subscribe().wait_for(later).await.is_ok();
        debug_assert!(risen, "the sender is ours");
    }

    /// The keys of this ring revision or of a later one, read from the store if it moved.
    ///
    /// # Errors
    ///
    /// [`KeysError::RolledBack`] if `ring`, or what the store shows, is below what was seen;
    /// [`KeysError::Ring`] if the store's ring isn't our root's.
    pub async fn at(&self, ring: Revision, call: &Call) -> Result<Arc<Unsealed>, KeysError> {
        let present = self.present()?;
        let seen = present.ring.revision();
        match ring.cmp(&seen) {
            std::cmp::Ordering::Equal => Ok(present),
            std::cmp::Ordering::Less => Err(KeysError::RolledBack { seen, found: ring }),
            std::cmp::Ordering::Greater => self.read(ring, call).await,
        }
    }

    /// The epochs of the store now, and the keys of their ring or of a later one.
    ///
    /// # Errors
    ///
    /// As for [`Keys::at`]. What is held is looked at before the store is asked: what others learn
    /// meanwhile is newer, and no rollback.
    pub(crate) async fn now(&self, call: &Call) -> Result<(Epochs, Arc<Unsealed>), KeysError> {
        let seen = self.present()?.ring.revision();
        let epochs = self.store.read(call, &[]).await?.epochs;
        let found = epochs.ring;
        if found < seen {
            return Err(KeysError::RolledBack { seen, found });
        }
        Ok((epochs, self.read(found, call).await?))
    }

    async fn read(&self, wanted: Revision, call: &Call) -> Result<Arc<Unsealed>, KeysError> {
        let _one = self.reading.lock().await;
        let present = self.present()?;
        if present.ring.revision() >= wanted {
            return Ok(present);
        }
        let read = RingRead::from(&*self.store, call).await?;
        let (found, ring) = match read.document? {
            Some(RingDocument::Active(ring)) => (ring.revision(), Some(ring)),
            Some(RingDocument::Claimed(claim)) => (claim.revision, None),
            None => (Revision(0), None),
        };
        match ring {
            Some(ring) if found >= wanted => {
                Ok(self.unseal(Unsealed::new(*ring, present.root.clone())?))
            }
            _ => Err(KeysError::RolledBack { seen: wanted, found }),
        }
    }

    fn present(&self) -> Result<Arc<Unsealed>, KeysError> {
        match &*self.state.borrow() {
            State::Sealed(reason) => Err(KeysError::Sealed(reason.clone())),
            State::Open(unsealed) => Ok(unsealed.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
