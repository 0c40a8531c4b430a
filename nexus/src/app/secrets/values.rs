//! What a secret holds: texts by name.

use std::collections::BTreeMap;

use spike_core::{
    name::{self, InvalidName},
    wire::{self, SecretText},
};
use zeroize::Zeroizing;

/// The texts of a secret, by names that are allowed.
pub(crate) struct Values(pub(crate) BTreeMap<String, SecretText>);

impl Values {
    /// Checks every name.
    pub(crate) fn new(values: BTreeMap<String, SecretText>) -> Result<Self, InvalidName> {
        values.keys().try_for_each(|name| name::check(name)).map(|()| Self(values))
    }

    /// What is sealed.
    pub(crate) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        wire::encode(&self.0)
    }

    /// What was sealed.
    pub(crate) fn from_plaintext(plaintext: &[u8]) -> Result<Self, wire::BadJson> {
        wire::decode(plaintext).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_checked() {
        let odd = BTreeMap::from([("fine".to_owned(), "x".into()), ("a.b".to_owned(), "x".into())]);
        assert!(Values::new(odd).is_err());
    }

    #[test]
    fn what_was_sealed_comes_back() {
        let values = BTreeMap::from([("user".to_owned(), "<root>".into())]);
        let values = Values::new(values).expect("a fine name");
        let back = Values::from_plaintext(&values.to_plaintext()).expect("our own form");
        assert!(back.0 == values.0);
    }
}
