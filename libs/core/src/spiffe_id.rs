//! Who is calling.

use std::{fmt, str::FromStr, sync::Arc};

/// The longest SPIFFE ID, in bytes (SPIFFE-ID §2.3).
pub const MAX_LEN: usize = 2048;

/// A SPIFFE ID such as `spiffe://spike.ist/workload/billing`.
///
/// Its form is the stricter of the SPIFFE standard and SPIKE's own check:
/// `^spiffe://[a-zA-Z0-9.-]+(/[a-zA-Z0-9._-]+)*$`, no `.` or `..` segment, at most 2048 bytes.
///
/// # Source
///
/// SPIFFE-ID §2; `spike-sdk-go` v0.19.9.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId(Arc<str>);

/// Why a text is not a [`SpiffeId`]. The text itself is not repeated: it came from a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSpiffeId {
    /// It doesn't start with `spiffe://`.
    #[error("a SPIFFE ID starts with spiffe://")]
    Scheme,
    /// The trust domain is empty or has a character outside `a-z A-Z 0-9 . -`.
    #[error("a trust domain has only letters, digits, dots and dashes")]
    TrustDomain,
    /// A path segment is empty, `.`, `..` or has a character outside `a-z A-Z 0-9 . _ -`.
    #[error("a path segment has only letters, digits, dots, dashes and underscores")]
    Segment,
    /// More than [`MAX_LEN`] bytes.
    #[error("a SPIFFE ID has at most {MAX_LEN} bytes")]
    TooLong,
}

const SCHEME: &str = "spiffe://";

impl SpiffeId {
    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part between `spiffe://` and the first slash.
    pub fn trust_domain(&self) -> &str {
        let rest = self.0.strip_prefix(SCHEME).expect("checked when it was parsed");
        rest.split_once('/').map_or(rest, |(domain, _)| domain)
    }

    /// True for `base` itself and for every ID under `base/`.
    pub fn is_under(&self, base: &str) -> bool {
        self.0.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(raw: &str) -> Result<Self, InvalidSpiffeId> {
        if raw.len() > MAX_LEN {
            return Err(InvalidSpiffeId::TooLong);
        }
        let rest = raw.strip_prefix(SCHEME).ok_or(InvalidSpiffeId::Scheme)?;
        let mut parts = rest.split('/');
        let domain = parts.next().unwrap_or_default();
        if domain.is_empty()
            || !domain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
        {
            return Err(InvalidSpiffeId::TrustDomain);
        }
        if !parts.all(is_segment) {
            return Err(InvalidSpiffeId::Segment);
        }
        Ok(Self(raw.into()))
    }
}

fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_forms_are_refused() {
        for (raw, why) in [
            ("https://spike.ist/x", InvalidSpiffeId::Scheme),
            ("spiffe:///x", InvalidSpiffeId::TrustDomain),
            ("spiffe://spike.ist:443/x", InvalidSpiffeId::TrustDomain),
            ("spiffe://user@spike.ist/x", InvalidSpiffeId::TrustDomain),
            ("spiffe://spike.ist/", InvalidSpiffeId::Segment),
            ("spiffe://spike.ist//x", InvalidSpiffeId::Segment),
            ("spiffe://spike.ist/a/../spike/nexus", InvalidSpiffeId::Segment),
            ("spiffe://spike.ist/a%2fb", InvalidSpiffeId::Segment),
            ("spiffe://spike.ist/a?b", InvalidSpiffeId::Segment),
        ] {
            assert_eq!(raw.parse::<SpiffeId>(), Err(why), "{raw}");
        }
    }

    #[test]
    fn the_parts_are_found() {
        let id: SpiffeId = "spiffe://spike.ist/spike/keeper/a".parse().expect("valid");
        assert_eq!(id.trust_domain(), "spike.ist");
        assert!(id.is_under("spiffe://spike.ist/spike/keeper"));
        assert!(!id.is_under("spiffe://spike.ist/spike/keep"));
    }
}
