//! What goes over the wire: SPIKE's protocol ([`v1`]) and our own ([`v2`]).
//!
//! SPIKE is written in Go, and its clients rely on what Go's `encoding/json` does: [`decode()`] and
//! [`encode()`] do the same, to the byte. The types carry what was sent and nothing more: a field is
//! parsed into a domain type by whoever uses it, so that an answer can be chosen per field.
//!
//! Secrets are decoded straight into buffers that wipe themselves, and encoded into one.

mod buffer;
mod decode;
mod encode;
mod error_code;
mod reader;
mod value;

pub mod v1;
pub mod v2;

use zeroize::Zeroizing;

pub use buffer::Buffer;
pub use decode::Decode;
pub use encode::Encode;
pub use error_code::ErrorCode;
pub use reader::{BadJson, MAX_DEPTH, Reader};
pub use value::{Base64, NotBase64, SecretBytes, SecretText, ShardBytes, Time};

/// Decodes one JSON text as Go's `json.Unmarshal` does.
///
/// Keys match in any case, unknown ones are passed over, of duplicates the last one wins, `null`
/// and missing fields are zero values. A number out of range, a value of another type, bytes behind
/// the value and nesting deeper than [`MAX_DEPTH`] (Go: 10,000) are errors.
pub fn decode<T: Decode>(body: &[u8]) -> Result<T, BadJson> {
    let mut json = Reader::new(body);
    let mut value = T::default();
    value.assign(&mut json)?;
    json.end()?;
    Ok(value)
}

/// Encodes a message as Go's `json.Marshal` does: fields in the order of the struct, map keys
/// sorted, `<`, `>`, `&`, U+2028 and U+2029 escaped.
pub fn encode<T: Encode>(message: &T) -> Zeroizing<Vec<u8>> {
    encode::to_go_json(message)
}

#[cfg(test)]
mod tests;
