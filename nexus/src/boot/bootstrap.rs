//! Bootstrap: makes the root key of a cluster, exactly once, and fails closed.
//!
//! 1. Read the ring. Active: done. An error is an error and never "there is none".
//! 2. No active ring, but a Keeper has a committed set: the store lost its ring. Never re-key.
//! 3. Claim the ring by compare-and-swap; an abandoned claim is taken over with the next attempt.
//! 4. Put the shards to all Keepers as pending. 5. Check what all of them hold.
//! 6. Activate by compare-and-swap on one's own claim, with the empty policy manifest in the same
//!    write: of any number of bootstraps one wins, and only one whose shards are in place.
//! 7. Commit on the Keepers. A crash at any step leaves a claim, which the next run takes over, or
//!    an active ring whose shards are held.

use std::time::Duration;

use futures::future::join_all;
use rand::CryptoRng;
use spike_core::{
    ClusterId,
    wire::v2::shard::{PutAs, SetRole, Witness},
};
use spike_seal::{Claim, KeyRing, RingDocument, RootKey, SealError, Shard};
use spike_store::{DocumentPut, Kind, Names, StoreError};
use tokio::time::{Instant, sleep};

use super::{
    escrow,
    keepers::{Owner, Peer, Seen, Sights, commit_request, holds, look, put_request},
    plan,
    site::{Present, Site, lost_ring, unavailable},
};
use crate::{
    app::Manifest,
    keys::{Reason, new_tag, ring_put},
};

/// How often a claim is tried: each loss means that another bootstrap was faster.
const CLAIMS: u32 = 16;

/// How a bootstrap ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The root key is this one's.
    Made,
    /// There is a root key, made by another or before.
    Present,
    /// There is a root key, but fewer Keepers than the threshold hold it.
    AtRisk(Reason),
}

/// Runs all steps.
pub(super) async fn run(
    site: &Site,
    random: &mut (impl CryptoRng + Send),
) -> Result<Outcome, Reason> {
    for _ in 0..CLAIMS {
        let before = match site.present(&site.call(None)).await?.ring {
            Some(RingDocument::Active(ring)) => {
                let held = commit(site, &ring, None).await;
                return Ok(outcome(Outcome::Present, &ring, held));
            }
            Some(RingDocument::Claimed(claim)) => Some(claim),
            None => None,
        };
        is_new(site)?;
        let sights = look(&site.keepers).await;
        if never_was_a_root(site, &sights).await? == Outcome::Present {
            continue;
        }
        everyone_answers(site, &sights)?;
        if let Some(claim) = claim(site, before, random).await? {
            return carry_out(site, &claim, random).await;
        }
    }
    Err(Reason::new("bootstrap_contended", format!("lost the race for the claim {CLAIMS} times")))
}

/// Who knows which cluster's the store should be knows that it had a root key.
fn is_new(site: &Site) -> Result<(), Reason> {
    let Some(cluster) = site.expected_cluster else { return Ok(()) };
    Err(lost_ring(&format!(
        "the store has no active key ring, and should be of cluster {cluster}, as \
         SPIKE_EXPECTED_CLUSTER_ID says"
    )))
}

/// Step 2. `Present` if the ring has become active in the meantime.
async fn never_was_a_root(site: &Site, sights: &Sights) -> Result<Outcome, Reason> {
    let committed = plan::any_committed(sights.iter().filter_map(|(_, sight)| sight.as_ref().ok()));
    let listed = site.store.load(&site.call(None), Kind::Manifest, Names::All).await;
    let manifest = !listed.map_err(|error| unavailable(&error))?.value.is_empty();
    if !committed && !manifest {
        return Ok(Outcome::Made);
    }
    match site.present(&site.call(None)).await?.ring {
        Some(RingDocument::Active(_)) => Ok(Outcome::Present),
        _ if committed => {
            Err(lost_ring("the store has no active key ring, but Keepers hold its shards"))
        }
        _ => Err(lost_ring("the store has policies, but no active key ring")),
    }
}

