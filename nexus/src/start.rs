//! What serving and bootstrapping both begin with: an identity, an audit, and a store that may be
//! away for now.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use spike_audit::{AuditError, Log, Sink};
use spike_core::{Role, Roles};
use spike_identity::{Identity, Wanted};
use spike_store::{Store, StoreError};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::Watermark,
    boot::{Inputs, Origin},
    config::{Config, Mode},
    keys::{Keys, Reason},
    stores::{Awaited, Place},
};

/// How long to wait before a store that may come is opened again: longer each time, since a wrong
/// password that is tried again and again looks like an attack.
const STORE_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_STORE_PAUSE: Duration = Duration::from_secs(2);

/// Between two looks at an audit file that another process writes.
const AUDIT_PAUSE: Duration = Duration::from_millis(250);

/// How long such a process may take beyond its drain.
const AUDIT_PATIENCE: Duration = Duration::from_secs(10);

/// The parts that every subcommand needs.
pub(crate) struct Parts {
    /// Ours.
    pub(crate) identity: Identity,
    /// Answers once it is open.
    pub(crate) store: Arc<dyn Store>,
    /// What it is under all that is done to its calls.
    pub(crate) awaited: Arc<Awaited>,
    /// Open.
    pub(crate) audit: Log,
    /// Sealed for now.
    pub(crate) keys: Keys,
    /// Shared by boot and use cases.
    pub(crate) watermark: Watermark,
}

impl Parts {
    /// Everything the boot needs, from these parts and the configuration.
    pub(crate) fn inputs(&self, config: &Config) -> Inputs {
        Inputs {
            store: self.store.clone(),
            keys: self.keys.clone(),
            watermark: self.watermark.clone(),
            identity: self.identity.clone(),
            audit: self.audit.clone(),
            roles: config.roles.clone(),
            keepers: config.keepers.clone(),
            origin: if config.mode == Mode::Memory { Origin::Fresh } else { Origin::Keepers },
            quorum: config.quorum,
            recipients: config.recipients.clone(),
            generation: config.generation,
            interval: config.update_interval,
            expected_cluster: config.expected_cluster,
        }
    }
}

/// Opens the parts, but for the store: that is [`open_store`]'s.
pub(crate) async fn parts(
    config: &Config,
    roles: &[Role],
    sink: Sink,
    stop: &CancellationToken,
    tracker: &TaskTracker,
) -> anyhow::Result<Parts> {
    let wanted = wanted(&config.roles, roles);
    let identity = Identity::start(config.identity.clone(), wanted, stop.clone(), tracker);
    let identity = identity.await.context("no identity")?;
    tracing::info!(id = %identity.id(), "has an identity");
    let audit = open_audit(sink, config).await.context("no audit")?;
    let awaited = Arc::new(Awaited::default());
    let store: Arc<dyn Store> = awaited.clone();
    let reason = Reason { code: "starting", message: "the key ring was not read yet".to_owned() };
    let keys = Keys::sealed(store.clone(), reason);
    Ok(Parts { identity, store, awaited, audit, keys, watermark: Watermark::default() })
}

/// Waits for a store that may come, or for its schema; gives up on one that can't work. Says why it
/// waits, once for each reason, and tells `missed` each time.
pub(crate) async fn open_store(
    place: &Place,
    awaited: &Awaited,
    missed: impl Fn(&StoreError),
) -> anyhow::Result<()> {
    if let Some(weakness) = place.weakness() {
        tracing::warn!("the store's connections are weakly protected: {weakness}");
    }
    let (mut pause, mut said) = (STORE_PAUSE, String::new());
    loop {
        let error = match Box::pin(place.open()).await {
            Ok(opened) => {
                awaited.is(opened);
                return Ok(());
            }
            Err(error) if may_come(&error) => error,
            Err(error) => return Err(error.into()),
        };
        missed(&error);
        let why = error.to_string();
        if why != said {
            tracing::warn!("waits for the store: {why}");
            said = why;
        }
        sleep(pause).await;
        pause = LONGEST_STORE_PAUSE.min(pause * 2);
    }
}

/// Whoever upgrades us upgrades the schema too, perhaps a little later.
const fn may_come(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable { retryable, .. } => *retryable,
        StoreError::Schema { found, supported, .. } => *found < *supported,
        _ => false,
    }
}

/// Waits for a process that still writes the same file: one that is about to stop, or another
/// bootstrap.
async fn open_audit(sink: Sink, config: &Config) -> Result<Log, AuditError> {
    let patience = Instant::now() + config.drain + AUDIT_PATIENCE;
    loop {
        match Log::open(sink.clone(), config.replica.clone()).await {
            Err(AuditError::InUse(path)) if Instant::now() < patience => {
                tracing::warn!(?path, "waits for another process to let go of the audit file");
                sleep(AUDIT_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// An SVID that peers will take for one of these roles.
fn wanted(roles: &Roles, any_of: &[Role]) -> Wanted {
    let ids: Vec<_> = any_of
        .iter()
        .flat_map(|&role| roles.roots.of(role).iter().map(move |root| role.id(root)))
        .map(|id| match &roles.instance {
            Some(instance) => format!("{id}/{instance}"),
            None => id,
        })
        .collect();
    let what = ids.join(" or ");
    let (roles, any_of) = (roles.clone(), any_of.to_vec());
    Wanted::matching(move |id| any_of.iter().any(|&role| roles.plays(id, role)), what)
}
