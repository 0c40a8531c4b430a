//! What became of our Jobs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Live, PodLook, number as number_of, text};
use crate::{
    build::{self, Kind},
    cluster::{Cluster, Store},
    error::pause,
    names::{Half, Part, annotation},
    plan::JobLook,
};

/// An object that goes: kind, name, uid.
type Spare = (Kind, String, String);

/// The newest try of bootstrap. One that failed a moment ago is given time: what it met may pass.
pub(super) fn bootstrap(cluster: &Cluster, live: &Live, now: Timestamp) -> JobLook {
    let prefix = cluster.names.of(Part::Bootstrap, "");
    let number = |job: &Value| name(job)?.strip_prefix(&prefix)?.parse::<u32>().ok();
    let all = || live.jobs.iter().filter_map(|job| Some((number(job)?, job)));
    let Some((last, job)) = all().max_by_key(|(number, _)| *number) else {
        return JobLook::None;
    };
    if number_of(job, "/status/succeeded") > 0 {
        return JobLook::Done;
    }
    if failure(job).is_none() {
        return JobLook::Running;
    }
    // Those that failed before people changed something don't count.
    let counts = |job: &Value| failure(job).is_some() && is_asked(cluster, job);
    let tries = all().filter(|(_, job)| counts(job)).count();
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    if tries > 0 && since(job, now) < pause(tries.saturating_add(2), 1.0) {
        return JobLook::Running;
    }
    JobLook::Failed { last, tries }
}

/// The Job that does a half of the change to the wanted image's schema.
///
/// One that did it for this image and store is done for good; one that failed counts until people
/// change something.
pub(super) fn schema(cluster: &Cluster, live: &Live, half: Half) -> JobLook {
    let Store::Postgres(_) = cluster.store else { return JobLook::Done };
    let version = build::schema_version(cluster);
    let prefix = format!("spike-{}-{half}-", cluster.names.cluster);
    let ours = |job: &&Value| {
        name(job).is_some_and(|name| name.starts_with(&prefix))
            && text(job, &["metadata", "annotations", annotation::VERSION])
                == Some(version.as_str())
    };
    let jobs = || live.jobs.iter().filter(ours);
    if jobs().any(|job| number_of(job, "/status/succeeded") > 0) {
        return JobLook::Done;
    }
    if jobs().any(|job| failure(job).is_none()) {
        return JobLook::Running;
    }
    if jobs().any(|job| is_asked(cluster, job)) {
        return JobLook::Failed { last: 1, tries: 1 };
    }
    JobLook::None
}

/// Schema Jobs of an earlier spec that never started, and make room for the present one's; and those that
/// are done for another image or store: whoever goes back there repeats what changes nothing twice.
///
/// One that failed said why, and one that runs is at work: neither is among them.
pub(crate) fn spent(cluster: &Cluster, jobs: &[Value], pods: &[PodLook]) -> Vec<Spare> {
    let present = build::schema_version(cluster);
    let runs = |job: &Value| {
        let prefix = format!("{}-", name(job).unwrap_or_default());
        pods.iter().any(|pod| pod.running_since.is_some() && pod.name.starts_with(&prefix))
    };
    let is_spent = |job: &&Value| {
        let version = text(job, &["metadata", "annotations", annotation::VERSION]);
        let Some(version) = version else { return false };
        if number_of(job, "/status/succeeded") > 0 {
            return version != present.as_str();
        }
        failure(job).is_none() && !is_asked(cluster, job) && !runs(job)
    };
    let spare = |job: &Value| {
        Some((Kind::Job, name(job)?.to_owned(), text(job, &["metadata", "uid"])?.to_owned()))
    };
    jobs.iter().filter(is_spent).filter_map(spare).collect()
}

fn name(job: &Value) -> Option<&str> {
    text(job, &["metadata", "name"])
}

/// Made for what people ask for now.
fn is_asked(cluster: &Cluster, job: &Value) -> bool {
    text(job, &["metadata", "annotations", annotation::ASKED]) == Some(cluster.asked.as_str())
}

fn failure(job: &Value) -> Option<&Value> {
    let failed = |condition: &&Value| {
        text(condition, &["type"]) == Some("Failed") && text(condition, &["status"]) == Some("True")
    };
    job.pointer("/status/conditions")?.as_array()?.iter().find(failed)
}

fn since(job: &Value, now: Timestamp) -> Duration {
    let failed = failure(job).and_then(|failed| text(failed, &["lastTransitionTime"]));
    let at = failed.and_then(|at| at.parse::<Timestamp>().ok());
    at.and_then(|at| at.duration_until(now).try_into().ok()).unwrap_or(Duration::MAX)
}
