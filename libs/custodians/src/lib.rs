//! The custodians of recovery shards: age public keys, and one age file for each.
//!
//! Nexus encrypts to them; the operator looks at their keys before anything is made.
//!
//! age, because it is what custodians have on their machines: a shard can be read without any
//! program of ours. Nothing here decrypts, and nothing but a recovery shard is ever encrypted.

use std::{fmt, str::FromStr};

use age::{EncryptError, tag, tagpq, x25519};
use spike_seal::Shard;
use zeroize::Zeroizing;

/// A shard's index is one byte.
pub const MOST: usize = 255;

/// One custodian's age public key.
#[derive(Clone)]
pub struct Recipient(Key);

#[derive(Clone)]
enum Key {
    X25519(x25519::Recipient),
    /// A hardware key.
    Tag(tag::Recipient),
    /// A hardware key that quantum computers don't break.
    TagPq(Box<tagpq::Recipient>),
}

/// Why a text is not a custodian's public key. The text is never repeated: it may be a secret that
/// was put in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARecipient {
    /// A secret key.
    #[error("it is a secret key: give its public one (`age-keygen -y` shows it), and make another")]
    Secret,
    /// An SSH key.
    #[error("it is an SSH key: give an age public key, age1…")]
    Ssh,
    /// A key for a plugin.
    #[error("it needs an age plugin, and Nexus runs none: give an age public key, age1…")]
    Plugin,
    /// A public key to which there is no secret one.
    #[error("it is nobody's: no secret key has it as its public half")]
    Nobody,
    /// A typing error, most likely.
    #[error("it is damaged: its checksum is wrong")]
    Damaged,
    /// Anything else.
    #[error("it is no age public key, age1…")]
    Unknown,
}

impl FromStr for Recipient {
    type Err = NotARecipient;

    fn from_str(text: &str) -> Result<Self, NotARecipient> {
        let key = text.parse().map(Key::X25519).or_else(|_| text.parse().map(Key::Tag));
        let key = key.or_else(|_| text.parse().map(|key| Key::TagPq(Box::new(key))));
        let key = key.map_err(|_| why_not(text))?;
        match &key {
            Key::X25519(_) if !is_somebodys(text) => Err(NotARecipient::Nobody),
            _ => Ok(Self(key)),
        }
    }
}

/// False for an X25519 public key that no secret key has: a point of low order, which makes one
/// secret of every exchange and the age library panic, or one written as no key is, for which age
/// makes files that its owner can't open.
fn is_somebodys(text: &str) -> bool {
    let point = bech32::decode(text).ok().and_then(|(_, bytes)| <[u8; 32]>::try_from(bytes).ok());
    point.is_some_and(|point| {
        let is_low = x25519_dalek::x25519([1; 32], point) == [0; 32];
        !is_low && point.last().is_some_and(|last| last >> 7 == 0)
    })
}

fn why_not(text: &str) -> NotARecipient {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("age-secret-key-") || lower.starts_with("age-plugin-") {
        NotARecipient::Secret
    } else if lower.starts_with("ssh-") || lower.starts_with("ecdsa-") {
        NotARecipient::Ssh
    } else if lower.starts_with("age1") {
        // The last 1 ends the name of the kind: age1…, age1tag1…, age1yubikey1….
        match lower.rsplit_once('1').map(|(kind, _)| kind) {
            Some("age" | "age1tag" | "age1tagpq") | None => NotARecipient::Damaged,
            Some(_) => NotARecipient::Plugin,
        }
    } else {
        NotARecipient::Unknown
    }
}

impl Recipient {
    /// An armored age file with the shard in the form that `spike operator restore` takes. Another
    /// one each time.
    ///
    /// The age library keeps a copy of the text in a buffer of its own, which it frees without
    /// wiping it.
    pub fn encrypt(&self, shard: &Shard) -> Result<String, EncryptError> {
        let line = line(shard);
        match &self.0 {
            Key::X25519(key) => age::encrypt_and_armor(key, line.as_bytes()),
            Key::Tag(key) => age::encrypt_and_armor(key, line.as_bytes()),
            Key::TagPq(key) => age::encrypt_and_armor(&**key, line.as_bytes()),
        }
    }
}

/// `spike:<index>:<64 hex digits>` and a line break.
fn line(shard: &Shard) -> Zeroizing<String> {
    let digits = Zeroizing::new(hex::encode(shard.expose()));
    // Never grown, so that no copy is left behind.
    let mut line = Zeroizing::new(String::with_capacity(digits.len() + 16));
    line.extend(["spike:", &shard.index().to_string(), ":", &digits, "\n"]);
    line
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::X25519(key) => key.fmt(f),
            Key::Tag(key) => key.fmt(f),
            Key::TagPq(key) => key.fmt(f),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

/// Different custodians, by the index of their shard; or none.
#[derive(Clone, Debug, Default)]
pub struct Recipients(Vec<Recipient>);

/// What is wrong with a list of custodians. Positions count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecipients {
    /// One of them can't be used.
    #[error("recipient {at}: {why}")]
    Recipient {
        /// Its place.
        at: usize,
        /// What is wrong with it.
        why: NotARecipient,
    },
    /// One custodian would get two shards.
    #[error("recipients {first} and {again} are the same: each shard has its own custodian")]
    Twice {
        /// Where it was first.
        first: usize,
        /// Where it is again.
        again: usize,
    },
    /// Together they couldn't restore anything.
    #[error("{have} recipients are too few: any {need} of them must be able to restore")]
    TooFew {
        /// How many there are.
        have: usize,
        /// The threshold.
        need: u8,
    },
    /// There is no index for the last.
    #[error("{0} recipients are too many: at most {MOST} shards can be made")]
    TooMany(usize),
}

impl Recipients {
    /// Custodians from their public keys, any `threshold` of which restore.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the list.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        threshold: u8,
    ) -> Result<Self, Vec<BadRecipients>> {
        let texts: Vec<&str> = texts.into_iter().collect();
        let have = texts.len();
        // First: how long the rest takes grows with its square.
        if have > MOST {
            return Err(vec![BadRecipients::TooMany(have)]);
        }
        let (mut problems, mut found) = (Vec::new(), Vec::new());
        let mut names: Vec<(usize, String)> = Vec::new();
        for (text, at) in texts.into_iter().zip(1..) {
            match text.parse::<Recipient>() {
                Err(why) => problems.push(BadRecipients::Recipient { at, why }),
                Ok(recipient) => {
                    let name = recipient.to_string();
                    match names.iter().find(|(_, other)| *other == name) {
                        Some(&(first, _)) => {
                            problems.push(BadRecipients::Twice { first, again: at });
                        }
                        None => names.push((at, name)),
                    }
                    found.push(recipient);
                }
            }
        }
        if have < usize::from(threshold) {
            problems.push(BadRecipients::TooFew { have, need: threshold });
        }
        if problems.is_empty() { Ok(Self(found)) } else { Err(problems) }
    }

    /// True if nothing is to be encrypted to anyone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> u8 {
        u8::try_from(self.0.len()).expect("checked when they were read")
    }

    /// Each as it is written.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// The entries of a list as people write it: between commas or line breaks, without blank ones and
/// without lines that begin with `#`, as in age's own files of recipients.
pub fn entries(list: &str) -> impl Iterator<Item = &str> {
    let lines = list.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests;
