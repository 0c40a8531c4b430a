//! A drill: would these recovery shards restore the root key? Nothing changes.
//!
//! It goes as far as a restore does with the shards: each is compared with the ring's digests, the
//! root is put together, and the ring is opened with it. Then all of it is wiped. What else a restore
//! asks for is not tried: whether policies and counters of the store are what was seen last.

use std::fmt;

use spike_core::{Quorum, ShareIndex};
use spike_seal::{SealError, Shard, WhyRefused};
use spike_store::Call;

use super::{BootError, escrow, forged, site::Site};

/// How a drill went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drilled {
    /// The set that the shards were compared with.
    pub set: u32,
    /// How many there are, and how many restore.
    pub quorum: Quorum,
    /// These shards make the root key of the ring: a restore would not fail for them.
    pub restores: bool,
    /// What is wrong with each shard, in the order in which they came.
    pub verdicts: Vec<(ShareIndex, Result<(), WhyRefused>)>,
}

/// For the audit.
impl fmt::Display for Drilled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { set, quorum, restores, verdicts } = self;
        write!(f, "set {set}: any {quorum}, restores: {restores}")?;
        verdicts.iter().try_for_each(|(index, verdict)| {
            let said = if verdict.is_ok() { "ok" } else { "refused" };
            write!(f, ", shard {index} {said}")
        })
    }
}

/// Tries the shards on the ring that the store shows now.
pub(super) async fn drill(
    site: &Site,
    call: &Call,
    shards: &[Shard],
) -> Result<Drilled, BootError> {
    let (_, unsealed) = escrow::present(site, call).await?;
    let ring = &unsealed.ring;
    let escrow = ring.escrow().ok_or(BootError::NoEscrow)?;
    let verdicts = ring.escrow_verdicts(shards).unwrap_or_default();
    let restores = verdicts.iter().all(Result::is_ok)
        && match ring.restore(shards) {
            Ok(_) => true,
            Err(SealError::NotEnoughShards { .. }) => false,
            Err(error) => return Err(forged(&error)),
        };
    let verdicts = shards.iter().map(Shard::index).zip(verdicts).collect();
    Ok(Drilled { set: escrow.set, quorum: escrow.quorum, restores, verdicts })
}
