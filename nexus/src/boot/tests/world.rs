//! A store, Keepers, and processes that work on them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rand::{SeedableRng, rngs::StdRng};
use spike_core::{Quorum, Revision, ShareIndex};
use spike_custodians::Recipients;
use spike_store::{Call, Document, DocumentPut, Documents, Kind, Names, Store};

use super::{
    super::{
        bootstrap::{self, Outcome},
        keepers::{Board, Peer},
        site::{Pace, Site},
        start,
    },
    fakes::{Diary, Memory, Opened, Process, Reached, Shared},
};
use crate::{
    app::{Manifest, Trouble, Watermark},
    keys::{Keys, Reason},
};

pub(super) struct World {
    pub(super) quorum: Quorum,
    pub(super) shared: Arc<Shared>,
    pub(super) keepers: Vec<Arc<Memory>>,
    pub(super) pace: Pace,
    /// Whom a bootstrap encrypts recovery shards to.
    pub(super) recipients: Recipients,
}

/// Every wait is short: nothing here is slower than this process.
pub(super) const HASTE: Pace = Pace {
    store: Duration::from_secs(5),
    write: Duration::from_millis(1),
    ask: Duration::from_millis(200),
    grace: Duration::from_millis(20),
    first_attempt: Duration::from_millis(1),
    attempt: Duration::from_millis(5),
    overtaken: Duration::from_millis(100),
    commits: Duration::from_secs(5),
    look: Duration::from_millis(1),
    tell: Duration::from_millis(1),
    trouble: Duration::from_millis(5),
    reshare: Duration::from_millis(5),
    lack: Duration::from_millis(5),
};

/// Never dies.
pub(super) const FOREVER: usize = usize::MAX;

impl World {
    pub(super) fn new(shares: u64, threshold: u64) -> Self {
        let quorum = Quorum::new(shares, threshold).expect("valid");
        let keepers = quorum.indices().map(Memory::new).collect();
        Self {
            quorum,
            shared: Arc::default(),
            keepers,
            pace: HASTE,
            recipients: Recipients::default(),
        }
    }

    /// A world that was bootstrapped and nothing more.
    pub(super) async fn bootstrapped(shares: u64, threshold: u64) -> Self {
        let world = Self::new(shares, threshold);
        assert_eq!(world.bootstrap(1).await, Ok(Outcome::Made));
        world
    }

    /// More Keepers than the root key has shares.
    pub(super) fn with_spare_keepers(mut self, count: u8) -> Self {
        let known = u8::try_from(self.keepers.len()).expect("a handful");
        let spare = (known + 1..=known + count).filter_map(ShareIndex::new);
        self.keepers.extend(spare.map(Memory::new));
        self
    }

    /// One process' view of it.
    pub(super) fn site(&self, process: &Arc<Process>) -> Site {
        let opened = Opened { shared: self.shared.clone(), process: process.clone() };
        let store: Arc<dyn Store> = Arc::new(opened);
        let peers = self.keepers.iter().zip(1..).map(|(memory, index)| Peer {
            index: ShareIndex::new(index).expect("from 1"),
            url: format!("https://keeper-{index}:8443").parse().expect("a URL"),
            patience: self.pace.ask,
            keeper: Arc::new(Reached { memory: memory.clone(), process: process.clone() }),
        });
        Site {
            keys: Keys::sealed(store.clone(), Reason::new("starting", "just started")),
            store,
            watermark: Watermark::default(),
            keepers: peers.collect(),
            instance: None,
            quorum: self.quorum,
            recipients: self.recipients.clone(),
            generation: 1,
            interval: Duration::from_secs(10),
            pace: self.pace,
            expected_cluster: None,
            board: Board::default(),
            journal: Arc::new(Diary { shared: self.shared.clone(), process: process.clone() }),
            trouble: Trouble::default(),
            unproved: Trouble::default(),
        }
    }

    /// A process without faults.
    pub(super) fn healthy(&self) -> Site {
        self.site(&Process::new(0, FOREVER))
    }

    /// A Nexus that has its keys.
    pub(super) async fn nexus(&self) -> Site {
        self.nexus_as(&Process::new(0, FOREVER)).await
    }

