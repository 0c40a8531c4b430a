//! The start of a Nexus: from the Keepers' shards to open keys, or to a reason why not.

use std::{collections::BTreeSet, sync::Arc};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use rand::{CryptoRng, RngExt};
use spike_core::{
    ClusterId, SetId, ShareIndex,
    wire::v2::shard::{GetRequest, SetRole, StatusResponse, Witness},
};
use spike_seal::{Claim, KeyRing, Opened, RingDocument, RootKey, SealError, Shard};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    inspect,
    keepers::{IMPOSSIBLE, Peer, Seen, believable, holds},
    plan, rollback,
    site::{Site, unavailable},
};
use crate::{
    app::Manifest,
    keys::{Reason, Unsealed, new_tag, ring_put},
};

/// Tries until this Nexus has its keys, be it from here or from recovery shards.
pub(super) async fn until_open(site: &Site) {
    let mut pause = site.pace.first_attempt;
    loop {
        let attempt = tokio::select! {
            biased;
            _ = site.keys.opened() => return,
            attempt = attempt(site) => attempt,
        };
        match attempt {
            Ok(unsealed) => {
                let ring = site.keys.unseal(unsealed).ring.revision();
                tracing::info!(%ring, "opened the key ring");
                return;
            }
            Err(reason) => {
                let (code, message) = (reason.code, reason.message.clone());
                if site.keys.explain(reason) {
                    tracing::warn!(code, "sealed: {message}");
                }
            }
        }
        let jitter = 0.5 + rand::rng().random::<f64>() / 2.0;
        tokio::select! {
            _ = site.keys.opened() => return,
            () = sleep(pause.mul_f64(jitter)) => {}
        }
        pause = pause.mul_f64(1.5).min(site.pace.attempt);
    }
}

/// One attempt: ring, shards, root, MAC, witness.
async fn attempt(site: &Site) -> Result<Unsealed, Reason> {
    let (_, ring) = site.active(&site.call(None)).await?;
    let rebuilt = rebuild(site, &ring).await?;
    let keys = &rebuilt.opened.keys;
    let manifest = inspect::manifest(site, &site.call(None), keys, ring.revision()).await?;
    rollback::check(ring.revision(), manifest.generation(), rebuilt.witness)?;
    site.journal.write("keys.open", ring.current().id.to_string()).await?;
    site.watermark.raise(manifest.generation().counter);
    Ok(Unsealed { ring: *ring, keys: rebuilt.opened.keys, root: Arc::new(rebuilt.opened.root) })
}

/// A root that was put together, and what the Keepers remember.
pub(super) struct Rebuilt {
    pub(super) opened: Opened,
    pub(super) witness: Witness,
}

/// Asks all Keepers for their shards and puts the root together.
pub(super) async fn rebuild(site: &Site, ring: &KeyRing) -> Result<Rebuilt, Reason> {
    let gathered = gather(site, ring).await;
    let explain = |error: SealError| explain(&error, &gathered, ring);
    let opened = ring.rebuild(&gathered.shards).map_err(explain)?;
    // The shards of a previous root open the previous keys, but not this ring.
    ring.open(&opened.root).map_err(explain)?;
    Ok(Rebuilt { opened, witness: gathered.witness })
}

/// What came of asking.
#[derive(Default)]
struct Gathered {
    shards: Vec<Shard>,
    witness: Witness,
    /// Who gave no good shard. Why is on the board and in the log: the words may name an identity.
    lacking: BTreeSet<ShareIndex>,
}

/// Asks all Keepers at once, and stops waiting soon after there are enough good shards.
async fn gather(site: &Site, ring: &KeyRing) -> Gathered {
    let mut asked: FuturesUnordered<_> =
        site.keepers.iter().map(|peer| async move { (peer, answer(peer, ring).await) }).collect();
    let mut gathered = Gathered::default();
    let mut silent: Vec<&Peer> = site.keepers.iter().collect();
    let mut deadline = Instant::now() + site.pace.ask;
    loop {
        let next = tokio::select! {
            next = asked.next() => next,
            () = sleep_until(deadline) => None,
        };
        let Some((peer, answer)) = next else { break };
        silent.retain(|other| other.index != peer.index);
        note(site, ring, peer, answer, &mut gathered);
        if ring.suffice(&gathered.shards) {
            deadline = deadline.min(Instant::now() + site.pace.grace);
        }
    }
    for peer in silent {
        gathered.lacking.insert(peer.index);
        let flaw = Some("no answer in time".to_owned());
        site.board.note(peer, Seen { status: None, flaw, current: false });
    }
    gathered
}

/// What one Keeper says of itself, and its shards.
struct Answer {
    status: Result<StatusResponse, String>,
    shards: Result<Vec<Shard>, String>,
}

async fn answer(peer: &Peer, ring: &KeyRing) -> Answer {
    let (status, shards) = tokio::join!(peer.status(), shards_of(peer, ring));
    Answer { status, shards }
}

