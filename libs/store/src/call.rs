//! What goes with every call, and what comes back with every answer.

use jiff::Timestamp;
use spike_core::Revision;
use tokio::time::Instant;

/// Names a caller to the store without telling who it is: a keyed hash of its SPIFFE ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallerHash(pub [u8; 32]);

/// W3C trace id of the request, all zero if it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The circumstances of one call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The epochs that must be the present ones for a write to happen.
    ///
    /// `None` only for claiming and activating a key ring.
    pub guard: Option<Epochs>,
    /// When the caller stops waiting; the store gives up with [`crate::StoreError::Unavailable`].
    pub deadline: Instant,
    /// The time of the call, for what the store dates itself.
    pub at: Timestamp,
    /// For the store's own log.
    pub trace: TraceId,
    /// For bounds per caller.
    pub caller: CallerHash,
}

/// The generation of the policies: its counter rises with every policy write, its random tag tells
/// two histories with the same counter apart. Compared whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation {
    /// 0 before the first manifest.
    pub counter: u64,
    /// Chosen by the writer of the manifest.
    pub tag: [u8; 16],
}

/// What every decision rests on: which policies and which key ring were in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epochs {
    /// Of the policies.
    pub generation: Generation,
    /// Of the key ring; 0 before there is one.
    pub ring: Revision,
}

impl Epochs {
    /// An empty store's.
    pub const NONE: Self =
        Self { generation: Generation { counter: 0, tag: [0; 16] }, ring: Revision(0) };
}

/// An answer with the epochs of the same snapshot or a later one.
///
/// If they equal those of a decision made before the read began, answer and decision belong
/// together; otherwise decide anew **and read again**.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// The epochs observed.
    pub epochs: Epochs,
    /// The answer.
    pub value: T,
}
