//! A pod, as far as anything depends on it: hundreds of bytes, of the thousands that it has.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};

use crate::{
    hash::Digest,
    names::{annotation, label},
};

/// Why a container that doesn't run won't soon, by the kubelet's word. Several words may take turns:
/// what is told of them stays the same.
const BROKEN: [(&str, Trouble); 8] = [
    ("CrashLoopBackOff", Trouble::Ends),
    ("RunContainerError", Trouble::Ends),
    ("CreateContainerConfigError", Trouble::Lacks),
    ("CreateContainerError", Trouble::Lacks),
    ("ErrImageNeverPull", Trouble::NoImage),
    ("ErrImagePull", Trouble::NoImage),
    ("ImagePullBackOff", Trouble::NoImage),
    ("InvalidImageName", Trouble::BadImage),
];

/// How many characters of a program's last words are kept: a sentence.
const MOST_WORDS: usize = 200;

/// The same of what the scheduler says, which has a reason for each node.
const MOST_REASONS: usize = 400;

/// Why a pod doesn't come up by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its program keeps ending, or can't be started.
    Ends,
    /// A Secret, `ConfigMap` or volume that it needs isn't there.
    Lacks,
    /// Its node doesn't get the image.
    NoImage,
    /// What it names is no image.
    BadImage,
    /// No node takes it.
    NoNode,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodLook {
    /// Its name.
    pub name: String,
    /// Which of several that had this name.
    pub uid: String,
    /// What it is part of, as its label says.
    pub component: String,
    /// The account that it runs under.
    pub account: String,
    /// Its address, once it has one.
    pub address: Option<String>,
    /// The node it was given to.
    pub node: Option<String>,
    /// What it runs.
    pub image: Option<String>,
    /// The template that it was made from.
    pub template: Digest,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it should be gone, if it should.
    pub due: Option<Timestamp>,
    /// It finds itself ready.
    pub ready: bool,
    /// Since when it doesn't.
    pub unready_since: Option<Timestamp>,
    /// Since when its container runs.
    pub running_since: Option<Timestamp>,
    /// Its container has run and ended for good.
    pub ended: bool,
    /// Its container is being made: volumes, Secrets, the image.
    pub prepares: bool,
    /// Why it doesn't come up, if it certainly doesn't.
    pub trouble: Option<Trouble>,
    /// The same in the kubelet's words, or the scheduler's.
    pub message: Option<String>,
    /// What its program said last, if it failed.
    pub words: Option<String>,
}

impl PodLook {
    /// Its container can't be made or doesn't stay.
    pub(crate) fn is_broken(&self) -> bool {
        self.trouble.is_some_and(|trouble| trouble != Trouble::NoNode)
    }
}

impl From<&Pod> for PodLook {
    fn from(pod: &Pod) -> Self {
        let (metadata, spec) = (&pod.metadata, pod.spec.as_ref());
        let label = |key| metadata.labels.as_ref()?.get(key).cloned();
        let annotation = |key| metadata.annotations.as_ref()?.get(key).map(String::as_str);
        let state = container(pod).and_then(|container| container.state.as_ref());
        let running = state.and_then(|state| state.running.as_ref());
        let waiting = state.and_then(|state| state.waiting.as_ref());
        let word = waiting.and_then(|waiting| waiting.reason.as_deref());
        let broken = BROKEN.iter().find(|(known, _)| Some(*known) == word);
        let ready = conditions(pod).find(|condition| condition.type_ == "Ready");
        let is_ready = ready.is_some_and(|condition| condition.status == "True");
        let since = ready.and_then(|condition| condition.last_transition_time.as_ref());
        let homeless = conditions(pod).find(|condition: &&PodCondition| {
            let reason = condition.reason.as_deref();
            condition.type_ == "PodScheduled" && reason == Some("Unschedulable")
        });
        let reasons = homeless.and_then(|condition| condition.message.as_deref());
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            component: label(label::COMPONENT).unwrap_or_default(),
            account: spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_default(),
            address: pod.status.as_ref().and_then(|status| status.pod_ip.clone()),
            node: spec.and_then(|spec| spec.node_name.clone()),
            image: spec.and_then(|spec| spec.containers.first()?.image.clone()),
            template: Digest::read(annotation(annotation::TEMPLATE).unwrap_or_default()),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            due: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            ready: is_ready,
            unready_since: since.filter(|_| !is_ready).map(|time| time.0),
            running_since: running
                .map(|run| run.started_at.as_ref().map_or(Timestamp::MIN, |time| time.0)),
            ended: state.is_some_and(|state| state.terminated.is_some()),
            prepares: word == Some("ContainerCreating"),
            trouble: homeless.map(|_| Trouble::NoNode).or(broken.map(|(_, trouble)| *trouble)),
            message: reasons
                .map(|text| one_line(text, MOST_REASONS))
                .or_else(|| waiting?.message.clone()),
            words: container(pod).and_then(last_words),
        }
    }
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

/// Why a program says that it failed: its last line but those of its log and its audit, which are JSON and
/// not for everybody. It is quoted where people look, and anybody may have caused it: it is short.
fn last_words(container: &ContainerStatus) -> Option<String> {
    let ends = [&container.state, &container.last_state];
    let ended = ends.into_iter().find_map(|state| state.as_ref()?.terminated.as_ref())?;
    let text = ended.message.as_deref().filter(|_| ended.exit_code != 0)?;
    let line =
        text.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with('{'))?;
    let line = line.strip_prefix("Error: ").unwrap_or(line);
    Some(one_line(line, MOST_WORDS))
}

fn one_line(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

fn conditions(pod: &Pod) -> impl Iterator<Item = &PodCondition> {
    pod.status.iter().flat_map(|status| status.conditions.iter().flatten())
}
