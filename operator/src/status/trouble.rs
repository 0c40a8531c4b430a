//! Why pods don't come up: what the cluster's own words leave to be found in events.

use crate::{
    names::Part,
    observe::{PodLook, Trouble},
};

/// The first pod that doesn't come up by itself, and why; `unbound` is what keeps Nexus's volume from it.
pub(super) fn of(pods: &[PodLook], unbound: Option<&str>) -> Option<String> {
    let pod = pods.iter().find(|pod| pod.trouble.is_some())?;
    let name = &pod.name;
    let image = pod.image.as_deref().unwrap_or("that it names");
    Some(match pod.trouble? {
        Trouble::NoImage => format!("the node of {name} doesn't get the image {image}"),
        Trouble::BadImage => {
            format!("{name} can't be made: {image} is no image's name; mend spec.image")
        }
        Trouble::Ends => {
            format!("{name} keeps ending: {}", pod.words.as_deref().unwrap_or("see its log"))
        }
        Trouble::Lacks => {
            let what = pod.message.as_deref().unwrap_or("see its events");
            format!("{name} lacks a Secret, ConfigMap or volume: {what}")
        }
        Trouble::NoNode => {
            let nexus = pod.component == Part::Nexus.to_string();
            let why = unbound.filter(|_| nexus).or(pod.message.as_deref());
            format!("no node takes {name}: {}", why.unwrap_or("see its events"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of a pod of Nexus.
    fn told(trouble: Trouble, message: Option<&str>, unbound: Option<&str>) -> String {
        let pod = PodLook {
            name: "spike-demo-nexus-x".to_owned(),
            component: "nexus".to_owned(),
            image: Some("registry/spike:1".to_owned()),
            trouble: Some(trouble),
            message: message.map(ToOwned::to_owned),
            ..PodLook::default()
        };
        of(&[PodLook::default(), pod], unbound).expect("told")
    }

    #[test]
    fn a_pod_that_no_node_takes_is_told_with_the_schedulers_words() {
        let said = "0/2 nodes are available: 2 Insufficient cpu.";
        let text = told(Trouble::NoNode, Some(said), None);
        assert_eq!(text, format!("no node takes spike-demo-nexus-x: {said}"));
        let text = told(Trouble::NoNode, Some(said), Some("the claim has no class"));
        assert_eq!(text, "no node takes spike-demo-nexus-x: the claim has no class");
        assert!(told(Trouble::NoNode, None, None).ends_with("see its events"));
    }

    #[test]
    fn an_image_that_cannot_be_had_and_one_that_is_none_are_two_things() {
        let text = told(Trouble::NoImage, None, None);
        assert_eq!(text, "the node of spike-demo-nexus-x doesn't get the image registry/spike:1");
        let text = told(Trouble::BadImage, None, None);
        assert!(text.contains("registry/spike:1 is no image's name; mend spec.image"), "{text}");
    }

    #[test]
    fn a_keeper_has_no_volume_to_wait_for() {
        let keeper = PodLook {
            name: "k".to_owned(),
            component: "keeper".to_owned(),
            trouble: Some(Trouble::NoNode),
            message: Some("too few nodes".to_owned()),
            ..PodLook::default()
        };
        let text = of(&[keeper], Some("the claim has no class")).expect("told");
        assert_eq!(text, "no node takes k: too few nodes");
    }
}
