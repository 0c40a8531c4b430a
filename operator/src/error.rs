//! Why a reconcile didn't come to its end, by what helps.

use std::time::Duration;

/// Why a reconcile didn't come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The object isn't a `SpikeCluster` that this operator understands: its author must change it.
    #[error("the SpikeCluster can't be read: {0}")]
    Unreadable(String),
    /// Somebody else wrote in between: look again.
    #[error("{what} changed meanwhile")]
    Raced {
        /// What.
        what: String,
    },
    /// An object of our name is somebody else's.
    #[error("{0} is somebody else's")]
    Foreign(String),
    /// What was applied isn't so afterwards, again and again.
    #[error(
        "{what} is changed back each time that it is applied, {times} times by now: by an admission webhook \
         or another manager"
    )]
    Contested {
        /// Which object and field.
        what: String,
        /// How often in a row.
        times: u32,
        /// When it is applied again.
        rest: Duration,
    },
    /// The Kubernetes API failed or refused.
    #[error("{what}: {source}")]
    Kubernetes {
        /// What was asked.
        what: String,
        /// What it said.
        #[source]
        source: kube::Error,
    },
    /// The Kubernetes API, or whoever is asked for it, took too long.
    #[error("no end within {0:?}")]
    Slow(Duration),
    /// No Nexus could be asked.
    #[error("{what}: no Nexus can be asked: {why}")]
    Unasked {
        /// What was to be asked.
        what: &'static str,
        /// Why it wasn't.
        why: String,
    },
    /// A Nexus failed or refused.
    #[error("{what}: {source}")]
    Nexus {
        /// What was asked.
        what: &'static str,
        /// What it said.
        #[source]
        source: spike_client::ClientError,
    },
}

/// What helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Time.
    Transient,
    /// A change of the object.
    Invalid,
}

impl Error {
    /// An error of the Kubernetes API; a conflict is a race.
    pub(crate) fn kubernetes(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        |source| match &source {
            kube::Error::Api(status) if status.code == 409 => Self::Raced { what },
            _ => Self::Kubernetes { what, source },
        }
    }

    /// What helps.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreadable(_) => Class::Invalid,
            _ => Class::Transient,
        }
    }

    /// The Kubernetes API takes no object like this, however often it is asked.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Kubernetes { source: kube::Error::Api(said), .. } if said.code == 422)
    }

    /// How long to leave the Kubernetes API alone at least.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Contested { rest, .. } => *rest,
            Self::Kubernetes { source: kube::Error::Api(status), .. } => {
                let told = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
                Duration::from_secs(told.into())
            }
            _ => Duration::ZERO,
        }
    }

    /// As a label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "invalid",
            Self::Raced { .. } => "raced",
            Self::Foreign(_) => "foreign",
            Self::Contested { .. } => "contested",
            Self::Slow(_) => "slow",
            Self::Kubernetes { .. } => "kubernetes",
            Self::Unasked { .. } | Self::Nexus { .. } => "nexus",
        }
    }
}

/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(2));

/// How long to wait after so many failures in a row; `random` is in 0..1, so that clusters which
/// failed together don't try together.
pub fn pause(failures: u32, random: f64) -> Duration {
    let (first, longest) = PAUSES;
    let exact = first.saturating_mul(1 << failures.min(7)).min(longest);
    exact.mul_f64(0.5 + random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        assert_eq!(pause(0, 1.0), Duration::from_secs(1));
        assert_eq!(pause(3, 1.0), Duration::from_secs(8));
        assert_eq!(pause(u32::MAX, 1.0), Duration::from_mins(2));
        assert!(pause(3, 0.0) < pause(3, 0.9));
    }
}
