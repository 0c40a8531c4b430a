//! What every reconcile shares.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::events::Recorder,
};

use crate::{
    build::{Kind, Site},
    contested::Contested,
    looks::Looks,
    metrics::Metrics,
    names::Names,
    queue::Queue,
    told::Told,
    turns::Turns,
    validate::Defaults,
    voices::Voices,
};

/// What every reconcile shares.
pub(crate) struct Context {
    /// The Kubernetes API.
    pub(crate) client: Client,
    /// What the operator is.
    pub(crate) site: Site,
    /// What a spec may leave to it.
    pub(crate) defaults: Defaults,
    /// Who it is to each cluster.
    pub(crate) voices: Voices,
    /// What it counts.
    pub(crate) metrics: Metrics,
    /// Tells people what it does.
    pub(crate) recorder: Recorder,
    /// Failures in a row, by cluster.
    pub(crate) failures: Mutex<HashMap<Names, u32>>,
    /// What is applied again and again.
    pub(crate) contested: Contested,
    /// Whose Keepers are being replaced.
    pub(crate) turns: Turns,
    /// Who is worked on next.
    pub(crate) queue: Queue,
    /// What was logged of each last.
    pub(crate) told: Told,
    /// What each cluster looked like last.
    pub(crate) looks: Arc<Looks>,
}

impl Context {
    /// The API of a kind, in a namespace if the kind has one.
    pub(crate) fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let resource: ApiResource = kind.resource();
        if kind.is_namespaced() {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    /// One more failure in a row; returns how many there were before.
    pub(crate) fn failed(&self, names: &Names) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(names.clone()).or_insert(0);
        *count = count.saturating_add(1);
        *count - 1
    }

    /// How many there were in a row.
    pub(crate) fn failures(&self, names: &Names) -> u32 {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(names).copied().unwrap_or(0)
    }

    /// A cluster is gone.
    pub(crate) fn forget(&self, names: &Names) {
        self.voices.forget(names);
        self.turns.release(names);
        self.queue.forget(names);
        self.looks.forget(names);
        self.told.forget(names);
        self.contested.forget(names);
        self.succeeded(names);
    }

    /// No failure.
    pub(crate) fn succeeded(&self, names: &Names) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(names);
    }
}
