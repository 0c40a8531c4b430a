//! Decision and answer of the same epochs.
//!
//! What a caller may see is decided with policies and keys held in memory. They are only a memo:
//! the decision counts if they were built from exactly the epochs that the store showed together
//! with the answer. Otherwise they are read anew **and so is the answer**: a record that was read
//! before a grant must not be released by it. Refusals are decided the same way.

use std::{future::Future, sync::Arc, time::Duration};

use jiff::Timestamp;
use rand::RngExt;
use spike_seal::HashPurpose;
use spike_store::{Call, CallerHash, Epochs, Seen, TraceId};
use tokio::time::Instant;

use super::{
    App,
    caller::{BUDGET, Caller},
    error::{Error, Result},
    policies::memo::Policies,
    verdict::{Ask, Verdict},
};
use crate::keys::Unsealed;

/// After so many mismatches the caller is asked to come back: each one takes a policy write or a
/// rotation that lands exactly between two statements of ours.
pub(crate) const MISMATCHES: u32 = 8;

/// The longest pause after a mismatch, times the number of mismatches.
const PAUSE: Duration = Duration::from_millis(5);

/// A bootstrap writes both at once, so one without the other was never there.
pub(super) const NO_MANIFEST: &str = "the store has a key ring but no policy manifest";

/// What is known when a decision is made.
#[derive(Clone)]
pub(crate) struct Known {
    /// The keys of a ring revision.
    pub(crate) unsealed: Arc<Unsealed>,
    /// The policies of a generation.
    pub(crate) policies: Arc<Policies>,
}

/// A decision that counts.
pub(crate) struct Standing {
    /// What it was made with.
    pub(crate) known: Known,
    /// What it is; it allows.
    pub(crate) verdict: Verdict,
    /// The epochs that confirmed it: the guard of a write.
    pub(crate) epochs: Epochs,
    /// Names the caller to the store.
    pub(crate) hash: CallerHash,
}

impl Standing {
    /// The circumstances of a write that rests on this decision.
    pub(crate) fn guarded(&self, caller: &Caller) -> Call {
        caller.call(self.hash, Some(self.epochs))
    }
}

/// Something to be looked up in the store for a caller who may have it.
pub(crate) trait Lookup: Sync {
    /// What comes of it.
    type Found: Send;

    /// Looks it up. `None`: what was found is not of one piece, and it has to be looked up again.
    fn look(
        &self,
        app: &App,
        call: &Call,
        known: &Known,
    ) -> impl Future<Output = Result<Seen<Option<Self::Found>>>> + Send;
}

/// Nothing but the epochs.
pub(crate) struct OnlyEpochs;

impl Lookup for OnlyEpochs {
    type Found = ();

    async fn look(&self, app: &App, call: &Call, _: &Known) -> Result<Seen<Option<()>>> {
        let seen = app.store.read(call, &[]).await?;
        Ok(Seen { epochs: seen.epochs, value: Some(()) })
    }
}

impl App {
    /// Decides `ask` and looks up what it is about, both of the same epochs.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] if the decision is no; nothing was looked up then but the epochs.
    pub(crate) async fn settle<L: Lookup>(
        &self,
        caller: &Caller,
        ask: &Ask<'_>,
        lookup: &L,
    ) -> Result<(Standing, L::Found)> {
        let mut known = self.known()?;
        for mismatches in 0..MISMATCHES {
            pause(mismatches).await;
            let hash = known.names(caller);
            let call = caller.call(hash, None);
            let verdict = Verdict::of(ask, &caller.id, caller.role, known.policies.set());
            let floor = self.watermark.get();

            let (epochs, found) = if verdict.allows() {
                let seen = lookup.look(self, &call, &known).await?;
                (seen.epochs, seen.value)
            } else {
                (OnlyEpochs.look(self, &call, &known).await?.epochs, None)
            };

            self.never_back(&known, &epochs, floor)?;
            let policies_matter = ask.is_of_policies() || verdict.rests_on_policies();
            if known.covers(&epochs, policies_matter) {
                match found {
                    _ if !verdict.allows() => return Err(Error::Denied),
                    Some(found) => return Ok((Standing { known, verdict, epochs, hash }, found)),
                    None => continue,
                }
            }
            known = self.learn(&call, &known, &epochs, policies_matter).await?;
        }
        Err(Error::Unsettled(MISMATCHES))
    }

