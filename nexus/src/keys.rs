//! The keys of this process: sealed with a reason, or open.

use std::{fmt, sync::Arc};

use spike_core::Revision;
use spike_seal::{KeyRing, RingKeys, RootKey, SealError};
use spike_store::{Call, Store, StoreError};
use tokio::sync::watch;

/// Why there are no keys, or why this Nexus can't do what it is asked: a stable code for machines
/// and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable, such as `not_bootstrapped` or `not_enough_keepers`.
    pub code: &'static str,
    /// What is wrong and what would help. Names no secret and no principal.
    pub message: String,
}

/// What a Nexus has once its root key was rebuilt.
pub struct Unsealed {
    /// The ring, believed.
    pub ring: KeyRing,
    /// Its keys.
    pub keys: RingKeys,
    /// The root key.
    pub root: Arc<RootKey>,
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
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_open() { "Keys(open)" } else { "Keys(sealed)" })
    }
}

impl Keys {
    /// No keys yet, for this reason.
    pub fn sealed(store: Arc<dyn Store>, reason: Reason) -> Self {
        Self { store, state: watch::Sender::new(State::Sealed(reason)) }
    }

    /// Replaces the reason, while sealed.
    pub fn explain(&self, reason: Reason) {
        self.state.send_if_modified(|state| {
            let sealed = matches!(state, State::Sealed(_));
            if sealed {
                *state = State::Sealed(reason);
            }
            sealed
        });
    }

    /// From here on there are keys.
    pub fn unseal(&self, unsealed: Unsealed) -> Arc<Unsealed> {
        let unsealed = Arc::new(unsealed);
        self.state.send_replace(State::Open(unsealed.clone()));
        unsealed
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

    /// The keys of exactly this ring revision, read from the store if it moved.
    #[expect(clippy::unused_async, reason = "reads the store once a ring can change")]
    pub async fn at(&self, ring: Revision, call: &Call) -> Result<Arc<Unsealed>, KeysError> {
        let _ = (&self.store, call);
        let open = match &*self.state.borrow() {
            State::Sealed(reason) => return Err(KeysError::Sealed(reason.clone())),
            State::Open(unsealed) => unsealed.clone(),
        };
        let seen = open.ring.revision();
        if ring == seen { Ok(open) } else { Err(KeysError::RolledBack { seen, found: ring }) }
    }
}
