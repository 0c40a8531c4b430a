//! Why pods don't come up: what the cluster's own words leave to be found in events.

use k8s_openapi::api::core::v1::Pod;

use crate::observe::pods::{Trouble, trouble};

/// The first pod that doesn't come up by itself, and why.
pub(super) fn of(pods: &[Pod]) -> Option<String> {
    let pod = pods.iter().find(|pod| trouble(pod).is_some())?;
    let name = pod.metadata.name.as_deref().unwrap_or("a pod");
    let image = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.as_deref());
    Some(match trouble(pod)? {
        Trouble::NoImage => {
            format!("{name}: its node doesn't get the image {}", image.unwrap_or("that it names"))
        }
        Trouble::Ends => format!("{name} keeps ending: see its log"),
        Trouble::Lacks => format!("{name} lacks a Secret, ConfigMap or volume: see its events"),
        Trouble::NoNode => format!("no node takes {name}: see its events"),
    })
}
