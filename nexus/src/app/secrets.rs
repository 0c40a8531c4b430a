//! Secrets: reading, writing, listing, describing.

mod list;
mod read;
mod values;
mod write;

use spike_core::{Head, InvalidPath, SecretPath, Version};
use spike_seal::{HeadBytes, RingKeys};
use spike_store::{Call, Found, HeadRow, Seen, Select, StoreError};

pub(crate) use values::Values;
pub(crate) use write::Write;

use super::{
    App,
    caller::Caller,
    error::{Error, Result},
    settle::{Known, Lookup, OnlyEpochs},
    verdict::Ask,
};

/// A path as the caller sent it.
pub(crate) type Sent = std::result::Result<SecretPath, InvalidPath>;

/// Which version a caller means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The current one.
    Current,
    /// This one.
    Number(Version),
    /// One that can't exist.
    Impossible,
}

impl From<i64> for Wanted {
    /// As on SPIKE's wire: 0 is the current one, negative ones are just not there.
    fn from(number: i64) -> Self {
        match u64::try_from(number).map(Version::new) {
            Ok(None) => Self::Current,
            Ok(Some(version)) => Self::Number(version),
            Err(_) => Self::Impossible,
        }
    }
}

impl Wanted {
    /// The version of the head that is meant, if it can be read.
    fn readable(self, head: &Head) -> Option<&spike_core::head::Entry> {
        match self {
            Self::Current => head.readable(None),
            Self::Number(version) => head.readable(Some(version)),
            Self::Impossible => None,
        }
    }
}

/// One path to be read.
struct OnePath([(SecretPath, Select); 1]);

impl OnePath {
    fn new(path: &SecretPath, select: Select) -> Self {
        Self([(path.clone(), select)])
    }
}

impl Lookup for OnePath {
    type Found = Found;

    async fn look(&self, app: &App, call: &Call, _: &Known) -> Result<Seen<Option<Found>>> {
        let mut seen = app.store.read(call, &self.0).await?;
        match (seen.value.pop(), seen.value.is_empty()) {
            (Some(found), true) => Ok(Seen { epochs: seen.epochs, value: Some(found) }),
            _ => Err(StoreError::Corrupt("a read of one path must find one".into()).into()),
        }
    }
}

/// Believes the head that the store gave for `path`.
fn believe(keys: &RingKeys, path: &SecretPath, row: &HeadRow) -> Result<Head> {
    let HeadRow { revision, current, bytes, key, mac } = row;
    let row = HeadBytes { path, revision: *revision, current: *current, bytes, key: *key, mac };
    keys.open_head(row).map_err(|error| Error::tampered("head_forged", path, error))
}

impl App {
    /// What a caller is told whose path can't exist: nothing, unless it is the superuser.
    async fn refuse_path(&self, caller: &Caller, why: InvalidPath) -> Error {
        match self.settle(caller, &Ask::superuser(), &OnlyEpochs).await {
            Ok(_) => Error::bad(why),
            Err(error) => error,
        }
    }
}
