//! Arrows between crates only point down.

use cargo_metadata::{DependencyKind, Metadata, Package};

use crate::Finding;

/// Every crate with its layer. A crate may depend on lower layers only, and what a layer's crates
/// share goes further down. Development crates stand outside.
const LAYERS: [(&str, u8); 17] = [
    ("spike-core", 0),
    ("spike-seal", 1),
    ("spike-identity", 1),
    ("spike-store", 2),
    ("spike-store-sqlite", 3),
    ("spike-store-postgres", 3),
    ("spike-client", 2),
    ("spike-audit", 2),
    ("spike-authority", 2),
    ("spike-runtime", 2),
    ("spike-custodians", 2),
    ("spike-crds", 2),
    ("spike-keeper", 4),
    ("spike-nexus", 4),
    ("spike-cli", 4),
    ("spike-operator", 4),
    ("spike-kubectl", 5),
];

/// Crates that drive all the others from outside.
const OUTSIDE: [&str; 4] =
    ["spike-e2e", "spike-testbed-kubernetes", "spike-testbed-postgres", "xtask"];

/// Arrows that the layers allow and the design refuses: a store that knew keys could read secrets, and
/// of programs `kubectl-spike` alone is made of another, the command.
const REFUSED: [(&str, &str); 6] = [
    ("spike-store", "spike-seal"),
    ("spike-store-sqlite", "spike-seal"),
    ("spike-store-postgres", "spike-seal"),
    ("spike-kubectl", "spike-keeper"),
    ("spike-kubectl", "spike-nexus"),
    ("spike-kubectl", "spike-operator"),
];

pub(crate) fn check(workspace: &Metadata) -> Vec<Finding> {
    workspace.workspace_packages().into_iter().flat_map(of_package).collect()
}

fn of_package(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    if OUTSIDE.contains(&name) {
        return Vec::new();
    }
    let Some(from) = layer(name) else {
        let problem = "has no layer: add it to xtask/src/layers.rs";
        return vec![Finding::new(name, problem)];
    };
    let used = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    used.filter_map(|dependency| refusal(name, from, &dependency.name)).collect()
}

fn refusal(name: &str, from: u8, to: &str) -> Option<Finding> {
    let refused = REFUSED.contains(&(name, to)) || layer(to)? >= from;
    refused.then(|| Finding::new(name, format!("must not depend on {to}: arrows only point down")))
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upward_and_sideways_arrows_are_refused() {
        assert!(refusal("spike-seal", 1, "spike-identity").is_some());
        assert!(refusal("spike-core", 0, "spike-store").is_some());
        assert!(refusal("spike-cli", 4, "spike-nexus").is_some());
        assert!(refusal("spike-store", 2, "spike-seal").is_some());
        assert!(refusal("spike-nexus", 4, "spike-seal").is_none());
        assert!(refusal("spike-nexus", 4, "tokio").is_none());
    }
}
