//! `-v` of the commands that take versions.

use std::str::FromStr;

use spike_core::{SecretPath, Version};

use crate::explain::Doing;

/// A version, or the current one (0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Which(pub(crate) Option<Version>);

impl Which {
    /// What is done to this version. If it is one by number, the secret may well be there without
    /// it.
    pub(super) fn of(self, verb: &'static str, path: &SecretPath) -> Doing {
        match self.0 {
            None => Doing::new(verb, format!("secret {path}")),
            Some(number) => Doing::new(verb, format!("version {number} of secret {path}")).missing(
                "it is deleted or pruned, or never was",
                format!("`spike secret metadata get {path}` shows which there are."),
            ),
        }
    }
}

/// A text that is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is a whole number; 0 is the current one")]
pub(crate) struct NotAVersion;

impl FromStr for Which {
    type Err = NotAVersion;

    fn from_str(raw: &str) -> Result<Self, NotAVersion> {
        raw.trim().parse().map(|number| Self(Version::new(number))).map_err(|_| NotAVersion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_current_version() {
        assert_eq!("0".parse(), Ok(Which(None)));
        assert_eq!(" 7".parse(), Ok(Which(Version::new(7))));
        for raw in ["", "-1", "x", "1.5", "99999999999999999999"] {
            assert_eq!(raw.parse::<Which>(), Err(NotAVersion), "{raw}");
        }
    }
}
