//! Which JSON fits which type, by the rules of Go's `json.Unmarshal`.

use std::collections::BTreeMap;

use super::{BadJson, ErrorCode, Reader};

/// A value that can be read from JSON into what is already there.
///
/// Reading *into* is what Go does: with a duplicate key an object adds to the map that the first
/// one made, and `null` leaves a number or a text as it is.
pub trait Decode: Default {
    /// Takes one JSON value.
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson>;
}

/// True if Go takes `key` for the field called `name`, which is ASCII.
///
/// Go folds by Unicode: two characters outside ASCII fold to a letter.
pub(super) fn names(key: &str, name: &str) -> bool {
    let folded = key.chars().map(|c| match c {
        '\u{17f}' => 's',  // ſ, LATIN SMALL LETTER LONG S
        '\u{212a}' => 'k', // K, KELVIN SIGN
        c => c.to_ascii_lowercase(),
    });
    folded.eq(name.chars().map(|c| c.to_ascii_lowercase()))
}

/// A message: a struct with the names its fields have in JSON, and what serde needs to write it.
macro_rules! message {
    (
        $(#[$meta:meta])*
        $name:ident {$($(#[$field_meta:meta])* $key:literal $field:ident: $type:ty,)*}
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $name {
            $($(#[$field_meta])* #[serde(rename = $key)] pub $field: $type,)*
        }

        impl $crate::wire::Decode for $name {
            fn assign(
                &mut self,
                json: &mut $crate::wire::Reader<'_>,
            ) -> Result<(), $crate::wire::BadJson> {
                if json.null()? {
                    return Ok(());
                }
                json.object(|key, json| {
                    $(if $crate::wire::decode::names(key, $key) {
                        return $crate::wire::Decode::assign(&mut self.$field, json);
                    })*
                    let _ = key;
                    json.skip()
                })
            }
        }
    };
}
pub(super) use message;

impl Decode for bool {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if !json.null()? {
            *self = json.boolean()?;
        }
        Ok(())
    }
}

macro_rules! integer {
    ($($type:ident: $range:literal,)*) => {$(
        impl Decode for $type {
            fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
                if !json.null()? {
                    let refused = json.expected($range);
                    *self = json.number()?.parse().map_err(|_| refused)?;
                }
                Ok(())
            }
        }
    )*};
}

integer! {
    u8: "an integer from 0 to 255",
    i64: "an integer of 64 bits",
}

impl Decode for String {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if !json.null()? {
            *self = std::mem::take(&mut *json.string()?);
        }
        Ok(())
    }
}

/// An empty text is no error.
impl Decode for Option<ErrorCode> {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if !json.null()? {
            let code = json.string()?;
            *self = (!code.is_empty()).then(|| code.as_str().into());
        }
        Ok(())
    }
}

/// What is a pointer, a slice or a map in Go: `null` takes the value away.
impl<T: Decode> Decode for Option<T> {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if json.null()? {
            *self = None;
            return Ok(());
        }
        self.get_or_insert_default().assign(json)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if json.null()? {
            self.clear();
            return Ok(());
        }
        let mut count = 0;
        json.array(|json| {
            count += 1;
            if count > self.len() {
                self.push(T::default());
            }
            self.get_mut(count - 1).expect("pushed if it was missing").assign(json)
        })?;
        self.truncate(count);
        Ok(())
    }
}

/// The key of a map.
pub trait Key: Ord + Sized {
    /// Reads a key, as Go reads one of its type.
    fn read(key: &str) -> Option<Self>;
}

impl Key for String {
    fn read(key: &str) -> Option<Self> {
        Some(key.to_owned())
    }
}

impl Key for i64 {
    fn read(key: &str) -> Option<Self> {
        key.parse().ok()
    }
}

impl<K: Key, T: Decode> Decode for BTreeMap<K, T> {
    fn assign(&mut self, json: &mut Reader<'_>) -> Result<(), BadJson> {
        if json.null()? {
            self.clear();
            return Ok(());
        }
        json.object(|key, json| {
            let key = K::read(key).ok_or_else(|| json.expected("an integer as key"))?;
            let mut value = T::default();
            value.assign(json)?;
            self.insert(key, value);
            Ok(())
        })
    }
}
