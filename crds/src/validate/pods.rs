//! How many pods there are, of what, and what is changed about them.

use std::time::Duration;

use k8s_openapi::api::core::v1::Affinity;
use serde_json::Value;

use super::{StoreKind, problem::Problems};
use crate::{
    SpikeClusterSpec,
    cluster::{Image, PodOverrides, Rollout},
    rules,
};

impl Problems {
    pub(super) fn replicas(
        &mut self,
        spec: &SpikeClusterSpec,
        store: Option<StoreKind>,
    ) -> Option<u16> {
        let (nexus, shares) = (&spec.nexus, spec.shamir.shares);
        self.within("spec.nexus.replicas", nexus.replicas.into(), 1, 100);
        if let Some(keepers) = spec.keeper.replicas {
            let numbers = [keepers.into(), shares.into()];
            self.obey(&rules::KEEPER_REPLICAS, keepers == shares, &numbers);
        }
        if let Some(scaling) = &nexus.autoscaling {
            let numbers = [scaling.max_replicas.into(), nexus.replicas.into()];
            self.obey(&rules::AUTOSCALING, scaling.max_replicas >= nexus.replicas, &numbers);
        }
        let alone = matches!(store, Some(StoreKind::Sqlite | StoreKind::Memory));
        let fits = !alone || (nexus.replicas == 1 && nexus.autoscaling.is_none());
        self.obey(&rules::ONE_NEXUS, fits, &[nexus.replicas.into()]);
        u16::try_from(nexus.replicas).ok()
    }

    pub(super) fn image(&mut self, image: &Image) {
        self.obey(&rules::IMAGE, image.tag.is_none() || image.digest.is_none(), &[]);
        let repository = image.repository.as_deref().unwrap_or_default();
        let name = repository.rsplit('/').next().unwrap_or_default();
        let alone = !repository.contains('@') && !repository.contains("://") && !name.contains(':');
        self.obey(&rules::IMAGE_REPOSITORY, alone, &[]);
    }

    pub(super) fn rollout(&mut self, rollout: &Rollout) {
        let timeout = rollout.hydration_timeout;
        let positive = !timeout.is_negative() && Duration::from(timeout) > Duration::ZERO;
        self.obey(&rules::HYDRATION_TIMEOUT, positive, &[]);
    }

    pub(super) fn overrides(&mut self, spec: &SpikeClusterSpec) {
        let parts = [
            ("spec.nexus.podOverrides", &spec.nexus.pod_overrides),
            ("spec.keeper.podOverrides", &spec.keeper.pod_overrides),
        ];
        for (at, overrides) in parts {
            if let Some(overrides) = overrides {
                self.overridden(at, overrides);
            }
        }
    }

    fn overridden(&mut self, at: &str, overrides: &PodOverrides) {
        let mut keys = overrides.labels.keys().chain(overrides.annotations.keys());
        let ours = keys.any(|key| is_ours(key));
        self.obey_at(at, &rules::OVERRIDDEN_LABELS, !ours, &[]);
        let ours = overrides.env.iter().any(|variable| is_said(&variable.name));
        self.obey_at(at, &rules::OVERRIDDEN_ENV, !ours, &[]);
        self.labels(&format!("{at}.labels"), &overrides.labels);
        self.annotations(&format!("{at}.annotations"), &overrides.annotations);
        self.labels(&format!("{at}.nodeSelector"), &overrides.node_selector);
        if let Some(affinity) = &overrides.affinity {
            let read = serde_json::from_value::<Affinity>(Value::Object(affinity.clone()));
            self.require(read.is_ok(), format!("{at}.affinity"), || {
                format!("{at}.affinity isn't a Pod's affinity: {}", read.expect_err("it isn't"))
            });
        }
    }
}

/// Whether a variable is one by which our programs are told what to do.
fn is_said(name: &str) -> bool {
    name.starts_with("SPIKE_")
        || name.starts_with("SPIFFE_")
        || ["STORE_USER", "STORE_ROLE"].contains(&name)
}

/// Whether a label or annotation says whose an object is.
fn is_ours(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    domain == "app.kubernetes.io" || domain == "spike.ist" || domain.ends_with(".spike.ist")
}
