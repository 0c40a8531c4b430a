//! Recovery shards for custodians: which set, for whom, and what a crash leaves.

use std::sync::atomic::Ordering;

use age::x25519;
use futures::join;
use spike_core::{Revision, ShareIndex};
use spike_custodians::Recipients;
use spike_seal::{KeyRing, Shard};

use super::{
    super::{
        BootError, Given, Parcel, Wanted, escrow,
        recovery::{self, Collected},
        rehydrate,
        site::Site,
        system_random,
    },
    fakes::Process,
    reshare,
    world::{FOREVER, World},
};
use crate::keys::Unsealed;

/// Three people with keys of their own.
pub(super) struct Custodians(Vec<x25519::Identity>);

impl Custodians {
    pub(super) fn new(count: usize) -> Self {
        Self((0..count).map(|_| x25519::Identity::generate()).collect())
    }

    pub(super) fn public(&self) -> Vec<String> {
        self.0.iter().map(|secret| secret.to_public().to_string()).collect()
    }

    /// Each opens what is for them, and finds a shard of the index that the file is of.
    pub(super) fn open(&self, given: &Given) -> Vec<Shard> {
        assert_eq!(given.shards.len(), self.0.len());
        let opened = given.shards.iter().zip(&self.0).map(|(parcel, secret)| match parcel {
            Parcel::Plain(_) => panic!("a shard left in plain"),
            Parcel::For { index, recipient, ciphertext } => {
                assert_eq!(*recipient, secret.to_public().to_string());
                shard(*index, &age::decrypt(secret, ciphertext.as_bytes()).expect("its own"))
            }
        });
        opened.collect()
    }
}

fn shard(index: ShareIndex, text: &[u8]) -> Shard {
    let text = std::str::from_utf8(text).expect("text");
    let digits = text.strip_prefix(&format!("spike:{index}:")).expect("its index");
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits.trim_end(), &mut bytes).expect("64 hex digits");
    Shard::received(index, &bytes)
}

/// A world whose root key was made with custodians.
pub(super) async fn escrowed(custodians: &Custodians) -> World {
    let public = custodians.public();
    let recipients = Recipients::parse(public.iter().map(String::as_str), 2).expect("different");
    let world = World { recipients, ..World::new(3, 2) };
    world.bootstrap(1).await.expect("bootstrapped");
    world
}

pub(super) fn new_set(recipients: &[String]) -> Wanted {
    Wanted { new_set: true, recipients: recipients.to_vec() }
}

pub(super) async fn ask(world: &World, site: &Site, wanted: Wanted) -> Result<Given, BootError> {
    // Two who race have two tags: the store knows a writer by them.
    escrow::recover(site, &world.call(), wanted, &mut system_random()).await
}

fn ring(site: &Site) -> KeyRing {
    site.keys.open().expect("open").ring.clone()
}

async fn restores(world: &World, shards: &[Shard]) -> Result<(), BootError> {
    let (site, collected) = (world.healthy(), Collected::default());
    let restored = recovery::restore_all(&site, &collected, &world.call(), shards).await;
    assert_eq!(restored.is_ok(), site.keys.is_open());
    restored.map(drop)
}

#[tokio::test]
async fn the_first_custodians_are_in_the_ring_with_the_root_and_bring_it_back() {
    let custodians = Custodians::new(4);
    let world = escrowed(&custodians).await;
    assert_eq!(world.ring_revision().await, 2, "in the activation itself");
    let site = world.nexus().await;
    let escrow = ring(&site).escrow().cloned().expect("a set");
    assert_eq!((escrow.set, escrow.quorum.shares(), escrow.quorum.threshold()), (1, 4, 2));
    assert_eq!(escrow.recipients, custodians.public());

    let given = ask(&world, &site, Wanted::default()).await.expect("given");
    let again = ask(&world, &site, Wanted::default()).await.expect("given again");
    assert_eq!((given.set, again.set, world.ring_revision().await), (1, 1, 2));
    let shards = custodians.open(&given);
    let same = custodians.open(&again);
    assert!(shards.iter().zip(&same).all(|(a, b)| a.expose() == b.expose()), "the same set");
    restores(&world, &shards[2..]).await.expect("any two");
}

