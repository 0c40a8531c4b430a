//! Why pods don't come up: what the cluster's own words leave to be found in events.

use crate::observe::{PodLook, Trouble};

/// The first pod that doesn't come up by itself, and why.
pub(super) fn of(pods: &[PodLook]) -> Option<String> {
    let pod = pods.iter().find(|pod| pod.trouble.is_some())?;
    let name = &pod.name;
    Some(match pod.trouble? {
        Trouble::NoImage => {
            let image = pod.image.as_deref().unwrap_or("that it names");
            format!("{name}: its node doesn't get the image {image}")
        }
        Trouble::Ends => {
            format!("{name} keeps ending: {}", pod.words.as_deref().unwrap_or("see its log"))
        }
        Trouble::Lacks => {
            let what = pod.message.as_deref().unwrap_or("see its events");
            format!("{name} lacks a Secret, ConfigMap or volume: {what}")
        }
        Trouble::NoNode => format!("no node takes {name}: see its events"),
    })
}
