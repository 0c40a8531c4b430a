//! Takes and renews the lease.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Decision, HOLDS, Held, RENEW, RETRY, Reign, decide};

/// The lease's name.
const NAME: &str = "spike-operator";

/// How long one call may take: a leader has several tries before it gives up.
const CALL: Duration = Duration::from_secs(3);

/// Why nobody leads here any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// Somebody else has it, or it could not be renewed in time.
    #[error("the lease is lost: this operator stops, so that two never act")]
    Lost,
}

/// One candidate.
pub struct Election {
    leases: Api<Lease>,
    me: String,
    /// What was seen last, and since when.
    seen: Option<Held>,
    reign: Reign,
}

impl Election {
    /// A candidate in a namespace.
    pub fn new(client: Client, namespace: &str, me: impl Into<String>) -> Self {
        let leases = Api::namespaced(client, namespace);
        Self { leases, me: me.into(), seen: None, reign: Reign::default() }
    }

    /// Until when we lead.
    pub fn reign(&self) -> Reign {
        self.reign.clone()
    }

    /// Waits until we lead. Who stands by says so once for each leader: its log is looked at too.
    pub async fn lead(&mut self) {
        let mut told = None;
        loop {
            let asked = Instant::now();
            match self.attempt().await {
                Ok(true) => return self.reign.renewed(asked),
                Ok(false) => {
                    let leader = self.seen.as_ref().and_then(|held| held.holder.clone());
                    if leader.is_some() && told != leader {
                        tracing::info!(leader, "another replica leads; waiting");
                        told = leader;
                    }
                }
                Err(why) => tracing::warn!(error = %why, "the lease can't be had"),
            }
            sleep(RENEW).await;
        }
    }

    /// Renews until `done`, then lets the lease go; an error as soon as it is lost.
    pub async fn keep(mut self, done: CancellationToken) -> Result<(), LeaseError> {
        let mut pause = RENEW;
        while done.run_until_cancelled(sleep(pause)).await.is_some() {
            let asked = Instant::now();
            let attempt = timeout_at(self.reign.end(), self.attempt()).await;
            pause = match attempt.map_err(|_| LeaseError::Lost)? {
                Ok(true) => {
                    self.reign.renewed(asked);
                    RENEW
                }
                Ok(false) => return Err(LeaseError::Lost),
                Err(why) => {
                    tracing::warn!(error = %why, "the lease can't be renewed");
                    RETRY
                }
            };
        }
        // Who can't be told waits until it ends by itself.
        if timeout(CALL, self.release()).await.is_err() {
            tracing::debug!("the lease was not let go in time");
        }
        Ok(())
    }

    /// One look and at most one write; true if the lease is ours.
    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        let Ok(done) = timeout(CALL, self.once()).await else {
            return Err(kube::Error::Service("no answer in time".into()));
        };
        done
    }

    async fn once(&mut self) -> Result<bool, kube::Error> {
        let now = Timestamp::now();
        let Some(lease) = self.leases.get_opt(NAME).await? else {
            let new = Lease {
                metadata: ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() },
                spec: Some(self.spec(now, 0)),
            };
            return written(self.leases.create(&PostParams::default(), &new).await);
        };
        self.note(&lease);
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or(0);
        let decision = decide(self.seen.as_ref(), &self.me, Instant::now());
        let transitions = match decision {
            Decision::Wait => return Ok(false),
            Decision::Renew => transitions,
            Decision::Take => transitions + 1,
        };
        let mut spec = self.spec(now, transitions);
        if decision == Decision::Renew {
            spec.acquire_time = lease.spec.as_ref().and_then(|spec| spec.acquire_time.clone());
        }
        // It carries the version that was read: of two that write one fails.
        let next = Lease { spec: Some(spec), ..lease };
        let replaced = self.leases.replace(NAME, &PostParams::default(), &next).await;
        // What was ours a moment ago may have met an older write of ours: the next look tells.
        if decision == Decision::Renew { replaced.map(|_| true) } else { written(replaced) }
    }

    /// Remembers since when the lease looks as it does.
    fn note(&mut self, lease: &Lease) {
        let spec = lease.spec.clone().unwrap_or_default();
        let seconds = u64::try_from(spec.lease_duration_seconds.unwrap_or(0)).unwrap_or_default();
        let fresh = Held {
            holder: spec.holder_identity,
            renewed_at: spec.renew_time.map(|time| time.0),
            seen_at: Instant::now(),
            holds: Duration::from_secs(seconds),
        };
        let same = |old: &Held| (&old.holder, old.renewed_at) == (&fresh.holder, fresh.renewed_at);
        if !self.seen.as_ref().is_some_and(same) {
            self.seen = Some(fresh);
        }
    }

    fn spec(&self, now: Timestamp, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: i32::try_from(HOLDS.as_secs()).ok(),
            renew_time: Some(MicroTime(now)),
            acquire_time: Some(MicroTime(now)),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    /// The next one needn't wait.
    async fn release(&self) {
        let Ok(mut lease) = self.leases.get(NAME).await else { return };
        if let Some(spec) = &mut lease.spec
            && spec.holder_identity.as_ref() == Some(&self.me)
        {
            spec.holder_identity = None;
            if let Err(why) = self.leases.replace(NAME, &PostParams::default(), &lease).await {
                tracing::debug!(error = %why, "the lease was not let go");
            }
        }
    }
}

/// True if we wrote it, false if somebody was faster.
fn written(result: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match result {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(why)) if why.code == 409 => Ok(false),
        Err(why) => Err(why),
    }
}