/// A claim without all Keepers would only be abandoned.
fn everyone_answers(site: &Site, sights: &Sights) -> Result<(), Reason> {
    let shares = usize::from(site.quorum.shares());
    if sights.len() < shares {
        let text = format!("{shares} Keepers are needed, {} are known", sights.len());
        return Err(Reason::new("keepers_missing", text));
    }
    let wanted = sights.iter().take(shares);
    let silent: Vec<String> = wanted
        .filter_map(|(peer, sight)| Some(format!("{}: {}", peer.name(), sight.as_ref().err()?)))
        .collect();
    if silent.is_empty() {
        return Ok(());
    }
    let text = format!("every Keeper is needed to make the root key; {}", silent.join("; "));
    Err(Reason::new("keepers_missing", text))
}

/// Step 3. `None` if another was faster.
async fn claim(
    site: &Site,
    before: Option<Claim>,
    random: &mut (impl CryptoRng + Send),
) -> Result<Option<Claim>, Reason> {
    let claim = if let Some(abandoned) = &before {
        abandoned.again(site.quorum, site.generation)
    } else {
        let mut cluster = [0; 16];
        random.fill_bytes(&mut cluster);
        Claim::first(ClusterId(cluster), site.instance.clone(), site.quorum, site.generation)
    };
    let what = format!("{}, attempt {}", claim.cluster, claim.attempt);
    site.journal.write("keys.claim", what).await?;
    let before = before.map(RingDocument::Claimed);
    let put = ring_put(&RingDocument::Claimed(claim.clone()), before.as_ref(), new_tag(random));
    match site.write(None, &[put]).await {
        Ok(_) => Ok(Some(claim)),
        Err(StoreError::DocumentConflict { .. }) => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Steps 4 to 7.
async fn carry_out(
    site: &Site,
    claim: &Claim,
    random: &mut (impl CryptoRng + Send),
) -> Result<Outcome, Reason> {
    let broken = |error: SealError| Reason::new("internal", error.to_string());
    let root = RootKey::generate(random);
    let ring = escrow::first(claim.activate(&root, random), &root, &site.recipients);
    let shards = ring.deal(&root).map_err(broken)?;

    if let Err(refused) = put_all(site, &ring, &shards).await {
        return overtaken(site, claim, refused).await;
    }
    if let Err(missing) = all_in_place(site, &ring).await {
        return overtaken(site, claim, missing).await;
    }

    let keys = ring.open(&root).map_err(broken)?;
    let manifest = Manifest::first(random).put(&keys, random, None).map_err(broken)?;
    let before = RingDocument::Claimed(claim.clone());
    let after = RingDocument::Active(Box::new(ring.clone()));
    let puts = [ring_put(&after, Some(&before), new_tag(random)), manifest];
    site.journal.write("keys.activate", ring.current().id.to_string()).await?;
    if !activate(site, claim, &ring, &puts).await? {
        return Ok(Outcome::Present);
    }
    let held = commit(site, &ring, Some(&shards)).await;
    Ok(outcome(Outcome::Made, &ring, held))
}

/// `usual`, unless too few Keepers hold the key.
fn outcome(usual: Outcome, ring: &KeyRing, held: usize) -> Outcome {
    plan::shortfall(ring.current(), held).map_or(usual, |Reason { code, message }| {
        let relief = "A Nexus that has the root key gives it back to them within seconds";
        let remedy = plan::remedy(ring);
        Outcome::AtRisk(Reason::new(
            code,
            format!("{message}. {relief}. If there is none: {remedy}"),
        ))
    })
}

/// Step 6. False if the active ring is another's.
async fn activate(
    site: &Site,
    claim: &Claim,
    ring: &KeyRing,
    puts: &[DocumentPut],
) -> Result<bool, Reason> {
    let Err(error) = site.write(None, puts).await else { return Ok(true) };
    // It may have happened all the same: only the ring itself can tell.
    let present = site.present(&site.call(None)).await?.ring;
    match (present, error) {
        (Some(RingDocument::Active(active)), _) => Ok(active.current().id == ring.current().id),
        (_, StoreError::DocumentConflict { .. }) => {
            let superseded = Reason::new("bootstrap_superseded", "another bootstrap took over");
            overtaken(site, claim, superseded).await.map(|_| false)
        }
        (_, error) => Err(unavailable(&error)),
    }
}

/// Something went wrong: fine if another bootstrap was faster, which is waited for; else `reason`.
async fn overtaken(site: &Site, claim: &Claim, reason: Reason) -> Result<Outcome, Reason> {
    let deadline = Instant::now() + site.pace.overtaken;
    loop {
        let Present { ring, .. } = site.present(&site.call(None)).await?;
        match ring {
            Some(RingDocument::Active(_)) => return Ok(Outcome::Present),
            Some(RingDocument::Claimed(other)) if other == *claim => return Err(reason),
            Some(RingDocument::Claimed(_)) if Instant::now() < deadline => {
                sleep(site.pace.look).await;
            }
            _ => return Err(reason),
        }
    }
}

const fn owner(ring: &KeyRing) -> Owner<'_> {
    Owner { cluster: ring.cluster(), instance: ring.instance() }
}

/// Step 4.
async fn put_all(site: &Site, ring: &KeyRing, shards: &[Shard]) -> Result<(), Reason> {
    let sent = site.keepers.iter().zip(shards).map(async |(peer, shard)| {
        put(peer, ring, shard).await.err().map(|why| format!("{}: {why}", peer.name()))
    });
    let refused: Vec<String> = join_all(sent).await.into_iter().flatten().collect();
    if refused.is_empty() {
        return Ok(());
    }
    let remedy =
        "a Keeper with a pending set of another attempt holds nothing committed: restart it";
    let text = format!("a shard was refused; {}; {remedy}", refused.join("; "));
    Err(Reason::new("shard_refused", text))
}

async fn put(peer: &Peer, ring: &KeyRing, shard: &Shard) -> Result<(), String> {
    let set = ring.current();
    let request = put_request(owner(ring), set, shard, PutAs::Pending, Witness::default());
    peer.in_time(peer.keeper.put(&request)).await
}

/// Step 5.
async fn all_in_place(site: &Site, ring: &KeyRing) -> Result<(), Reason> {
    let shares = usize::from(ring.current().quorum.shares());
    let sights = look(&site.keepers).await;
    let missing: Vec<String> = sights
        .iter()
        .take(shares)
        .filter_map(|(peer, sight)| match sight {
            Ok(status) if plan::is_in_place(status, ring.cluster(), ring.current()) => None,
            Ok(_) => Some(format!("{}: its shard is gone", peer.name())),
            Err(why) => Some(format!("{}: {why}", peer.name())),
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Reason::new(
        "shard_missing",
        format!("not all shards are in place; {}", missing.join("; ")),
    ))
}

/// Step 7: until all Keepers have committed or the time is up, putting again where a restart lost
/// the set and the shards are still at hand. Returns how many have.
async fn commit(site: &Site, ring: &KeyRing, shards: Option<&[Shard]>) -> usize {
    let deadline =
        Instant::now() + if shards.is_some() { site.pace.commits } else { Duration::ZERO };
    let peers = site.keepers.iter().take(usize::from(ring.current().quorum.shares()));
    let peers: Vec<&Peer> = peers.collect();
    loop {
        let done = peers.iter().map(async |peer| {
            let shard = shards.and_then(|shards| shards.get(peer.index.ordinal()));
            let flaw = commit_one(peer, ring, shard).await.err();
            let current = flaw.is_none();
            site.board.note(peer, Seen { status: None, flaw, current });
            current
        });
        let held = join_all(done).await.into_iter().filter(|done| *done).count();
        if held == peers.len() {
            return held;
        }
        if Instant::now() >= deadline {
            let all = peers.len();
            tracing::warn!(
                "{held} of {all} Keepers hold their shard; a Nexus gives the others theirs"
            );
            return held;
        }
        sleep(site.pace.look).await;
    }
}

async fn commit_one(peer: &Peer, ring: &KeyRing, shard: Option<&Shard>) -> Result<(), String> {
    let (cluster, set) = (ring.cluster(), ring.current());
    let status = peer.status().await?;
    if holds(&status, cluster, set, SetRole::Current) {
        return Ok(());
    }
    if !plan::is_in_place(&status, cluster, set) {
        let shard = shard.ok_or("it does not hold its shard of the key ring's current set")?;
        put(peer, ring, shard).await?;
    }
    peer.in_time(peer.keeper.commit(&commit_request(cluster, set, Witness::default()))).await
}
