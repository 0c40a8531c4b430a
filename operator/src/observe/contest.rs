//! What of ours isn't as it was applied.

use super::{Live, applied_template, memory, missing, peers};
use crate::{
    build::{self, Object},
    cluster::Cluster,
    compare::difference,
    plan::Step,
};

/// The first object that a step would write anew, and the field because of which.
pub(crate) fn contest(cluster: &Cluster, live: &Live, step: &Step) -> String {
    let found = match step {
        Step::ApplyKeepers { replicas, .. } => live.stateful_set.as_ref().and_then(|set| {
            let template = applied_template(set).unwrap_or_else(|| build::keeper_template(cluster));
            let should = build::stateful_set(cluster, *replicas, &template, &memory(live, set));
            named(&should, difference(set, &should.manifest))
        }),
        Step::ApplyNexus { .. } => live.deployment.as_ref().and_then(|nexus| {
            let should = build::deployment(cluster, peers(nexus));
            named(&should, difference(nexus, &should.manifest))
        }),
        _ => missing(live).first().map(ToString::to_string).or_else(|| {
            let mut base = live.base.iter();
            base.find_map(|(object, there)| {
                named(object, difference(there.as_ref()?, &object.manifest))
            })
        }),
    };
    found.unwrap_or_else(|| "what was applied".to_owned())
}

fn named(object: &Object, path: Option<String>) -> Option<String> {
    path.map(|path| format!("{object}: {}", path.trim_start_matches('.')))
}
