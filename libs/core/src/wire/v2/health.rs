//! `GET /health` and `/readyz`.

use serde::{Deserialize, Serialize};

use super::Reason;

/// Whether requests can be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// In one word.
    pub status: State,
    /// Why it isn't [`State::Ready`].
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

impl Health {
    /// Ready.
    pub const READY: Self = Self { status: State::Ready, reasons: Vec::new() };

    /// Not ready, for one reason.
    pub fn not(status: State, code: impl Into<String>, message: impl Into<String>) -> Self {
        let reason = Reason { code: code.into(), message: message.into() };
        Self { status, reasons: vec![reason] }
    }
}

/// The state of a Nexus or a Keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Serves requests.
    Ready,
    /// Has no root key.
    Sealed,
    /// The backing store doesn't answer.
    StoreUnavailable,
    /// Is about to stop.
    Draining,
}
