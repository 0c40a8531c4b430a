//! Makes of a spec a [`Cluster`] that can work, or says why it can't. Pure.
//!
//! The rules that the API server checks as well are in `spike_crds::validate`, in the same words;
//! here are those that only this operator can know.

mod ending;
mod store;
#[cfg(test)]
mod tests;

use spike_crds::{
    Problem, SpikeCluster, SpikeClusterSpec,
    cluster::{NetworkPolicyMode, RolloutStrategy},
};

pub(crate) use ending::ending;
use spike_custodians::Recipient;
pub(crate) use store::STORE_USER;

use crate::{
    cluster::{Cluster, Identity, Image, Keeper, Nexus},
    hash::Digest,
    names::{Names, annotation},
};

/// What a spec may leave to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The operator's own image, which has all programs.
    pub image: String,
}

/// Why a spec can't work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Fields contradict the rules.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Spec(Vec<Problem>),
}

impl Invalid {
    fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Spec(vec![Problem { field: field.to_owned(), message: message.into() }])
    }

    /// A word for a condition's reason.
    pub fn reason(&self) -> &'static str {
        let Self::Spec(problems) = self;
        problems.first().map_or("InvalidSpec", Problem::reason)
    }
}

/// A cluster that can work, or everything that is wrong.
pub fn validate(cluster: &SpikeCluster, defaults: &Defaults) -> Result<Cluster, Invalid> {
    let valid = spike_crds::validate(cluster).map_err(Invalid::Spec)?;
    custodians(&valid.recipients)?;
    let spec = &cluster.spec;
    let names = Names { namespace: valid.namespace.clone(), cluster: valid.name.clone() };
    let strict = spec.network_policy.mode == NetworkPolicyMode::Strict;
    Ok(Cluster {
        names,
        uid: cluster.metadata.uid.clone().unwrap_or_default(),
        asked: asked(cluster),
        trust_domain: valid.trust_domain,
        shares: valid.quorum.shares(),
        threshold: valid.quorum.threshold(),
        generation: valid.generation,
        bootstrap: valid.bootstrap,
        recipients: valid.recipients,
        image: image(spec, defaults),
        nexus: nexus(spec, valid.nexus_replicas),
        keeper: keeper(spec),
        store: store::resolve(&spec.store)?,
        identity: identity(spec)?,
        network: strict.then(|| spec.network_policy.clone()),
        monitoring: spec.monitoring.clone(),
        deletion: spec.deletion.policy,
        evicts: spec.rollout.strategy == RolloutStrategy::Guarded,
        hydration_timeout: spec.rollout.hydration_timeout.into(),
        log_level: valid.log_level,
        paused: valid.paused,
    })
}

/// The keys themselves, as Nexus looks at them: a typing error would stop it long after.
fn custodians(recipients: &[String]) -> Result<(), Invalid> {
    let judged = recipients.iter().enumerate().filter_map(|(at, key)| {
        let why = key.parse::<Recipient>().err()?;
        let field = format!("spec.recovery.age.recipients[{at}]");
        let message = format!("{why}; `age-keygen -y FILE` shows the public half of a key");
        Some(Problem { field, message })
    });
    let problems: Vec<_> = judged.collect();
    if problems.is_empty() { Ok(()) } else { Err(Invalid::Spec(problems)) }
}

fn asked(cluster: &SpikeCluster) -> Digest {
    let metadata = &cluster.metadata;
    let retry = metadata.annotations.as_ref().and_then(|all| all.get(annotation::RETRY));
    Digest::of(&(metadata.generation, retry))
}

/// What the spec leaves out is the operator's own: one image has all programs.
fn image(spec: &SpikeClusterSpec, defaults: &Defaults) -> Image {
    let image = &spec.image;
    let (repository, version) = split(&defaults.image);
    let repository = image.repository.as_deref().unwrap_or(repository);
    let version = match (&image.digest, &image.tag) {
        (Some(digest), _) => format!("@{digest}"),
        (None, Some(tag)) => format!(":{tag}"),
        (None, None) => version.to_owned(),
    };
    Image {
        reference: format!("{repository}{version}"),
        pull_policy: image.pull_policy,
        pull_secrets: image.pull_secrets.iter().map(|secret| secret.name.clone()).collect(),
    }
}

/// `registry:5000/spike:1.0` is `registry:5000/spike` and `:1.0`; a digest comes after the tag.
fn split(reference: &str) -> (&str, &str) {
    let from = reference.rfind('/').unwrap_or(0);
    let tail = reference.get(from..).unwrap_or_default();
    let at = tail.find([':', '@']).map_or(reference.len(), |at| from + at);
    reference.split_at(at)
}

fn nexus(spec: &SpikeClusterSpec, replicas: u16) -> Nexus {
    let nexus = &spec.nexus;
    Nexus {
        replicas,
        resources: nexus.resources.clone(),
        autoscaling: nexus.autoscaling.clone(),
        service: nexus.service.clone(),
        overrides: nexus.pod_overrides.clone().unwrap_or_default(),
    }
}

fn keeper(spec: &SpikeClusterSpec) -> Keeper {
    let keeper = &spec.keeper;
    Keeper {
        resources: keeper.resources.clone(),
        spread: keeper.spread.when_unsatisfiable,
        priority_class: keeper.priority_class_name.clone(),
        overrides: keeper.pod_overrides.clone().unwrap_or_default(),
    }
}

fn identity(spec: &SpikeClusterSpec) -> Result<Identity, Invalid> {
    match (&spec.identity.spire, &spec.identity.builtin) {
        (Some(spire), None) => Ok(Identity::Spire {
            csi_driver: spire.csi_driver.clone(),
            socket: spire.socket_path.clone(),
            class: spire.class_name.clone(),
            registration: spire.cluster_spiffe_ids,
            federates_with: spire.federates_with.clone(),
        }),
        (None, Some(_)) => Ok(Identity::Builtin),
        _ => Err(Invalid::field("spec.identity", "needs exactly one of spire and builtin")),
    }
}
