//! What Kubernetes says of pods. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use spike_cli::{CliError, Exit};
use spike_core::Role;
use spike_crds::names::{Names, Part, label};

/// What is known of a pod without asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It can't be spoken to.
    Away,
    /// It runs and does not serve: a Nexus is sealed, a Keeper empty.
    Running,
    /// It serves.
    Ready,
}

/// How a pod stands.
pub(crate) fn standing(pod: &Pod) -> Standing {
    if pod.metadata.deletion_timestamp.is_some() || started_at(pod).is_none() {
        return Standing::Away;
    }
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = |all: &Vec<_>| {
        all.iter().any(|c: &k8s_openapi::api::core::v1::PodCondition| {
            c.type_ == "Ready" && c.status == "True"
        })
    };
    if conditions.is_some_and(ready) { Standing::Ready } else { Standing::Running }
}

/// True if it is of a part.
pub(crate) fn is_of(pod: &Pod, part: Part) -> bool {
    pod.labels().get(label::COMPONENT).is_some_and(|component| *component == part.to_string())
}

/// Its only container.
pub(crate) fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

fn started_at(pod: &Pod) -> Option<Timestamp> {
    let running = container(pod)?.state.as_ref()?.running.as_ref()?;
    Some(running.started_at.as_ref().map_or(Timestamp::MIN, |time| time.0))
}

/// Why it is away, in Kubernetes' words.
pub(crate) fn trouble(pod: &Pod) -> String {
    if pod.metadata.deletion_timestamp.is_some() {
        return "terminating".to_owned();
    }
    let state = container(pod).and_then(|container| container.state.as_ref());
    let waiting = state.and_then(|state| state.waiting.as_ref()?.reason.clone());
    let ended = state.and_then(|state| state.terminated.as_ref()?.reason.clone());
    let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
    waiting.or(ended).or(phase).unwrap_or_else(|| "unknown".to_owned())
}

/// The Nexus pod to speak to for the length of a command: the wished one, or the first by name that
/// serves. What puts a root key back goes to one that runs, and rather to one that has none.
pub(crate) fn pinned(
    pods: &[Pod],
    wished: Option<&str>,
    role: Role,
    names: &Names,
) -> Result<String, CliError> {
    let restores = role == Role::Restore;
    let mut pods: Vec<_> = pods.iter().map(|pod| (standing(pod), pod.name_any())).collect();
    pods.sort_by(|(_, a), (_, b)| a.cmp(b));
    if let Some(wished) = wished {
        return match pods.iter().find(|(_, name)| name == wished) {
            Some((Standing::Away, _)) => Err(unreachable(&format!("pod {wished} does not run"))),
            Some((_, name)) => Ok(name.clone()),
            None => Err(stranger(wished, &pods, names)),
        };
    }
    let order =
        if restores { &[Standing::Running, Standing::Ready][..] } else { &[Standing::Ready] };
    let found = order.iter().find_map(|wanted| pods.iter().find(|(is, _)| is == wanted));
    if let Some((_, name)) = found {
        return Ok(name.clone());
    }
    let instance = names.instance();
    let running = pods.iter().any(|(is, _)| *is == Standing::Running);
    Err(unreachable(&match (pods.is_empty(), running) {
        (true, _) => format!("{instance} has no Nexus pod"),
        (_, true) => format!("no Nexus pod of {instance} is unsealed and ready"),
        (_, false) => format!("no Nexus pod of {instance} runs"),
    }))
}

fn unreachable(what: &str) -> CliError {
    let next = "`kubectl spike status` says what the cluster waits for and what helps.";
    CliError::new(Exit::Unavailable, what, next)
}

fn stranger(wished: &str, pods: &[(Standing, String)], names: &Names) -> CliError {
    let known: Vec<_> = pods.iter().map(|(_, name)| name.as_str()).collect();
    CliError::new(
        Exit::Missing,
        format!("{wished} is no Nexus pod of {}", names.instance()),
        format!("There are: {}.", known.join(", ")),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    pub(crate) fn pod(name: &str, state: &Value, ready: bool) -> Pod {
        from_value(json!({
            "metadata": {"name": name},
            "spec": {"nodeName": "node-1", "containers": []},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
                "containerStatuses": [{
                    "name": "x", "image": "i", "imageID": "", "ready": ready, "restartCount": 0,
                    "state": state,
                }],
            },
        }))
        .expect("a pod")
    }

    pub(crate) fn running() -> Value {
        json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}})
    }

    fn names() -> Names {
        Names { namespace: "team".to_owned(), cluster: "demo".to_owned() }
    }

    fn told(pods: &[Pod], wished: Option<&str>, role: Role) -> String {
        pinned(pods, wished, role, &names()).expect_err("none").to_string()
    }

    #[test]
    fn commands_go_to_a_nexus_that_serves_and_a_restore_to_one_that_is_sealed() {
        let sealed = || pod("nexus-a", &running(), false);
        let serving = || pod("nexus-b", &running(), true);
        let pods = [serving(), sealed()];
        let pin = |pods: &[Pod], role| pinned(pods, None, role, &names()).expect("one");
        assert_eq!(pin(&pods, Role::Superuser), "nexus-b");
        assert_eq!(pin(&pods, Role::Recover), "nexus-b");
        assert_eq!(pin(&pods, Role::Restore), "nexus-a");
        assert_eq!(pin(&[serving()], Role::Restore), "nexus-b", "which says that it has its key");
        let two = [pod("nexus-z", &running(), false), sealed()];
        assert_eq!(pin(&two, Role::Restore), "nexus-a", "the same for every custodian");
    }

    #[test]
    fn what_is_missing_is_said() {
        let crashing = pod("nexus-a", &json!({"waiting": {"reason": "CrashLoopBackOff"}}), false);
        assert_eq!(trouble(&crashing), "CrashLoopBackOff");
        assert_eq!(told(&[], None, Role::Superuser), "team/demo has no Nexus pod");
        assert_eq!(told(&[crashing], None, Role::Restore), "no Nexus pod of team/demo runs");
        let sealed = pod("nexus-a", &running(), false);
        let text = told(&[sealed], None, Role::Superuser);
        assert_eq!(text, "no Nexus pod of team/demo is unsealed and ready");
    }

    #[test]
    fn a_wish_is_heard_if_it_is_one_of_ours() {
        let pods = [pod("nexus-a", &running(), true), pod("nexus-b", &running(), false)];
        let wished = pinned(&pods, Some("nexus-b"), Role::Superuser, &names());
        assert_eq!(wished.expect("it runs"), "nexus-b", "sealed or not");
        let text = told(&pods, Some("web-1"), Role::Superuser);
        assert_eq!(text, "web-1 is no Nexus pod of team/demo");
    }
}
