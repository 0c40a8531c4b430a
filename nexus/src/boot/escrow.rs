//! Recovery shards given out: those of the last set again, or of a new one that replaces it.
//!
//! The digests of a set are in the store **before** a shard leaves: a shard in the world is always
//! one that a restore accepts, until a later set takes its place. A set with custodians leaves as
//! ciphertext only. Nothing is kept: the shards are drawn from the root key whenever they are asked
//! for.

use std::{fmt, sync::Arc};

use rand::CryptoRng;
use spike_core::{
    Quorum, ShareIndex,
    wire::v2::escrow::{Escrow as Shown, EscrowedShard},
};
use spike_custodians::{MOST, Recipient, Recipients};
use spike_seal::{KeyRing, RingDocument, RootKey, SealError, Shard};
use spike_store::{Call, Epochs, StoreError};

use super::{
    BootError, forged,
    site::{Site, unavailable},
};
use crate::keys::{KeysError, Reason, Unsealed, new_tag, ring_put};

/// How often a new set is tried to be written: each loss is another writer's gain.
const TRIES: u32 = 8;

/// Which recovery shards are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A new set, not the last one again.
    pub new_set: bool,
    /// The custodians of a new set; none: those of the last one.
    pub recipients: Vec<String>,
}

/// For the audit.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.new_set { "a new set" } else { "the last set" })?;
        for recipient in self.recipients.iter().take(MOST) {
            // Nobody has looked at it yet, and it may be a secret that was put in the wrong place.
            let public = recipient.parse::<Recipient>();
            public.map_or(Ok(()), |recipient| write!(f, " {recipient}"))?;
        }
        Ok(())
    }
}

/// A set of recovery shards.
#[derive(Debug)]
pub struct Given {
    /// Its number.
    pub set: u32,
    /// How many there are, and how many restore.
    pub quorum: Quorum,
    /// By index.
    pub shards: Vec<Parcel>,
}

/// One recovery shard, as it leaves.
#[derive(Debug)]
pub enum Parcel {
    /// For whoever has the recover role.
    Plain(Shard),
    /// For one custodian.
    For {
        /// Its index.
        index: ShareIndex,
        /// Whose.
        recipient: String,
        /// The armored age file.
        ciphertext: String,
    },
}

/// For the audit.
impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set {}: any {}", self.set, self.quorum)?;
        let named = self.shards.iter().filter_map(|parcel| match parcel {
            Parcel::Plain(_) => None,
            Parcel::For { recipient, .. } => Some(recipient),
        });
        named.into_iter().try_for_each(|recipient| write!(f, " {recipient}"))
    }
}

/// The ring of a new root, with recovery shards for its custodians if there are any.
pub(super) fn first(ring: KeyRing, root: &RootKey, recipients: &Recipients) -> KeyRing {
    if recipients.is_empty() {
        return ring;
    }
    let quorum = of(recipients, ring.current().quorum);
    ring.escrowed(root, quorum, recipients.texts())
}

/// The recovery shards that are wanted; the first call makes a set.
pub(super) async fn recover(
    site: &Site,
    call: &Call,
    wanted: Wanted,
    random: &mut (impl CryptoRng + Send),
) -> Result<Given, BootError> {
    let mut tried: Option<(KeyRing, Given)> = None;
    for _ in 0..TRIES {
        let (epochs, unsealed) = present(site, call).await?;
        let Unsealed { ring, root, .. } = &*unsealed;
        // Written after all, its answer lost; or by another who asked for the same at once.
        if let Some((_, given)) = tried.take_if(|(next, _)| next == ring) {
            return Ok(given);
        }
        let Some((quorum, recipients)) = plan(ring, &wanted)? else { return given(&unsealed) };
        let next = ring.with_next_escrow(root, quorum, recipients);
        let put = ring_put(&active(&next), Some(&active(ring)), new_tag(random));
        let after = Unsealed::new(next, root.clone()).map_err(|error| forged(&error))?;
        // What can't be encrypted must not replace what can.
        let given = given(&after)?;
        site.journal.write("keys.escrow", given.to_string()).await?;
        match site.write(Some(epochs), &[put]).await {
            Ok(_) => {
                site.keys.unseal(after);
                return Ok(given);
            }
            Err(StoreError::Stale { .. } | StoreError::DocumentConflict { .. }) => {
                tried = Some((after.ring, given));
            }
            Err(error) => return Err(unavailable(&error).into()),
        }
    }
    Err(Reason::new("contended", "the key ring kept changing: try again").into())
}