    /// A Nexus that has its keys, as this process.
    pub(super) async fn nexus_as(&self, process: &Arc<Process>) -> Site {
        let site = self.site(process);
        let opening = tokio::time::timeout(Duration::from_secs(30), start::until_open(&site));
        opening.await.unwrap_or_else(|_| panic!("sealed: {:?}", site.keys.sealed_reason()));
        site
    }

    /// A process without faults bootstraps.
    pub(super) async fn bootstrap(&self, seed: u64) -> Result<Outcome, Reason> {
        bootstrap::run(&self.healthy(), &mut StdRng::seed_from_u64(seed)).await
    }

    /// The one set that was ever activated, which all Keepers hold and any Nexus opens.
    pub(super) async fn assert_one_root(&self) {
        let rings = self.shared.rings();
        let first = rings.first().expect("an active ring was written");
        for other in &rings {
            assert_eq!(other.current().id, first.current().id, "the cluster was keyed again");
        }
        let site = self.nexus().await;
        let unsealed = site.keys.open().expect("open");
        assert_eq!(unsealed.ring.current().id, first.current().id);
    }

    pub(super) fn down(&self, keeper: usize, is: bool) {
        self.keepers[keeper].down.store(is, Ordering::Relaxed);
    }

    /// What the store holds, to be compared or put back.
    pub(super) async fn ring_revision(&self) -> u64 {
        let call = self.call();
        let seen = self.shared.store.load(&call, Kind::Ring, Names::All).await.expect("it answers");
        seen.epochs.ring.0
    }

    /// Changes the policies as another process does: their counter is `above` + 1 then.
    pub(super) async fn change_policies(&self, above: u64) {
        let (open, mut random) = (self.nexus().await.keys, StdRng::seed_from_u64(above));
        let keys = &open.open().expect("open").keys;
        let listed = self.shared.store.load(&self.call(), Kind::Manifest, Names::All).await;
        let before = &listed.expect("it answers").value[0];
        let next = Manifest::open(keys, before).expect("ours").raised_above(above, &mut random);
        let put = next.put(keys, &mut random, Some(before.revision)).expect("sealed");
        let changed = self.shared.store.change(&self.call(), vec![put], Vec::new()).await;
        changed.expect("changed");
    }

    /// The store shows a ring that names the right digests and that no root vouches for.
    pub(super) async fn forge_ring(&self) {
        let call = self.call();
        let seen = self.shared.store.load(&call, Kind::Ring, Names::All).await.expect("it answers");
        let mut document = seen.value.into_iter().next().expect("a ring");
        let before = document.revision;
        document.revision = Revision(before.0 + 1);
        let revision = |of: Revision| format!("\"revision\":{of},");
        let text = String::from_utf8(document.bytes.to_vec()).expect("JSON");
        document.bytes = text.replace(&revision(before), &revision(document.revision)).into();
        let put = DocumentPut { kind: Kind::Ring, expect: Some(before), document };
        self.shared.store.change(&call, vec![put], Vec::new()).await.expect("changed");
    }

    pub(super) fn call(&self) -> Call {
        self.healthy().call(None)
    }
}

/// A store as it was.
pub(super) struct Backup(Vec<(Kind, Document)>);

impl Backup {
    /// Of the store as it is.
    pub(super) async fn of(world: &World) -> Self {
        let mut kept = Vec::new();
        for kind in [Kind::Ring, Kind::Manifest] {
            let seen = world.shared.store.load(&world.call(), kind, Names::All).await;
            kept.extend(seen.expect("it answers").value.into_iter().map(|found| (kind, found)));
        }
        Self(kept)
    }

    /// From here on the world has another store, which shows this.
    pub(super) async fn restore(self, world: &mut World) {
        world.shared = Arc::default();
        let puts = self.0.into_iter();
        let puts = puts.map(|(kind, document)| DocumentPut { kind, expect: None, document });
        let restored = world.shared.store.change(&world.call(), puts.collect(), Vec::new()).await;
        restored.expect("a restored backup");
    }
}