/// The Keeper's shards of the current set and, while that has not settled, of the previous one:
/// there may be enough of either.
async fn shards_of(peer: &Peer, ring: &KeyRing) -> Result<Vec<Shard>, String> {
    let former = ring.previous().map(|side| side.set.id);
    let sets = std::iter::once(ring.current().id).chain(former);
    let asked = join_all(sets.map(|set_id| shard_of(peer, ring.cluster(), set_id))).await;
    let mut shards = Vec::new();
    let mut failures = Vec::new();
    for shard in asked {
        match shard {
            Ok(shard) => shards.push(shard),
            Err(why) => failures.push(why),
        }
    }
    match failures.into_iter().next() {
        Some(why) if shards.is_empty() => Err(why),
        _ => Ok(shards),
    }
}

async fn shard_of(peer: &Peer, cluster_id: ClusterId, set_id: SetId) -> Result<Shard, String> {
    let which = GetRequest { cluster_id, set_id, witness: None };
    let held = peer.in_time(peer.keeper.get(&which)).await?;
    let bytes = held.shard.as_slice().try_into();
    let bytes = bytes.map_err(|_| "its shard is not 32 bytes long".to_owned())?;
    Ok(Shard::received(peer.index, bytes))
}

/// Takes one Keeper's answer: good shards are kept, a bad one is named and never used.
fn note(site: &Site, ring: &KeyRing, peer: &Peer, answer: Answer, gathered: &mut Gathered) {
    let Answer { status, shards } = answer;
    let witness = status.as_ref().ok().map(believable);
    gathered.witness = gathered.witness.max(witness.flatten().unwrap_or_default());
    let refused = ring.refuse(shards.as_deref().unwrap_or_default());
    let refused = refused.first().map(|bad| bad.why.to_string());
    let why = shards.as_ref().err().cloned().or(refused);
    let why = why.map(|why| status.as_ref().err().cloned().unwrap_or(why));
    let flaw = why.or_else(|| (witness == Some(None)).then(|| IMPOSSIBLE.to_owned()));

    let mut good = shards.unwrap_or_default();
    good.retain(|shard| ring.refuse(std::slice::from_ref(shard)).is_empty());
    if good.is_empty() {
        gathered.lacking.insert(peer.index);
    }
    gathered.shards.extend(good);
    let status = status.ok();
    let current = status
        .as_ref()
        .is_some_and(|status| holds(status, ring.cluster(), ring.current(), SetRole::Current));
    site.board.note(peer, Seen { status, flaw, current });
}

/// For everyone who asks for health, so it tells which Keepers, and not what they are.
fn explain(error: &SealError, gathered: &Gathered, ring: &KeyRing) -> Reason {
    match error {
        SealError::NotEnoughShards { .. } if gathered.witness.ring > ring.revision().0 => {
            let (seen, found) = (gathered.witness.ring, ring.revision());
            let text = format!(
                "the key ring went back from {seen} to {found}, and too few Keepers hold shards \
                 of a set that it names: restore the newest backup of the store, or, while a Nexus \
                 still has its root key, send it `spike operator accept-rollback`"
            );
            Reason::new("store_rolled_back", text)
        }
        SealError::NotEnoughShards { have, need } => {
            let lacking: Vec<_> = gathered.lacking.iter().map(ToString::to_string).collect();
            let text = format!(
                "{have} of {need} shards; none from Keepers {}: `spike status` and the log say why. {}",
                lacking.join(", "),
                plan::remedy(ring)
            );
            Reason::new("not_enough_keepers", text)
        }
        other => Reason::new("ring_forged", other.to_string()),
    }
}

/// Memory mode: a ring and a root of this process, gone with it.
pub(super) async fn fresh(site: &Site, random: &mut (impl CryptoRng + Send)) {
    match make(site, random).await {
        Ok(unsealed) => {
            site.keys.unseal(unsealed);
            tracing::warn!("memory mode: everything is lost when this process ends");
        }
        Err(reason) => {
            tracing::error!(code = reason.code, "sealed: {}", reason.message);
            site.keys.explain(reason);
        }
    }
}

async fn make(site: &Site, random: &mut (impl CryptoRng + Send)) -> Result<Unsealed, Reason> {
    let mut cluster = [0; 16];
    random.fill_bytes(&mut cluster);
    let cluster = site.expected_cluster.unwrap_or(ClusterId(cluster));
    let root = RootKey::generate(random);
    let claim = Claim::first(cluster, site.instance.clone(), site.quorum, site.generation);
    let ring = claim.activate(&root, random);
    let document = RingDocument::Active(Box::new(ring.clone()));

    let broken = |error: SealError| Reason::new("ring_unreadable", error.to_string());
    let unsealed = Unsealed::new(ring, Arc::new(root)).map_err(broken)?;
    let manifest = Manifest::first(random).put(&unsealed.keys, random, None).map_err(broken)?;
    let puts = [ring_put(&document, None, new_tag(random)), manifest];
    site.journal.write("keys.make", unsealed.ring.current().id.to_string()).await?;
    site.write(None, &puts).await.map_err(|error| unavailable(&error))?;
    Ok(unsealed)
}
