//! What a step makes of what was seen: whoever reads events wants to know what happened to the cluster.

use std::fmt::{self, Display};

use super::words;
use crate::{
    build::Kind,
    names::{Names, Part},
    observe::{Live, changed, missing},
    plan::{Hold, Observed, Step, Wish},
};

/// How many objects a sentence names.
const NAMED: usize = 3;

/// What is told of a step that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    /// The sentence.
    pub(crate) note: String,
    /// One word for it. Of events that differ in nothing but the sentence only the first is kept.
    pub(crate) action: String,
    /// The object that was put right, or the first of several.
    pub(crate) about: Option<(Kind, String)>,
}

/// What is told of a step, `None` of one that only waits.
pub(crate) fn deed(
    names: &Names,
    live: &Live,
    seen: &Observed,
    wish: &Wish,
    step: &Step,
) -> Option<Deed> {
    let name = step.writes()?;
    let healed = match step {
        Step::ApplyBase => base(live, seen),
        Step::ApplyKeepers { replicas, template } => keepers(names, seen, *replicas, *template),
        Step::ApplyNexus { peers } => nexus(names, seen, wish, *peers),
        _ => None,
    };
    Some(healed.unwrap_or_else(|| Deed {
        note: words::sentence(step),
        action: name.to_owned(),
        about: None,
    }))
}

/// Where nothing is there yet, nothing happened to it.
fn base(live: &Live, seen: &Observed) -> Option<Deed> {
    let nothing = live.spare.is_empty() && live.base.iter().all(|(_, there)| there.is_none());
    if nothing && !seen.ring_was_seen {
        return None;
    }
    let (missing, changed) = (missing(live), changed(live));
    let spare: Vec<_> =
        live.spare.iter().map(|(kind, name, _)| format!("{}/{name}", kind.name())).collect();
    let parts = [
        told(&missing, ("was", "were"), "missing: made anew"),
        told(&changed, ("was", "were"), "not as the spec asks: put right"),
        told(&spare, ("is", "are"), "no longer asked for: deleted"),
    ];
    let about = missing.first().or(changed.first());
    let about = about.map(|object| (object.kind, object.name.clone()));
    Some(Deed {
        note: parts.into_iter().flatten().collect::<Vec<_>>().join("; "),
        action: "Heal".to_owned(),
        about: about.or_else(|| live.spare.first().map(|(kind, name, _)| (*kind, name.clone()))),
    })
}

fn told<T: Display>(what: &[T], (one, many): (&str, &str), how: &str) -> Option<String> {
    let verb = if what.len() == 1 { one } else { many };
    (!what.is_empty()).then(|| format!("{} {verb} {how}", First(what)))
}

/// The first of several, and how many more there are.
struct First<'a, T>(&'a [T]);

impl<T: Display> Display for First<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, one) in self.0.iter().take(NAMED).enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{one}")?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn keepers(names: &Names, seen: &Observed, replicas: u8, template: Hold) -> Option<Deed> {
    let about = (Kind::StatefulSet, names.part(Part::Keeper));
    let Some(set) = &seen.keepers else { return gone(seen, about) };
    if template == Hold::Wished {
        return None;
    }
    if set.scaled && set.replicas != replicas {
        return Some(scaled(about, set.replicas.into(), replicas.into()));
    }
    (set.replicas == replicas && set.drifted).then(|| drifted(about))
}

fn nexus(names: &Names, seen: &Observed, wish: &Wish, peers: u8) -> Option<Deed> {
    let about = (Kind::Deployment, names.part(Part::Nexus));
    let Some(present) = &seen.nexus else { return gone(seen, about) };
    if present.template != wish.nexus_template || present.peers != peers {
        return None;
    }
    match wish.replicas {
        Some(wished) if wished != present.replicas => Some(scaled(about, present.replicas, wished)),
        _ => present.drifted.then(|| drifted(about)),
    }
}

/// A workload isn't there, and it was once: there is a root key.
fn gone(seen: &Observed, about: (Kind, String)) -> Option<Deed> {
    seen.ring_was_seen.then(|| healed(about, "was missing: made anew"))
}

fn drifted(about: (Kind, String)) -> Deed {
    healed(about, "was not as this operator makes it: put right")
}