    /// Looks again at what a request found wrong with the store: a replica that isn't ready for it
    /// may get no other request that would.
    pub(crate) async fn look_again(&self) {
        if self.trouble().is_none() {
            return;
        }
        let call = Call {
            guard: None,
            deadline: Instant::now() + BUDGET,
            at: Timestamp::now(),
            trace: TraceId::default(),
            caller: CallerHash([0; 32]),
        };
        if let Err(error) = self.relearn(&call).await {
            tracing::debug!("the store is still not whole: {error}");
        }
    }

    async fn relearn(&self, call: &Call) -> Result<()> {
        let known = self.known()?;
        let floor = self.watermark.get();
        let epochs = OnlyEpochs.look(self, call, &known).await?.epochs;
        self.never_back(&known, &epochs, floor)?;
        if !known.covers(&epochs, true) {
            self.learn(call, &known, &epochs, true).await?;
        }
        Ok(())
    }

    /// Refuses what is older than was known, and notes that the store is whole if it is.
    fn never_back(&self, known: &Known, epochs: &Epochs, floor: u64) -> Result<()> {
        known.refuse_rollback(epochs, floor).map_err(|error| self.went_back.note(error))?;
        self.went_back.clear();
        if known.covers(epochs, true) {
            self.bad_policies.clear();
        }
        Ok(())
    }

    /// What this process knows without asking the store.
    pub(crate) fn known(&self) -> Result<Known> {
        let unsealed = self.keys.open().ok_or_else(|| self.sealed())?;
        Ok(Known { unsealed, policies: self.policies.latest() })
    }

    /// Brings what is known up to the epochs, or beyond if others were faster.
    async fn learn(
        &self,
        call: &Call,
        known: &Known,
        epochs: &Epochs,
        with_policies: bool,
    ) -> Result<Known> {
        let unsealed = match self.keys.open() {
            Some(newer) if newer.ring.revision() >= epochs.ring => newer,
            _ => self.keys.at(epochs.ring, call).await?,
        };
        let policies = if with_policies {
            let loaded = self.policies.at(self, call, &unsealed, epochs).await;
            let loaded = loaded.map_err(|error| self.bad_policies.note(error))?;
            self.bad_policies.clear();
            loaded
        } else {
            known.policies.clone()
        };
        Ok(Known { unsealed, policies })
    }
}

impl Known {
    /// Names a caller to the store.
    pub(super) fn names(&self, caller: &Caller) -> CallerHash {
        let id = caller.id.as_str().as_bytes();
        CallerHash(self.unsealed.keys.keyed_hash(HashPurpose::Caller, &[id]))
    }

    /// Refuses a store that shows less than was known before it was asked.
    fn refuse_rollback(&self, epochs: &Epochs, floor: u64) -> Result<()> {
        let ring = self.unsealed.ring.revision();
        if epochs.ring < ring {
            let text = format!("the key ring went back from revision {ring} to {}", epochs.ring);
            return Err(Error::rolled_back(text));
        }
        let counter = epochs.generation.counter;
        if counter == 0 {
            return Err(Error::rolled_back(NO_MANIFEST));
        }
        if counter < floor {
            let text = format!("the policies went back from generation {floor} to {counter}");
            return Err(Error::rolled_back(text));
        }
        Ok(())
    }

    /// True if a decision made with this counts at `epochs`.
    fn covers(&self, epochs: &Epochs, with_policies: bool) -> bool {
        self.unsealed.ring.revision() == epochs.ring
            && (!with_policies || self.policies.generation() == epochs.generation)
    }
}

/// Waits a little, longer after each round and never in step with others; not before the first.
pub(crate) async fn pause(round: u32) {
    if round > 0 {
        let part: f64 = rand::rng().random();
        tokio::time::sleep(PAUSE.saturating_mul(round).mul_f64(part)).await;
    }
}
