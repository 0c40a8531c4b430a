//! The text form of a recovery shard: `spike:<index>:<64 hex digits>`.

use spike_core::{ShareIndex, wire::ShardBytes};
use zeroize::Zeroizing;

/// A recovery shard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecoveryShard {
    /// Its index.
    pub(crate) index: ShareIndex,
    /// The shard.
    pub(crate) bytes: ShardBytes,
}

/// Why a text is not a recovery shard. The text is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAShard {
    /// Not three parts, the first of them `spike`.
    #[error("a recovery shard has the form spike:<index>:<64 hex digits>")]
    Form,
    /// Not a number from 1 to 255.
    #[error("a shard's index is a number from 1 to 255")]
    Index,
    /// Not 64 hex digits.
    #[error("a shard has 64 hex digits")]
    Digits,
}

impl RecoveryShard {
    /// Reads the text form; white space around it doesn't matter.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAShard> {
        let mut parts = text.trim().splitn(3, ':');
        let (Some("spike"), Some(index), Some(digits)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAShard::Form);
        };
        let index = index.parse().ok().and_then(ShareIndex::new).ok_or(NotAShard::Index)?;
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut *bytes).map_err(|_| NotAShard::Digits)?;
        Ok(Self { index, bytes: (*bytes).into() })
    }

    /// The text form.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(self.bytes.as_array()));
        let mut text = Zeroizing::new(String::with_capacity(digits.len() + 16));
        text.extend(["spike:", &self.index.to_string(), ":", &digits]);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_comes_back() {
        let index = ShareIndex::new(7).expect("not zero");
        let shard = RecoveryShard { index, bytes: [0xab; 32].into() };
        assert_eq!(shard.text().as_str(), format!("spike:7:{}", "ab".repeat(32)));
        assert_eq!(RecoveryShard::parse(&format!(" {}\n", *shard.text())), Ok(shard));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let digits = "ab".repeat(32);
        for (text, why) in [
            (String::new(), NotAShard::Form),
            (digits.clone(), NotAShard::Form),
            (format!("vault:1:{digits}"), NotAShard::Form),
            (format!("spike:0:{digits}"), NotAShard::Index),
            (format!("spike:256:{digits}"), NotAShard::Index),
            (format!("spike:1:{}", "ab".repeat(31)), NotAShard::Digits),
            (format!("spike:1:{digits}:2"), NotAShard::Digits),
            (format!("spike:1:{}", "xy".repeat(32)), NotAShard::Digits),
        ] {
            assert_eq!(RecoveryShard::parse(&text), Err(why), "{text}");
        }
    }
}
