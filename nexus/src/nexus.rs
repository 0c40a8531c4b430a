//! One replica: the use cases, the keys, and what else a route or a probe needs to know.

use std::sync::Arc;

use spike_audit::Log;
use spike_core::{
    Roles,
    wire::v2::{
        Reason as WireReason,
        health::{Health, State},
    },
};
use spike_runtime::probes::Probe;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::v1::Ability,
    app::App,
    boot::Boot,
    config::Mode,
    keys::{Keys, Reason},
    metrics::Metrics,
    pulse::{Pulse, UNAVAILABLE},
};

/// What all routes share.
pub(crate) struct Nexus {
    /// The use cases.
    pub(crate) app: App,
    /// Sealed or open.
    pub(crate) keys: Keys,
    /// Everything around the root key.
    pub(crate) boot: Arc<Boot>,
    /// Who is who.
    pub(crate) roles: Roles,
    /// What this replica is for.
    pub(crate) mode: Mode,
    /// What kind of store it keeps things in.
    pub(crate) store_kind: &'static str,
    /// Which of several replicas this is.
    pub(crate) replica: String,
    /// Whether the store answers.
    pub(crate) pulse: Arc<Pulse>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// The audit, for its own status.
    pub(crate) audit: Log,
    /// Work that goes on when its caller goes away.
    pub(crate) work: TaskTracker,
    /// Cancelled when this replica is about to stop.
    pub(crate) draining: CancellationToken,
}

impl Nexus {
    /// What dispatch depends on.
    pub(crate) fn ability(&self) -> Ability {
        Ability {
            open: self.keys.is_open(),
            memory: self.mode == Mode::Memory,
            lite: self.mode == Mode::Lite,
        }
    }

    /// What someone should look at though this replica serves.
    pub(crate) fn advice(&self) -> Vec<Reason> {
        let shared = self.roles.instance.is_none() && self.mode != Mode::Memory;
        let shared = shared.then(|| {
            let text = "all Keepers share one identity: set SPIKE_INSTANCE, so that a stolen one \
                        gets only its own shard";
            Reason { code: "keeper_identity_shared", message: text.to_owned() }
        });
        self.boot.advice().into_iter().chain(shared).chain(self.durability()).collect()
    }

    /// Warns if a machine that dies takes acknowledged writes with it.
    fn durability(&self) -> Option<Reason> {
        let latest = self.pulse.latest();
        let beat = latest.as_ref().as_ref().ok()?;
        let degraded = beat.health.durable_on_standby == Some(false);
        degraded.then(|| {
            let text = "an acknowledged write is on the disk of one server only, or not even there: \
                        give the store a synchronous standby (synchronous_standby_names), and \
                        leave fsync and full_page_writes on";
            Reason { code: "durability_degraded", message: text.to_owned() }
        })
    }

    /// Everything that keeps this replica from serving, the gravest first.
    fn obstacles(&self) -> impl Iterator<Item = (State, Reason)> {
        let draining = self.draining.is_cancelled().then(|| {
            let message = "this replica is about to stop".to_owned();
            (State::Draining, Reason { code: "draining", message })
        });
        let sealed = self.keys.sealed_reason().map(|reason| (State::Sealed, reason));
        // What a round couldn't read because the store doesn't answer is said once.
        let store = self.pulse.trouble().or_else(|| self.boot.trouble());
        let store = store.into_iter().chain(self.app.trouble());
        let audit = self.audit.trouble().map(|error| {
            let reason = Reason { code: "audit_unavailable", message: error.to_string() };
            (State::StoreUnavailable, reason)
        });
        draining
            .into_iter()
            .chain(sealed)
            .chain(store.map(|reason| (State::StoreUnavailable, reason)))
            .chain(audit)
    }
}

impl Probe for Nexus {
    fn health(&self) -> Health {
        let obstacles: Vec<_> = self.obstacles().collect();
        let status = obstacles.first().map_or(State::Ready, |(state, _)| *state);
        let mut reasons: Vec<_> = obstacles.into_iter().map(|(_, reason)| wire(reason)).collect();
        // A store that is away may be why there are no keys.
        reasons.dedup();
        Health { status, reasons }
    }
}

/// A reason as it is sent, to anyone who asks. How a store fails is for those who may see status.
pub(crate) fn wire(reason: Reason) -> WireReason {
    let message = match reason.code {
        UNAVAILABLE => "the store can't be reached or takes no writes".to_owned(),
        _ => reason.message,
    };
    WireReason { code: reason.code.to_owned(), message }
}
