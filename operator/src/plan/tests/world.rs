//! A cluster that does what it is told, slowly or not at all, while things break.

use super::{super::*, *};

/// A Keeper pod of the world: what it really is, not what is seen.
#[expect(clippy::struct_excessive_bools, reason = "each may be so or not")]
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) uid: u32,
    pub(super) template: Digest,
    pub(super) running: bool,
    pub(super) holds: bool,
    pub(super) terminating: bool,
    pub(super) lost: bool,
    /// It runs and does nothing.
    pub(super) mute: bool,
    pub(super) age: Duration,
}

/// A Nexus pod of the world.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) node: u8,
    pub(super) template: Digest,
    pub(super) peers: u8,
    pub(super) keyed: bool,
}

/// The world.
#[expect(clippy::struct_excessive_bools, reason = "each may be so or not")]
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) wish: Wish,
    pub(super) set: Option<Keepers>,
    pub(super) pods: Vec<Option<Pod>>,
    pub(super) nexus: Option<Nexus>,
    pub(super) servers: Vec<Server>,
    pub(super) ring: Option<Ring>,
    pub(super) seen: bool,
    last_quorum: Option<(u8, u8)>,
    pub(super) based: bool,
    pub(super) migrated: bool,
    pub(super) contracted: bool,
    pub(super) job: JobLook,
    pub(super) store: bool,
    pub(super) partitioned: bool,
    /// No pod may be evicted: a budget, a webhook.
    refuses: bool,
    /// Another cluster's Keepers are being rolled.
    waits: bool,
    pub(super) bad: Vec<Digest>,
    mute: Vec<Digest>,
    uids: u32,
}

/// What breaks, or goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Kubernetes and Spike do what they do.
    Tick,
    /// A Keeper's pod ends: a node, a hand.
    LoseKeeper(u8),
    /// A Keeper's node goes, and its pod hangs.
    LoseNode(u8),
    /// A Nexus's pod ends.
    LoseNexus(u8),
    /// The store comes or goes.
    Store(bool),
    /// The operator doesn't reach Nexus, or does again.
    Partition(bool),
    /// Evictions are refused, or are not any more.
    Refuse(bool),
    /// It is another cluster's turn, or ours.
    Turn(bool),
    /// A hand edits both workloads.
    Edit,
    /// A new version of the Keepers: bad if odd, and every other of those runs and does nothing.
    Keepers(u8),
    /// A new version of Nexus, which never finds its key if odd.
    Nexus(u8),
    /// A new image: a new version of all, with a schema of its own.
    Image(u8),
    /// Other shares, with another generation.
    Shares(u8),
    /// A hand scales the `StatefulSet`.
    Scale(u8),
}

impl Pod {
    /// It takes a shard.
    fn works(&self) -> bool {
        self.running && !self.terminating && !self.mute
    }
}

impl World {
    pub(super) fn new(wish: Wish) -> Self {
        Self {
            wish,
            set: None,
            pods: Vec::new(),
            nexus: None,
            servers: Vec::new(),
            ring: None,
            seen: false,
            last_quorum: None,
            based: false,
            migrated: false,
            contracted: false,
            job: JobLook::None,
            store: true,
            partitioned: false,
            refuses: false,
            waits: false,
            bad: Vec::new(),
            mute: Vec::new(),
            uids: 0,
        }
    }

    pub(super) fn keyed(&self) -> usize {
        self.servers.iter().filter(|server| server.keyed).count()
    }

    /// Keepers of the ring that hold the set.
    pub(super) fn holding(&self) -> usize {
        let shares = usize::from(self.ring.map_or(0, |ring| ring.shares));
        let holds = |pod: &&Option<Pod>| pod.as_ref().is_some_and(|p| p.holds && !p.terminating);
        self.pods.iter().take(shares).filter(holds).count()
    }

