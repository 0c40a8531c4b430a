//! What Nexus does for a caller, whatever protocol it speaks.
//!
//! Every use case goes the same way: decide and look up in the same epochs (`settle`), believe
//! what the store returned only after its MAC or tag was checked, write the audit line, answer. An
//! answer whose audit line isn't durable is not given.

pub(crate) mod access;
mod audited;
pub(crate) mod caller;
mod cipher;
pub(crate) mod error;
pub(crate) mod keys;
mod lanes;
mod operator;
pub(crate) mod policies;
pub(crate) mod secrets;
mod settle;
mod trouble;
mod verdict;
mod watermark;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use spike_audit::Log;
use spike_store::Store;

pub(crate) use policies::load::believe;
pub use policies::manifest::Manifest;
pub(crate) use trouble::Trouble;
pub use watermark::Watermark;

use self::{error::Error, lanes::Lanes, policies::memo::Memo};
use crate::keys::{Keys, Reason};

/// What the configuration says about use cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many versions of a path are kept.
    pub max_versions: u32,
    /// The most bytes that are encrypted in one call, and the most that decrypting one gives.
    pub max_ciphertext: usize,
}

/// The use cases and what they share.
pub struct App {
    store: Arc<dyn Store>,
    keys: Keys,
    audit: Log,
    bounds: Bounds,
    watermark: Watermark,
    policies: Memo,
    lanes: Lanes,
    policy_lane: tokio::sync::Mutex<()>,
    went_back: Trouble,
    bad_policies: Trouble,
}

impl App {
    /// Use cases over these parts. Nothing is read yet.
    pub fn new(
        store: Arc<dyn Store>,
        keys: Keys,
        audit: Log,
        watermark: Watermark,
        bounds: Bounds,
    ) -> Self {
        Self {
            store,
            keys,
            audit,
            bounds,
            watermark,
            policies: Memo::default(),
            lanes: Lanes::default(),
            policy_lane: tokio::sync::Mutex::default(),
            went_back: Trouble::default(),
            bad_policies: Trouble::default(),
        }
    }

    /// What the store showed last that must not be.
    pub(crate) fn trouble(&self) -> Option<Reason> {
        self.went_back.now().or_else(|| self.bad_policies.now())
    }

    /// The counter of the policies that were read last; 0 before any were.
    pub(crate) fn policy_counter(&self) -> u64 {
        self.policies.latest().generation().counter
    }

    fn sealed(&self) -> Error {
        let unexplained =
            || Reason { code: "sealed", message: "this Nexus has no root key yet".to_owned() };
        Error::NotReady(self.keys.sealed_reason().unwrap_or_else(unexplained))
    }
}
