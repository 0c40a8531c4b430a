//! Every branch of the plan, and what must hold whatever fails.

mod branches;
mod properties;
mod world;

use std::time::Duration;

use super::{
    Base, EscrowLook, IdentityLook, JobLook, KeeperPod, Keepers, Nexus, NexusPod, Observed, Reach,
    Ring, RingLook, StoreWork, Wish,
};
use crate::{cluster::BootstrapMode, hash::Digest};

const TIMEOUT: Duration = Duration::from_mins(10);

fn digest(text: &str) -> Digest {
    Digest::bytes(text.as_bytes())
}

/// Three Keepers, two of which rebuild the key, two Nexus, a store that several can reach.
pub(crate) fn wish() -> Wish {
    Wish {
        paused: false,
        shares: 3,
        threshold: 2,
        generation: 1,
        bootstrap: BootstrapMode::IfEmpty,
        store: StoreWork::Jobs { migrate: true },
        replicas: Some(2),
        keeper_template: digest("keeper 1"),
        nexus_template: digest("nexus 1"),
        evicts: true,
        version: None,
    }
}

fn keeper(ordinal: u8) -> KeeperPod {
    KeeperPod {
        name: format!("keeper-{ordinal}"),
        uid: format!("uid-{ordinal}"),
        ordinal,
        node: Some(format!("node-{ordinal}")),
        template: digest("keeper 1"),
        running: true,
        terminating: false,
        lost: false,
        crashed: false,
        empty: false,
        hydrated: true,
        age: Duration::from_hours(1),
    }
}

fn nexus(node: &str) -> NexusPod {
    NexusPod { node: Some(node.to_owned()), unsealed: true, ready: true }
}

/// All is as [`wish`] says.
pub(crate) fn healthy() -> Observed {
    Observed {
        end: None,
        obstacle: None,
        base: Base::default(),
        identity: IdentityLook::Ready,
        keepers: Some(Keepers {
            replicas: 3,
            template: digest("keeper 1"),
            good: Some(digest("keeper 1")),
            bad: None,
            scaled: false,
            drifted: false,
        }),
        keeper_pods: (0..3).map(keeper).collect(),
        nexus: Some(Nexus {
            template: digest("nexus 1"),
            peers: 3,
            replicas: 2,
            rolling: false,
            stuck: false,
            counts: true,
            drifted: false,
        }),
        nexus_pods: vec![nexus("node-0"), nexus("node-1")],
        ring: RingLook::Open(Ring {
            shares: 3,
            threshold: 2,
            generation: 1,
            pending: None,
            previous: None,
        }),
        ring_was_seen: true,
        last_quorum: Some((3, 2)),
        store: Reach::Reachable,
        bootstrap: JobLook::None,
        migration: JobLook::Done,
        contraction: JobLook::Done,
        version: None,
        one_version: true,
        escrow: EscrowLook::None,
        turn: true,
        hydration_timeout: TIMEOUT,
    }
}

/// Nothing was applied yet.
fn nothing() -> Observed {
    Observed {
        base: Base { differs: vec!["everything".to_owned()], orphans: vec![] },
        identity: IdentityLook::Waits("no bundle".to_owned()),
        keepers: None,
        keeper_pods: Vec::new(),
        nexus: None,
        nexus_pods: Vec::new(),
        ring: RingLook::Unknown("no Nexus runs".to_owned()),
        ring_was_seen: false,
        last_quorum: None,
        store: Reach::Unknown,
        migration: JobLook::None,
        ..healthy()
    }
}