/// The recovery shards given out last, as far as they are no secret.
pub(super) async fn shown(site: &Site, call: &Call) -> Result<Shown, BootError> {
    let (_, unsealed) = present(site, call).await?;
    let escrow = unsealed.ring.escrow().ok_or(BootError::NoEscrow)?;
    let Given { set, quorum, shards } = given(&unsealed)?;
    let each = shards.into_iter().zip(&escrow.digests).map(|(parcel, &digest)| match parcel {
        Parcel::Plain(shard) => {
            EscrowedShard { index: shard.index(), digest, recipient: None, ciphertext: None }
        }
        Parcel::For { index, recipient, ciphertext } => {
            let (recipient, ciphertext) = (Some(recipient), Some(ciphertext));
            EscrowedShard { index, digest, recipient, ciphertext }
        }
    });
    let shards = each.collect();
    Ok(Shown { set, shares: quorum.shares(), threshold: quorum.threshold(), shards })
}

/// The ring as the store shows it now, under the root that this Nexus has.
pub(super) async fn present(
    site: &Site,
    call: &Call,
) -> Result<(Epochs, Arc<Unsealed>), BootError> {
    site.keys.now(call).await.map_err(sealed)
}

/// How the next set is split and for whom; `None` if it is the last one that is wanted.
fn plan(ring: &KeyRing, wanted: &Wanted) -> Result<Option<(Quorum, Vec<String>)>, BootError> {
    let last = ring.escrow();
    if !wanted.new_set && !wanted.recipients.is_empty() {
        return Err(bad("other custodians need a new set of recovery shards"));
    }
    if last.is_some() && !wanted.new_set {
        return Ok(None);
    }
    if ring.next_escrow().is_none() {
        return Err(bad("no number is left for another set"));
    }
    let before = last.map(|escrow| &escrow.recipients).filter(|_| wanted.recipients.is_empty());
    let custodians = before.unwrap_or(&wanted.recipients);
    let current = ring.current().quorum;
    if custodians.is_empty() {
        return Ok(Some((current, Vec::new())));
    }
    let texts = custodians.iter().map(|text| text.trim());
    let recipients = Recipients::parse(texts, current.threshold()).map_err(|problems| {
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        bad(told.join("; "))
    })?;
    Ok(Some((of(&recipients, current), recipients.texts())))
}

/// As many shards as custodians, and as many of them restore as of the Keepers'.
fn of(recipients: &Recipients, current: Quorum) -> Quorum {
    Quorum::new(recipients.count().into(), current.threshold().into())
        .expect("at least as many custodians as the threshold were asked for")
}

/// The shards of the set given out last.
fn given(unsealed: &Unsealed) -> Result<Given, BootError> {
    let Unsealed { ring, root, .. } = unsealed;
    let escrow = ring.escrow().ok_or(BootError::NoEscrow)?;
    let shards = ring.deal_escrow(root).unwrap_or_default();
    // Derived anew each time: what the ring doesn't name would be worthless to its custodian.
    if !shards.iter().all(|shard| ring.is_escrow(shard)) {
        return Err(forged(&SealError::WrongRoot(ring.current().id)));
    }
    let shards = if escrow.recipients.is_empty() {
        shards.into_iter().map(Parcel::Plain).collect()
    } else {
        let each = shards.iter().zip(&escrow.recipients);
        each.map(|(shard, recipient)| parcel(shard, recipient)).collect::<Result<_, _>>()?
    };
    Ok(Given { set: escrow.set, quorum: escrow.quorum, shards })
}

fn parcel(shard: &Shard, recipient: &str) -> Result<Parcel, Reason> {
    let index = shard.index();
    let unusable = |why: &dyn fmt::Display| {
        let text = format!("recovery shard {index} can't be encrypted to its custodian: {why}");
        Reason::new("custodian_unusable", text)
    };
    let key: Recipient = recipient.parse().map_err(|why| unusable(&why))?;
    let ciphertext = key.encrypt(shard).map_err(|why| unusable(&why))?;
    Ok(Parcel::For { index, recipient: recipient.to_owned(), ciphertext })
}

fn active(ring: &KeyRing) -> RingDocument {
    RingDocument::Active(Box::new(ring.clone()))
}

fn bad(why: impl Into<String>) -> BootError {
    BootError::BadRequest(why.into())
}

/// Why the keys of the ring as it is can't be had.
pub(super) fn sealed(error: KeysError) -> BootError {
    let reason = match error {
        KeysError::Sealed(reason) => reason,
        KeysError::Store(error) => unavailable(&error),
        KeysError::Ring(error) => return forged(&error),
        error @ KeysError::RolledBack { .. } => Reason::new("store_rolled_back", error.to_string()),
    };
    BootError::NotReady(reason)
}