#[tokio::test]
async fn what_is_shown_of_a_set_is_ciphertext_and_digests() {
    let custodians = Custodians::new(3);
    let world = escrowed(&custodians).await;
    let site = world.nexus().await;
    let shown = escrow::shown(&site, &world.call()).await.expect("shown");
    assert_eq!((shown.set, shown.shares, shown.threshold), (1, 3, 2));
    let digests: Vec<_> = shown.shards.iter().map(|shard| shard.digest).collect();
    assert_eq!(digests, ring(&site).escrow().expect("a set").digests);
    for (shard, secret) in shown.shards.iter().zip(&custodians.0) {
        let file = shard.ciphertext.as_deref().expect("for a custodian");
        assert!(age::decrypt(secret, file.as_bytes()).is_ok());
    }

    let plain = World::bootstrapped(3, 2).await;
    let site = plain.nexus().await;
    assert!(matches!(escrow::shown(&site, &plain.call()).await, Err(BootError::NoEscrow)));
    ask(&plain, &site, Wanted::default()).await.expect("a plain set");
    let shown = escrow::shown(&site, &plain.call()).await.expect("shown");
    assert_eq!(shown.shards.len(), 3);
    assert!(shown.shards.iter().all(|s| s.ciphertext.is_none() && s.recipient.is_none()));
}

#[tokio::test]
async fn a_new_set_makes_the_old_shards_worthless_and_says_which_set_counts() {
    let custodians = Custodians::new(3);
    let world = escrowed(&custodians).await;
    let site = world.nexus().await;
    let old = custodians.open(&ask(&world, &site, Wanted::default()).await.expect("given"));
    let next = ask(&world, &site, new_set(&[])).await.expect("a new set");
    assert_eq!(next.set, 2);
    let new = custodians.open(&next);

    let refused = restores(&world, &old).await.expect_err("of an older set").to_string();
    assert!(refused.contains("shard 1 and 2 and 3 is not of set 2"), "{refused}");
    let mixed = [super::recovery::copy(&new[0]), super::recovery::copy(&old[1])];
    let refused = restores(&world, &mixed).await.expect_err("mixed").to_string();
    assert!(refused.contains("shard 2 is not of set 2"), "{refused}");
    restores(&world, &new[..2]).await.expect("the new set");
}

/// As another request of the same Nexus does that writes the ring at this moment.
#[tokio::test]
async fn a_ring_that_is_learnt_while_the_store_is_asked_is_no_rollback() {
    let (world, process) = (World::bootstrapped(3, 2).await, Process::new(0, FOREVER));
    let site = world.nexus_as(&process).await;
    let held = site.keys.open().expect("open");
    let next = held.ring.raised_above(&held.root, held.ring.revision());
    let (next, keys) = (Unsealed::new(next, held.root.clone()).expect("ours"), site.keys.clone());
    process.surprised_in(0, move || drop(keys.unseal(next)));
    let (epochs, unsealed) = escrow::present(&site, &world.call()).await.expect("no rollback");
    assert_eq!((epochs.ring, unsealed.ring.revision()), (Revision(2), Revision(3)));
}

#[tokio::test]
async fn other_custodians_replace_those_of_before() {
    let (before, after) = (Custodians::new(3), Custodians::new(2));
    let world = escrowed(&before).await;
    let site = world.nexus().await;
    let given = ask(&world, &site, new_set(&after.public())).await.expect("a new set");
    assert_eq!((given.set, given.quorum.shares()), (2, 2));
    restores(&world, &after.open(&given)).await.expect("theirs");
    let again = ask(&world, &site, new_set(&[])).await.expect("for the same custodians");
    restores(&world, &after.open(&again)).await.expect("theirs again");

    let plain = World::bootstrapped(3, 2).await;
    let site = plain.nexus().await;
    ask(&plain, &site, Wanted::default()).await.expect("a plain set");
    let given = ask(&plain, &site, new_set(&before.public())).await.expect("encrypted from now on");
    restores(&plain, &before.open(&given)[1..]).await.expect("theirs");
}

#[tokio::test]
async fn a_new_set_is_split_as_the_keepers_shards_are_at_the_time() {
    let custodians = Custodians::new(3);
    let world = escrowed(&custodians).await.with_spare_keepers(2);
    let site = world.nexus().await;
    let old = custodians.open(&ask(&world, &site, Wanted::default()).await.expect("given"));
    let wish = async |generation, shares, threshold| {
        let wish = reshare::wish(generation, shares, threshold);
        reshare::ask(&site, wish).await.expect("claimed");
        rehydrate::round(&site).await.expect("a round");
    };
    wish(2, 5, 3).await;
    assert_eq!(ring(&site).current().quorum.threshold(), 3);
    restores(&world, &old[1..]).await.expect("two, as they were told");
    let next = ask(&world, &site, new_set(&[])).await.expect("a new set");
    assert_eq!((next.quorum.shares(), next.quorum.threshold()), (3, 3));
    restores(&world, &custodians.open(&next)).await.expect("all three");

    wish(3, 5, 4).await;
    let refused = ask(&world, &site, new_set(&[])).await.expect_err("one is missing").to_string();
    assert!(refused.contains("3 recipients are too few: any 4"), "{refused}");
    let again = ask(&world, &site, Wanted::default()).await.expect("the last set");
    restores(&world, &custodians.open(&again)).await.expect("still good");
}