    /// As the operator sees it.
    pub(super) fn look(&mut self) -> Observed {
        let answers = !self.partitioned && !self.servers.is_empty();
        let ring = match (answers && self.store, self.ring, self.keyed()) {
            (false, ..) => RingLook::Unknown("nobody answers".to_owned()),
            (true, None, _) => RingLook::Absent,
            (true, Some(ring), 0) => {
                RingLook::Sealed { short: self.holding() < usize::from(ring.threshold) }
            }
            (true, Some(ring), _) => RingLook::Open(ring),
        };
        self.seen |= matches!(ring, RingLook::Sealed { .. } | RingLook::Open(_));
        if let RingLook::Open(ring) = &ring {
            self.last_quorum = Some((ring.shares, ring.threshold));
        }
        Observed {
            end: None,
            obstacle: None,
            base: Base {
                differs: if self.based { vec![] } else { vec!["x".to_owned()] },
                orphans: vec![],
            },
            identity: IdentityLook::Ready,
            keepers: self.set.clone(),
            keeper_pods: self.keeper_pods(answers),
            nexus: self.nexus.clone().map(|nexus| Nexus {
                rolling: self.rolling(),
                stuck: self.bad.contains(&nexus.template),
                ..nexus
            }),
            nexus_pods: self
                .servers
                .iter()
                .map(|server| NexusPod {
                    node: Some(server.node.to_string()),
                    unsealed: answers && server.keyed,
                    ready: server.keyed,
                })
                .collect(),
            ring,
            ring_was_seen: self.seen,
            last_quorum: self.last_quorum,
            store: match (answers, self.store) {
                (false, _) => Reach::Unknown,
                (true, true) => Reach::Reachable,
                (true, false) => Reach::Unreachable,
            },
            bootstrap: self.job,
            migration: if self.migrated { JobLook::Done } else { JobLook::None },
            contraction: if self.contracted { JobLook::Done } else { JobLook::None },
            version: None,
            one_version: answers && self.is_everywhere(),
            escrow: EscrowLook::None,
            turn: !self.waits,
            hydration_timeout: TIMEOUT,
        }
    }

    fn keeper_pods(&self, answers: bool) -> Vec<KeeperPod> {
        let pods = self.pods.iter().enumerate();
        pods.filter_map(|(n, pod)| {
            let (ordinal, pod) = (u8::try_from(n).expect("few"), pod.as_ref()?);
            Some(KeeperPod {
                name: format!("keeper-{n}"),
                uid: pod.uid.to_string(),
                ordinal,
                node: Some(n.to_string()),
                template: pod.template.clone(),
                running: pod.running,
                terminating: pod.terminating,
                lost: pod.lost,
                crashed: !pod.running,
                empty: !pod.running
                    || if pod.mute { pod.age >= TIMEOUT } else { answers && !pod.holds },
                hydrated: answers && pod.holds && pod.running && !pod.terminating,
                age: pod.age,
            })
        })
        .collect()
    }

    /// Every server is of the wished template.
    pub(super) fn is_everywhere(&self) -> bool {
        let wished = &self.wish.nexus_template;
        self.servers.iter().all(|server| server.template == *wished)
    }

    /// What a hand changed is as it left it.
    pub(super) fn is_edited(&self) -> bool {
        let keepers = self.set.as_ref().is_some_and(|set| set.drifted);
        keepers || self.nexus.as_ref().is_some_and(|nexus| nexus.drifted)
    }

    fn rolling(&self) -> bool {
        let Some(nexus) = &self.nexus else { return false };
        let fits = |s: &Server| s.template == nexus.template && s.peers == nexus.peers && s.keyed;
        let ready = self.servers.iter().filter(|server| fits(server)).count();
        ready != usize::from(nexus.replicas) || self.servers.len() != ready
    }

