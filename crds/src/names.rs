//! What objects are called, and how they say whose they are.
//!
//! Admission policies recognise key-bearing pods and accounts by these names
//! (`spike-<cluster>-<role>…`), so they are part of what is promised.

use std::{collections::BTreeMap, fmt};

/// The group of our kinds, and the prefix of our labels and annotations.
pub const GROUP: &str = "spike.ist";

/// Where pods listen.
pub mod port {
    /// Nexus's API.
    pub const NEXUS: u16 = 8553;
    /// Nexus's probes, metrics and the plain `/statusz`.
    pub const NEXUS_PROBES: u16 = 8554;
    /// A Keeper, for Nexus.
    pub const KEEPER: u16 = 8443;
    /// A Keeper's probes.
    pub const KEEPER_PROBES: u16 = 8444;
    /// The built-in authority.
    pub const AUTHORITY: u16 = 8445;
}

/// Labels: whose an object is, and what for.
pub mod label {
    /// The cluster's name.
    pub const CLUSTER: &str = "spike.ist/cluster";
    /// Its namespace: objects without one say it here.
    pub const NAMESPACE: &str = "spike.ist/namespace";
    /// What the object is for.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// The product.
    pub const NAME: &str = "app.kubernetes.io/name";
    /// Who writes it.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
}

/// Who the operator is to server-side apply.
pub const MANAGER: &str = "spike-operator";

/// The `ConfigMap` with the built-in authority's roots: one per namespace.
pub const AUTHORITY_BUNDLE: &str = "spike-authority-bundle";

/// A part of a cluster that has its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Serves secrets.
    Nexus,
    /// Holds a shard.
    Keeper,
    /// Makes the root key, and prepares the store.
    Bootstrap,
    /// Issues identities.
    Authority,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nexus => "nexus",
            Self::Keeper => "keeper",
            Self::Bootstrap => "bootstrap",
            Self::Authority => "authority",
        })
    }
}

/// A cluster's name and namespace, and every name made of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Names {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub cluster: String,
}

impl Names {
    /// Of a part: its workload, its account, its pods' prefix.
    pub fn part(&self, part: Part) -> String {
        format!("spike-{}-{part}", self.cluster)
    }

    /// Of what belongs to a part.
    pub fn of(&self, part: Part, what: &str) -> String {
        format!("spike-{}-{part}-{what}", self.cluster)
    }

    /// The account of people with a role.
    pub fn people(&self, role: &str) -> String {
        format!("spike-{}-{role}", self.cluster)
    }

    /// The headless Service that reaches each Nexus, ready or not.
    pub fn admin_service(&self) -> String {
        self.of(Part::Nexus, "admin")
    }

    /// What pods read about the cluster at start, and clients use to find it.
    pub fn config(&self) -> String {
        format!("spike-{}-config", self.cluster)
    }

    /// The bootstrap Job of one try.
    pub fn bootstrap_job(&self, attempt: u32) -> String {
        self.of(Part::Bootstrap, &attempt.to_string())
    }

    /// The recovery shards that were given out, each encrypted to its custodian.
    pub fn escrow(&self) -> String {
        format!("spike-{}-escrow", self.cluster)
    }

    /// `<namespace>/<name>`, as `SPIKE_INSTANCE` has it.
    pub fn instance(&self) -> String {
        format!("{}/{}", self.namespace, self.cluster)
    }

    /// Whom the tokens of this cluster's pods are for.
    pub fn audience(&self) -> String {
        format!("{GROUP}/{}", self.instance())
    }

    /// Where a Service is, from any namespace.
    pub fn host(&self, service: &str) -> String {
        format!("{service}.{}.svc", self.namespace)
    }

    /// The Keeper's URL at a place.
    pub fn keeper_url(&self, ordinal: u8) -> String {
        let service = self.part(Part::Keeper);
        format!("https://{service}-{ordinal}.{}:{}", self.host(&service), port::KEEPER)
    }

    /// The labels of every object.
    pub fn labels(&self, component: &str) -> BTreeMap<String, String> {
        let pairs = [
            (label::NAME, "spike"),
            (label::MANAGED_BY, MANAGER),
            (label::COMPONENT, component),
            (label::CLUSTER, &self.cluster),
            (label::NAMESPACE, &self.namespace),
        ];
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    /// The labels by which a part's pods are found. They never change: selectors can't.
    pub fn selector(&self, part: Part) -> BTreeMap<String, String> {
        let pairs = [(label::CLUSTER, self.cluster.clone()), (label::COMPONENT, part.to_string())];
        pairs.map(|(key, value)| (key.to_owned(), value)).into()
    }

    /// What has [`Names::labels`], as a query in the cluster's namespace.
    pub fn query_all(&self) -> String {
        format!("{}={}", label::CLUSTER, self.cluster)
    }

    /// [`Names::selector`] as a query.
    pub fn query(&self, part: Part) -> String {
        format!("{}={},{}={part}", label::CLUSTER, self.cluster, label::COMPONENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_admission_policies_know() {
        let names = Names { namespace: "team".to_owned(), cluster: "demo".to_owned() };
        assert_eq!(names.part(Part::Keeper), "spike-demo-keeper");
        assert_eq!(
            names.keeper_url(2),
            "https://spike-demo-keeper-2.spike-demo-keeper.team.svc:8443"
        );
        assert_eq!(names.audience(), "spike.ist/team/demo");
    }

    #[test]
    fn the_longest_name_leaves_room_for_the_labels_of_a_stateful_set() {
        // As the CRD has it.
        let longest = "c".repeat(39);
        let names = Names { namespace: "n".repeat(63), cluster: longest };
        // Pods are labelled with the name of their revision: the set's name, a dash, ten digits.
        assert!(names.part(Part::Keeper).len() + 11 <= 63);
        // A Job's name is a label of its pods.
        assert!(names.bootstrap_job(99).len() <= 63);
        assert!(names.admin_service().len() <= 63);
    }
}
