//! A head as bytes: what is MACed and kept.
//!
//! One head has exactly one encoding and every accepted encoding is that of a valid head, so that a
//! MAC over the bytes is a MAC over the head. All numbers are big-endian.
//!
//! ```text
//! format   1 byte, 1
//! path     length (2 bytes), bytes
//! incarnation 16 bytes | revision 8 | next 8 | created 12 | updated 12 | max versions 4
//! versions count (4 bytes), then each: number 8 | created 12 | deleted 1 (+ 12) | tag 16
//! time     seconds since 1970 (8 bytes, signed), nanoseconds (4 bytes, below 10⁹)
//! ```

use jiff::Timestamp;

use super::{Entry, Head, Incarnation, MAX_VERSIONS_LIMIT, RecordTag};
use crate::{Revision, SecretPath, Version};

/// The only format there is.
const FORMAT: u8 = 1;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// Bytes that are not the encoding of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHead {
    /// Another version of this program wrote it.
    #[error("a head of format {0} is not understood")]
    Format(u8),
    /// It ends too early.
    #[error("a head ends too early")]
    Truncated,
    /// Something is behind it.
    #[error("{0} bytes follow a head")]
    Trailing(usize),
    /// A field has a value that it can't have.
    #[error("a head's {0} is impossible")]
    Field(&'static str),
}

impl Head {
    /// The one encoding of this head.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        let path = self.path.as_str().as_bytes();
        let length = u16::try_from(path.len()).expect("a path has at most 500 bytes");
        out.extend(length.to_be_bytes());
        out.extend(path);
        out.extend(self.incarnation.0);
        out.extend(self.revision.0.to_be_bytes());
        out.extend(self.next.get().to_be_bytes());
        out.extend(time(self.created_at));
        out.extend(time(self.updated_at));
        out.extend(self.max_versions.to_be_bytes());
        let count = u32::try_from(self.versions.len()).expect("a head has at most 1000 versions");
        out.extend(count.to_be_bytes());
        for entry in &self.versions {
            out.extend(entry.number.get().to_be_bytes());
            out.extend(time(entry.created_at));
            out.push(u8::from(entry.deleted_at.is_some()));
            out.extend(entry.deleted_at.into_iter().flat_map(time));
            out.extend(entry.tag.0);
        }
        out
    }

    /// Reads what [`Head::encode`] wrote, and refuses everything else.
    ///
    /// The caller has checked the MAC: this decides whether the head makes sense, not whether it is
    /// ours.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadHead> {
        let mut rest = Fields(bytes);
        let [format] = rest.array()?;
        if format != FORMAT {
            return Err(BadHead::Format(format));
        }
        let head = Self {
            path: rest.path()?,
            incarnation: Incarnation(rest.array()?),
            revision: rest.revision()?,
            next: rest.version("next version")?,
            created_at: rest.time()?,
            updated_at: rest.time()?,
            max_versions: u32::from_be_bytes(rest.array()?),
            versions: rest.entries()?,
        };
        match rest.0.len() {
            0 => head.checked(),
            left => Err(BadHead::Trailing(left)),
        }
    }

    /// The rules that no operation breaks.
    fn checked(self) -> Result<Self, BadHead> {
        let rising = self.versions.is_sorted_by(|a, b| a.number < b.number);
        let below_next = self.versions.last().is_none_or(|last| last.number < self.next);
        if !rising || !below_next {
            return Err(BadHead::Field("order of versions"));
        }
        if !(1..=MAX_VERSIONS_LIMIT).contains(&self.max_versions)
            || self.versions.len() > self.max_versions as usize
        {
            return Err(BadHead::Field("number of versions"));
        }
        Ok(self)
    }
}

fn time(time: Timestamp) -> [u8; 12] {
    let nanos = time.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(NANOS_PER_SECOND)).expect("within jiff's range");
    let rest = u32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).expect("below a second");
    let mut out = [0; 12];
    let (high, low) = out.split_at_mut(8);
    high.copy_from_slice(&seconds.to_be_bytes());
    low.copy_from_slice(&rest.to_be_bytes());
    out
}

/// What is left to read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], BadHead> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(BadHead::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadHead> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(BadHead::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn path(&mut self) -> Result<SecretPath, BadHead> {
        let length = u16::from_be_bytes(self.array()?);
        let path = str::from_utf8(self.take(length.into())?).ok().and_then(|raw| raw.parse().ok());
        path.ok_or(BadHead::Field("path"))
    }

    fn revision(&mut self) -> Result<Revision, BadHead> {
        match u64::from_be_bytes(self.array()?) {
            0 => Err(BadHead::Field("revision")),
            revision => Ok(Revision(revision)),
        }
    }

    fn version(&mut self, field: &'static str) -> Result<Version, BadHead> {
        Version::new(u64::from_be_bytes(self.array()?)).ok_or(BadHead::Field(field))
    }

    fn time(&mut self) -> Result<Timestamp, BadHead> {
        let seconds = i64::from_be_bytes(self.array()?);
        let nanos = i128::from(u32::from_be_bytes(self.array()?));
        if nanos >= NANOS_PER_SECOND {
            return Err(BadHead::Field("time"));
        }
        Timestamp::from_nanosecond(i128::from(seconds) * NANOS_PER_SECOND + nanos)
            .map_err(|_| BadHead::Field("time"))
    }

    fn entries(&mut self) -> Result<Vec<Entry>, BadHead> {
        let count = u32::from_be_bytes(self.array()?);
        // Not collected by size: the count is only believed as far as there are bytes.
        (0..count).map(|_| self.entry()).collect()
    }

    fn entry(&mut self) -> Result<Entry, BadHead> {
        Ok(Entry {
            number: self.version("version")?,
            created_at: self.time()?,
            deleted_at: match self.array()? {
                [0] => None,
                [1] => Some(self.time()?),
                _ => return Err(BadHead::Field("mark of deletion")),
            },
            tag: RecordTag(self.array()?),
        })
    }
}

#[cfg(test)]
mod tests;
