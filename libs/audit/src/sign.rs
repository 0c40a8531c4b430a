//! Ed25519 over heads (RFC 8032). The seed comes from the key ring and is never written.

use std::{collections::BTreeMap, fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::line::Line;

/// Signs heads under one key of the ring.
pub(crate) struct Signer {
    key_id: u32,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(crate) fn new(key_id: u32, seed: &Zeroizing<[u8; 32]>) -> Self {
        Self { key_id, pair: pair(seed) }
    }

    /// The key that its signatures are checked with.
    pub(crate) fn public(&self) -> (u32, [u8; 32]) {
        (self.key_id, public_of(&self.pair))
    }

    /// Puts key id and signature into a head.
    pub(crate) fn sign(&self, head: &mut Line<'_>) {
        let signature = self.pair.sign(&head.signed_message());
        head.key_id = Some(self.key_id);
        head.sig = Some(hex::encode(signature.as_ref()).into());
    }
}

fn pair(seed: &[u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed")
}

/// The public key of a seed: what a verifier needs.
pub fn public_key(seed: &Zeroizing<[u8; 32]>) -> [u8; 32] {
    public_of(&pair(seed))
}

fn public_of(pair: &Ed25519KeyPair) -> [u8; 32] {
    pair.public_key().as_ref().try_into().expect("an Ed25519 public key has 32 bytes")
}

/// The public keys that sign heads, by key id; retired ones too.
///
/// Its text form is `ID:HEX`, several separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(BTreeMap<u32, [u8; 32]>);

/// A text that is not [`PublicKeys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit keys are written ID:HEX with 64 hex digits, several separated by commas")]
pub struct InvalidKeys;

impl PublicKeys {
    /// Adds a key.
    pub fn insert(&mut self, id: u32, key: [u8; 32]) {
        self.0.insert(id, key);
    }

    /// True if there is none: then no signature is checked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the head's signature is right; `None` if its key isn't here.
    pub(crate) fn check(&self, head: &Line<'_>) -> Option<bool> {
        let key = self.0.get(&head.key_id?)?;
        let signature = head.sig.as_deref().and_then(|sig| hex::decode(sig).ok());
        Some(signature.is_some_and(|signature| {
            UnparsedPublicKey::new(&ED25519, key).verify(&head.signed_message(), &signature).is_ok()
        }))
    }
}

impl FromIterator<(u32, [u8; 32])> for PublicKeys {
    fn from_iter<I: IntoIterator<Item = (u32, [u8; 32])>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl fmt::Display for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (id, key)) in self.0.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            write!(f, "{comma}{id}:{}", hex::encode(key))?;
        }
        Ok(())
    }
}

impl FromStr for PublicKeys {
    type Err = InvalidKeys;

    fn from_str(text: &str) -> Result<Self, InvalidKeys> {
        let one = |text: &str| {
            let (id, key) = text.trim().split_once(':')?;
            let mut bytes = [0; 32];
            hex::decode_to_slice(key, &mut bytes).ok()?;
            Some((id.parse().ok()?, bytes))
        };
        text.split(',').map(|text| one(text).ok_or(InvalidKeys)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_their_text_form() {
        let text = format!("1:{}, 7:{}", "00".repeat(32), "ff".repeat(32));
        let keys: PublicKeys = text.parse().expect("valid");
        assert_eq!(keys, [(1, [0; 32]), (7, [0xff; 32])].into_iter().collect());
        assert_eq!(keys.to_string(), text.replace(' ', ""));
        for bad in ["", "1", "1:ff", "x:00", ",", "1:zz"] {
            assert_eq!(bad.parse::<PublicKeys>(), Err(InvalidKeys), "{bad}");
        }
    }

    #[test]
    fn the_public_key_is_that_of_rfc_8032() {
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            &mut *seed,
        )
        .expect("hex");
        assert_eq!(
            hex::encode(public_key(&seed)),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        );
    }
}
