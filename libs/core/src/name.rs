//! Names that people give: to policies and to the values of a secret.

/// The longest name, in bytes. SPIKE's limit.
pub const MAX_LEN: usize = 250;

/// A text that is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_LEN} letters, digits, dashes, underscores and blanks")]
pub struct InvalidName;

/// Checks a name: `^[a-zA-Z0-9-_ ]+$`, at most [`MAX_LEN`].
///
/// # Source
///
/// `ValidateName` of `spike-sdk-go` v0.19.9.
pub fn check(text: &str) -> Result<(), InvalidName> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_ ".contains(&b);
    if (1..=MAX_LEN).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(InvalidName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spikes() {
        for good in ["a", "Name 123", "----", "    ", &"a".repeat(250)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "a/b", "a.b", "a@b", "ä", "a\n", &"a".repeat(251)] {
            assert_eq!(check(bad), Err(InvalidName), "{bad}");
        }
    }
}
