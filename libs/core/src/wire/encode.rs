//! Writes JSON as Go's `json.Marshal` does.

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};
use zeroize::Zeroizing;

use super::buffer::Buffer;

/// A message that can be written. Implemented by whatever serde can serialize.
pub trait Encode: Serialize {}

impl<T: Serialize> Encode for T {}

pub(super) fn to_go_json<T: Serialize>(message: &T) -> Zeroizing<Vec<u8>> {
    let mut buffer = Buffer::default();
    message
        .serialize(&mut Serializer::with_formatter(&mut buffer, GoFormatter))
        .expect("a buffer takes every byte and every message has text keys");
    buffer.into_bytes()
}

/// `serde_json`'s compact form with Go's additional escapes, meant to keep JSON inert inside HTML
/// and JavaScript.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(needs_escape) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(c) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

const fn needs_escape(c: char) -> bool {
    matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}
