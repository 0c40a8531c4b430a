//! A step that was tried and not done, in words that people are shown.

use spike_core::cause::printable;

use super::words;
use crate::{error::Error, plan::Stall};

/// As much of somebody else's words as a condition has room for.
const MOST: usize = 1024;

/// After so many times of being changed back it won't end by itself.
const LONG: u32 = 4;

/// Why the step wasn't done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A reason for machines.
    pub(super) reason: &'static str,
    /// Whoever refused it, in their words.
    pub(super) message: String,
    /// Trying again alone won't help.
    pub(super) stalls: bool,
}

impl Failure {
    /// Nothing where somebody was faster: there is something new to look at.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        let (reason, stalls) = match error {
            Error::Raced { .. } => return None,
            Error::Foreign(what) => {
                let stall = Stall::ForeignObject(what.clone());
                let (reason, message) =
                    (words::reason_of_stall(&stall), words::of_stall(&stall, None));
                return Some(Self { reason, message, stalls: true });
            }
            Error::Contested { times, .. } => ("ApplyContested", *times > LONG),
            error if error.is_refusal() => ("ApplyRefused", true),
            _ => ("ApplyFailed", false),
        };
        let text = match error {
            // Its Display repeats the whole answer.
            Error::Kubernetes { what, source: kube::Error::Api(said) } => {
                format!("{what}: {}", said.message)
            }
            error => error.to_string(),
        };
        Some(Self { reason, message: printable(&text, MOST), stalls })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kube::core::Status;

    use super::*;

    /// What is told of such an answer.
    fn told(code: u16, message: &str) -> Option<Failure> {
        let said = Status::failure(message, "Because").with_code(code);
        let error = Error::kubernetes("apply Deployment/x")(kube::Error::Api(said.boxed()));
        Failure::of(&error)
    }

    #[test]
    fn what_no_repetition_helps_against_stalls() {
        let refused = told(422, "a b is no label").expect("told");
        assert_eq!((refused.reason, refused.stalls), ("ApplyRefused", true));
        assert_eq!(refused.message, "apply Deployment/x: a b is no label");
        let failed = told(500, "duplicate entries").expect("told");
        assert_eq!((failed.reason, failed.stalls), ("ApplyFailed", false));
        let foreign = Failure::of(&Error::Foreign("Job/x".to_owned())).expect("told");
        assert_eq!((foreign.reason, foreign.stalls), ("ForeignObject", true));
        assert!(foreign.message.starts_with("Job/x is somebody else's"), "{}", foreign.message);
    }

    #[test]
    fn what_is_changed_back_for_long_needs_people() {
        let after = |times| {
            let what = "Deployment/x: spec.replicas".to_owned();
            Failure::of(&Error::Contested { what, times, rest: Duration::ZERO }).expect("told")
        };
        assert_eq!((after(3).reason, after(3).stalls), ("ApplyContested", false));
        assert!(after(5).stalls && after(5).message.starts_with("Deployment/x: spec.replicas is"));
    }

    #[test]
    fn a_race_is_no_failure() {
        assert_eq!(told(409, "it changed"), None);
    }

    #[test]
    fn others_words_are_one_short_line() {
        let long = format!("\u{1b}]0;x\u{7}\n{}", "y".repeat(5000));
        let message = told(422, &long).expect("told").message;
        assert!(!message.contains(char::is_control), "{message:?}");
        assert_eq!(message.chars().count(), MOST);
    }

    #[test]
    fn whatever_refuses_people_are_told_what_helps() {
        for (failure, condition) in [(told(422, ""), "Stalled"), (told(500, ""), "Reconciling")] {
            let reason = failure.expect("told").reason;
            let remedy = spike_crds::remedies::remedy(condition, "True", reason);
            assert!(remedy.is_some(), "{reason}");
        }
    }
}