/// With an action of its own for each pair of numbers: another hand's is another event.
fn scaled(about: (Kind, String), from: u16, to: u16) -> Deed {
    let what = format!("had {from} replicas: put to {to}");
    Deed { action: format!("Scale{from}To{to}"), ..healed(about, &what) }
}

fn healed(about: (Kind, String), what: &str) -> Deed {
    let (kind, name) = &about;
    Deed {
        note: format!("{}/{name} {what}", kind.name()),
        action: "Heal".to_owned(),
        about: Some(about),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        build::Object,
        plan::{healthy, wish},
    };

    fn names() -> Names {
        Names { namespace: "team".to_owned(), cluster: "demo".to_owned() }
    }

    /// What is told of a step in a cluster that is well but for these.
    fn of(live: &Live, seen: &Observed, step: &Step) -> Deed {
        deed(&names(), live, seen, &wish(), step).expect("it writes")
    }

    fn service(name: &str, there: Option<Value>) -> (Object, Option<Value>) {
        let manifest = json!({"spec": {"port": 1}});
        (Object { kind: Kind::Service, name: name.to_owned(), manifest }, there)
    }

    fn keepers(replicas: u8) -> Step {
        Step::ApplyKeepers { replicas, template: Hold::Present }
    }

    #[test]
    fn what_was_missing_or_changed_is_named() {
        let right = || Some(json!({"spec": {"port": 1}}));
        let other = Some(json!({"spec": {"port": 2}}));
        let base = vec![service("a", None), service("b", right()), service("c", other)];
        let spare = vec![(Kind::Job, "d".to_owned(), "uid".to_owned())];
        let live = Live { base, spare, ..Live::default() };
        let told = of(&live, &healthy(), &Step::ApplyBase);
        let parts: Vec<_> = told.note.split("; ").collect();
        assert_eq!(
            parts,
            [
                "Service/a was missing: made anew",
                "Service/c was not as the spec asks: put right",
                "Job/d is no longer asked for: deleted",
            ]
        );
        assert_eq!(told.about, Some((Kind::Service, "a".to_owned())));
    }

    #[test]
    fn of_many_the_first_are_named() {
        let lost = ["a", "b", "c", "d", "e"].map(|name| service(name, None));
        let base = lost.into_iter().chain([service("f", Some(json!({"spec": {"port": 1}})))]);
        let live = Live { base: base.collect(), ..Live::default() };
        let told = of(&live, &healthy(), &Step::ApplyBase);
        let note = "Service/a, Service/b, Service/c and 2 more were missing: made anew";
        assert_eq!(told.note, note);
    }

    #[test]
    fn what_is_made_for_the_first_time_was_not_missing() {
        let live = Live { base: vec![service("a", None)], ..Live::default() };
        let mut new = healthy();
        (new.ring_was_seen, new.keepers, new.nexus) = (false, None, None);
        for step in [Step::ApplyBase, keepers(3), Step::ApplyNexus { peers: 3 }] {
            let told = of(&live, &new, &step);
            assert!(told.note.starts_with("wrote ") && told.about.is_none(), "{told:?}");
        }
    }

    #[test]
    fn workloads_are_told_with_what_they_were() {
        let (live, mut seen) = (Live::default(), healthy());
        let set = seen.keepers.as_mut().expect("there");
        (set.replicas, set.scaled) = (2, true);
        let told = of(&live, &seen, &keepers(3));
        assert_eq!(told.note, "StatefulSet/spike-demo-keeper had 2 replicas: put to 3");
        assert_eq!(told.action, "Scale2To3");
        seen.keepers = None;
        let told = of(&live, &seen, &keepers(3));
        assert_eq!(told.note, "StatefulSet/spike-demo-keeper was missing: made anew");

        let step = Step::ApplyNexus { peers: 3 };
        seen.nexus.as_mut().expect("there").drifted = true;
        let note = of(&live, &seen, &step).note;
        assert!(note.starts_with("Deployment/spike-demo-nexus was not as this"), "{note}");
        seen.nexus.as_mut().expect("there").replicas = 1;
        let note = of(&live, &seen, &step).note;
        assert_eq!(note, "Deployment/spike-demo-nexus had 1 replicas: put to 2");
        seen.nexus = None;
        let note = of(&live, &seen, &step).note;
        assert_eq!(note, "Deployment/spike-demo-nexus was missing: made anew");
    }
}