#[tokio::test]
async fn custodians_that_can_not_be_are_refused_and_nothing_changes() {
    let custodians = Custodians::new(3);
    let world = escrowed(&custodians).await;
    let site = world.nexus().await;
    let public = custodians.public();
    let twice = [public[0].clone(), public[1].clone(), public[0].clone()];
    for (wanted, told) in [
        (new_set(&public[..1]), "1 recipients are too few"),
        (new_set(&twice), "recipients 1 and 3 are the same"),
        (new_set(&[public[0].clone(), "age1".to_owned()]), "recipient 2"),
        (Wanted { new_set: false, recipients: public.clone() }, "need a new set"),
    ] {
        let refused = ask(&world, &site, wanted).await.expect_err(told);
        assert!(matches!(refused, BootError::BadRequest(_)), "{refused:?}");
        assert!(refused.to_string().contains(told), "{refused}");
    }
    assert_eq!(world.ring_revision().await, 2);
    assert!(!world.shared.diary().contains(&"keys.escrow"));
}

#[tokio::test]
async fn two_who_name_different_custodians_at_once_get_two_sets() {
    let world = escrowed(&Custodians::new(3)).await;
    let (ours, theirs) = (Custodians::new(3), Custodians::new(2));
    let (one, other) = join!(world.nexus(), world.nexus());
    let (our, their) = (new_set(&ours.public()), new_set(&theirs.public()));
    let (a, b) = join!(ask(&world, &one, our), ask(&world, &other, their));
    let (a, b) = (a.expect("a set"), b.expect("a set"));
    let (a_restores, b_restores) = (
        restores(&world, &ours.open(&a)).await.is_ok(),
        restores(&world, &theirs.open(&b)).await.is_ok(),
    );
    assert_eq!(a.set.min(b.set), 2);
    assert_eq!((a.set == 3, b.set == 3), (a_restores, b_restores), "the last one counts");
    assert!(a_restores != b_restores);
}

#[tokio::test]
async fn two_who_want_the_same_at_once_share_a_set() {
    let custodians = Custodians::new(3);
    let world = escrowed(&custodians).await;
    let (one, other) = join!(world.nexus(), world.nexus());
    let (a, b) = join!(ask(&world, &one, new_set(&[])), ask(&world, &other, new_set(&[])));
    for given in [a.expect("a set"), b.expect("a set")] {
        assert_eq!(given.set, 2);
        restores(&world, &custodians.open(&given)).await.expect("the same shards");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_from_the_store_costs_no_number() {
    let custodians = Custodians::new(3);
    let world = escrowed(&custodians).await;
    let site = world.nexus().await;
    world.shared.lose_answers.store(1, Ordering::Relaxed);
    let given = ask(&world, &site, new_set(&[])).await.expect("sent again");
    assert_eq!((given.set, world.ring_revision().await), (2, 3));
    restores(&world, &custodians.open(&given)).await.expect("theirs");
}

/// A shard in the world whose digest isn't in the ring could never be used.
#[tokio::test]
async fn whatever_step_it_dies_at_the_set_of_the_ring_can_be_had_and_restores() {
    let mut numbers = Vec::new();
    for dies_at in 0.. {
        let custodians = Custodians::new(3);
        let world = escrowed(&custodians).await;
        let process = Process::new(7, usize::MAX);
        let site = world.site(&process);
        super::super::start::until_open(&site).await;
        let mortal = Process::new(7, dies_at);
        let dying = Site { keys: site.keys.clone(), ..world.site(&mortal) };
        let given = mortal.run(ask(&world, &dying, new_set(&[]))).await;
        let survivor = world.nexus().await;
        let now = ask(&world, &survivor, Wanted::default()).await.expect("the set of the ring");
        numbers.push(now.set);
        restores(&world, &custodians.open(&now)).await.expect("it restores");
        if let Some(given) = given {
            assert_eq!(given.expect("alive to the end").set, now.set);
            break;
        }
    }
    assert!(numbers.len() > 3, "steps: {numbers:?}");
    assert!(numbers.starts_with(&[1]) && numbers.ends_with(&[2]), "{numbers:?}");
}