    /// Does what the operator says.
    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::ApplyBase => self.based = true,
            Step::Migrate => self.migrated = true,
            Step::Contract => self.contracted = true,
            Step::Bootstrap { attempt } => self.bootstrap(*attempt),
            Step::ApplyKeepers { replicas, template } => self.apply_keepers(*replicas, *template),
            Step::ForgetKeeper { pod, .. } => self.remove(pod),
            Step::EvictKeeper { pod, uid } => {
                let at = Self::place(pod);
                let pod = self.pods.get_mut(at).and_then(Option::as_mut);
                // Another pod of that name is nobody's to evict.
                if let Some(pod) = pod.filter(|pod| !self.refuses && pod.uid.to_string() == *uid) {
                    pod.terminating = true;
                }
            }
            Step::RollBackKeepers => {
                let set = self.set.as_mut().expect("there");
                set.bad = Some(set.template.clone());
                set.template = set.good.clone().expect("there is a good one");
            }
            Step::RecordGood => {
                let wished = self.wish.keeper_template.clone();
                let set = self.set.as_mut().expect("there");
                set.good = Some(set.template.clone());
                set.bad = set.bad.take().filter(|bad| *bad == wished);
            }
            Step::ApplyNexus { peers } => {
                self.nexus = Some(Nexus {
                    template: self.wish.nexus_template.clone(),
                    peers: *peers,
                    replicas: self.wish.replicas.expect("fixed"),
                    rolling: false,
                    stuck: false,
                    counts: true,
                    drifted: false,
                });
            }
            Step::Reshare => self.reshare(),
            Step::Idle | Step::Wait(_) | Step::Stall(_) => {}
            other => panic!("{other:?} has no place here"),
        }
    }

    fn bootstrap(&mut self, attempt: u32) {
        let whole = self.pods.iter().flatten().filter(|pod| pod.works()).count();
        if whole < usize::from(self.wish.shares) || !self.store {
            self.job = JobLook::Failed { last: attempt, tries: attempt };
            // A try takes its time.
            self.pods.iter_mut().flatten().for_each(|pod| pod.age += TIMEOUT / 2);
            return;
        }
        self.job = JobLook::Done;
        let Wish { shares, threshold, generation, .. } = self.wish;
        self.ring = Some(Ring { shares, threshold, generation, pending: None, previous: None });
        self.pods.iter_mut().take(usize::from(shares)).flatten().for_each(|pod| pod.holds = true);
    }

    fn apply_keepers(&mut self, replicas: u8, template: Hold) {
        let wished = self.wish.keeper_template.clone();
        let set = self.set.get_or_insert_with(|| Keepers {
            replicas,
            template: wished.clone(),
            good: None,
            bad: None,
            scaled: false,
            drifted: false,
        });
        set.replicas = replicas;
        set.drifted = false;
        if template == Hold::Wished {
            set.template = wished;
        }
        self.pods.truncate(usize::from(replicas));
    }

    /// Refused unless every Keeper of the new set takes its shard.
    fn reshare(&mut self) {
        let Wish { shares, threshold, generation, .. } = self.wish;
        let takers = self.pods.iter().take(usize::from(shares)).flatten().filter(|pod| pod.works());
        if takers.count() < usize::from(shares) || self.keyed() == 0 || !self.store {
            return;
        }
        let ring = self.ring.as_mut().expect("there");
        let previous = Some(ring.shares);
        *ring = Ring { shares, threshold, generation, pending: None, previous };
        // Shards of the new set were put before it was committed.
        self.pods.iter_mut().take(usize::from(shares)).flatten().for_each(|pod| pod.holds = true);
    }

    fn place(pod: &str) -> usize {
        pod.trim_start_matches("keeper-").parse().expect("a place")
    }

    fn remove(&mut self, pod: &str) {
        let at = Self::place(pod);
        if let Some(pod) = self.pods.get_mut(at) {
            *pod = None;
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Tick => self.tick(),
            Event::LoseKeeper(n) => {
                if let Some(pod) = self.pods.get_mut(usize::from(n)) {
                    *pod = None;
                }
            }
            Event::LoseNode(n) => {
                if let Some(Some(pod)) = self.pods.get_mut(usize::from(n)) {
                    (pod.terminating, pod.lost, pod.holds) = (true, true, false);
                }
            }
            Event::LoseNexus(n) => {
                let at = usize::from(n);
                if at < self.servers.len() {
                    self.servers.remove(at);
                }
            }
            Event::Store(up) => self.store = up,
            Event::Partition(apart) => self.partitioned = apart,
            Event::Refuse(refuses) => self.refuses = refuses,
            Event::Turn(waits) => self.waits = waits,
            Event::Edit => {
                if let Some(set) = &mut self.set {
                    set.drifted = true;
                }
                if let Some(nexus) = &mut self.nexus {
                    nexus.drifted = true;
                }
            }
            Event::Keepers(n) => {
                self.wish.keeper_template = digest(&format!("keeper {n}"));
                let template = self.wish.keeper_template.clone();
                match n % 4 {
                    1 => self.bad.push(template),
                    3 => self.mute.push(template),
                    _ => {}
                }
            }
            Event::Image(n) => {
                self.wish.nexus_template = digest(&format!("nexus image {n}"));
                self.wish.keeper_template = digest(&format!("keeper image {n}"));
                (self.migrated, self.contracted) = (false, false);
            }
            Event::Nexus(n) => {
                self.wish.nexus_template = digest(&format!("nexus {n}"));
                if n % 2 == 1 {
                    self.bad.push(self.wish.nexus_template.clone());
                }
            }
            Event::Shares(n) => {
                if n != self.wish.shares {
                    (self.wish.shares, self.wish.threshold) = (n, n / 2 + 1);
                    self.wish.generation += 1;
                }
            }
            Event::Scale(n) => {
                if let Some(set) = &mut self.set {
                    set.replicas = n;
                    self.pods.truncate(usize::from(n));
                }
            }
        }
    }

    /// Kubernetes makes pods; Nexus finds its key, rehydrates and settles.
    fn tick(&mut self) {
        self.tick_keepers();
        self.tick_nexus();
        if self.keyed() > 0 && self.store {
            let Some(ring) = self.ring.as_mut() else { return };
            let shares = usize::from(ring.shares);
            let pods = self.pods.iter_mut().take(shares).flatten();
            pods.filter(|pod| pod.works()).for_each(|pod| pod.holds = true);
            if self.holding() == shares {
                self.ring.as_mut().expect("there").previous = None;
            }
        }
    }

    fn tick_keepers(&mut self) {
        let Some(set) = &self.set else { return };
        self.pods.resize(usize::from(set.replicas), None);
        for slot in &mut self.pods {
            match slot {
                None => {
                    self.uids += 1;
                    *slot = Some(Pod {
                        uid: self.uids,
                        template: set.template.clone(),
                        running: !self.bad.contains(&set.template),
                        holds: false,
                        terminating: false,
                        lost: false,
                        mute: self.mute.contains(&set.template),
                        age: Duration::ZERO,
                    });
                }
                Some(pod) if pod.terminating && !pod.lost => *slot = None,
                Some(pod) => pod.age += TIMEOUT / 2,
            }
        }
    }

    /// One server at a time, and never one less than there were.
    fn tick_nexus(&mut self) {
        let enough = self.ring.is_some_and(|ring| self.holding() >= usize::from(ring.threshold));
        for server in &mut self.servers {
            server.keyed |= enough && self.store && !self.bad.contains(&server.template);
        }
        let Some(nexus) = &self.nexus else { return };
        let fits = |s: &Server| s.template == nexus.template && s.peers == nexus.peers;
        let wanted = usize::from(nexus.replicas);
        let new = self.servers.iter().filter(|server| fits(server)).count();
        if new < wanted && self.servers.len() <= wanted {
            let free = |node: &u8| self.servers.iter().all(|server| server.node != *node);
            let server = Server {
                node: (0..9).find(free).expect("more nodes than servers"),
                template: nexus.template.clone(),
                peers: nexus.peers,
                keyed: false,
            };
            self.servers.push(server);
            return;
        }
        let spare = self.servers.len() > wanted;
        let ready = self.servers.iter().filter(|server| server.keyed).count();
        let old = self.servers.iter().position(|s| !fits(s) && (!s.keyed || ready > wanted));
        if let Some(at) = old.filter(|_| spare) {
            self.servers.remove(at);
        } else if spare && new > wanted {
            self.servers.pop();
        }
    }
}
