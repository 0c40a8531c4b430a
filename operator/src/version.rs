//! Versions, as far as it matters which may follow which.

/// Between versions of which the first leaves and the last comes.
const BETWEEN: &str = " → ";

/// A version without its patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// `1.2.3`, `v1.2.3`, `1.2.3-rc.1`; `None` for anything else, such as `latest`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts = text.splitn(3, '.');
        let (major, minor, patch) = (parts.next()?, parts.next()?, parts.next()?);
        let patch = patch.split(['-', '+']).next().unwrap_or_default();
        patch.parse::<u32>().ok()?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// Whether replicas of both can work side by side: of two minors that follow each other, or of a
    /// major and the first minor of the next.
    pub fn is_next_to(self, other: Self) -> bool {
        let (low, high) = (self.min(other), self.max(other));
        if low.major == high.major {
            high.minor - low.minor <= 1
        } else {
            high.major - low.major == 1 && high.minor == 0
        }
    }
}

/// The versions of several replicas as one text: one, or during a rollout `1.2.3 → 1.3.0`.
pub fn join(versions: impl IntoIterator<Item = String>) -> Option<String> {
    let mut versions: Vec<_> = versions.into_iter().collect();
    versions.sort_by_cached_key(|version| (Version::read(version), version.clone()));
    versions.dedup();
    (!versions.is_empty()).then(|| versions.join(BETWEEN))
}

/// The earliest of what was joined.
pub fn earliest(joined: &str) -> Option<Version> {
    joined.split(BETWEEN).filter_map(Version::read).min()
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::read(text).expect("a version")
    }

    #[test]
    fn tags_are_versions_only_if_they_are_whole_ones() {
        assert_eq!(version("v1.2.3"), version("1.2.9-rc.1"));
        assert_eq!(version("1.2.3").to_string(), "1.2");
        for other in ["latest", "1", "1.2", "1.2.x", "", "sha256"] {
            assert_eq!(Version::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_rollout_goes_from_the_earliest_version_to_the_latest() {
        let join = |versions: &[&str]| join(versions.iter().copied().map(ToOwned::to_owned));
        assert_eq!(join(&["1.10.0", "1.9.3", "1.10.0"]).as_deref(), Some("1.9.3 → 1.10.0"));
        assert_eq!(join(&["1.9.3", "1.9.3"]).as_deref(), Some("1.9.3"));
        assert_eq!(join(&[]), None);
        assert_eq!(earliest("1.9.3 → 1.10.0"), Some(version("1.9.3")));
        assert_eq!(earliest("latest"), None);
    }

    #[test]
    fn a_minor_is_never_skipped_in_either_direction() {
        let beside = |a: &str, b: &str| {
            assert_eq!(version(a).is_next_to(version(b)), version(b).is_next_to(version(a)));
            version(a).is_next_to(version(b))
        };
        assert!(beside("1.2.3", "1.2.0") && beside("1.2.3", "1.3.0") && beside("0.9.1", "1.0.0"));
        assert!(
            !beside("1.2.3", "1.4.0") && !beside("0.9.1", "1.1.0") && !beside("1.0.0", "3.0.0")
        );
    }
}
