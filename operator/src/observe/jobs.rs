//! What became of our Jobs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Live, number, text};
use crate::{
    build,
    cluster::{Cluster, Store},
    error::pause,
    names::Part,
    plan::JobLook,
};

/// The newest try of bootstrap. One that failed a moment ago is given time: what it met may pass.
pub(super) fn bootstrap(cluster: &Cluster, live: &Live, now: Timestamp) -> JobLook {
    let prefix = cluster.names.of(Part::Bootstrap, "");
    let tries = live.jobs.iter().filter_map(|job| {
        let name = text(job, &["metadata", "name"])?;
        Some((name.strip_prefix(&prefix)?.parse::<u32>().ok()?, job))
    });
    let Some((attempt, job)) = tries.max_by_key(|(attempt, _)| *attempt) else {
        return JobLook::None;
    };
    match look(job, attempt) {
        JobLook::Failed(_) if since(job, now) < pause(attempt + 2, 1.0) => {
            JobLook::Running(attempt)
        }
        look => look,
    }
}

/// The Job that expands the schema for the wanted image.
pub(super) fn migration(cluster: &Cluster, live: &Live) -> JobLook {
    let Store::Postgres(_) = cluster.store else { return JobLook::Done };
    let wanted = cluster.names.schema_job(&build::schema_version(cluster));
    let named = |job: &&Value| text(job, &["metadata", "name"]) == Some(&wanted);
    live.jobs.iter().find(named).map_or(JobLook::None, |job| look(job, 1))
}

fn look(job: &Value, attempt: u32) -> JobLook {
    if number(job, "/status/succeeded") > 0 {
        return JobLook::Done;
    }
    match condition(job) {
        Some(_) => JobLook::Failed(attempt),
        None => JobLook::Running(attempt),
    }
}

fn condition(job: &Value) -> Option<&Value> {
    let failed = |condition: &&Value| {
        text(condition, &["type"]) == Some("Failed") && text(condition, &["status"]) == Some("True")
    };
    job.pointer("/status/conditions")?.as_array()?.iter().find(failed)
}

fn since(job: &Value, now: Timestamp) -> Duration {
    let failed = condition(job).and_then(|failed| text(failed, &["lastTransitionTime"]));
    let at = failed.and_then(|at| at.parse::<Timestamp>().ok());
    at.and_then(|at| at.duration_until(now).try_into().ok()).unwrap_or(Duration::MAX)
}
