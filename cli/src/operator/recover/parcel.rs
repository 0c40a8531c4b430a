//! Recovery shards as Nexus gives them: in plain, or each for one custodian.

use spike_core::{
    ShareIndex,
    wire::v2::escrow::{RecoverResponse, RecoveredShard},
};
use zeroize::Zeroizing;

use crate::operator::shard::RecoveryShard;

/// One recovery shard to be kept.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// For whoever finds it.
    Plain(RecoveryShard),
    /// For one custodian.
    For {
        /// Its index.
        index: ShareIndex,
        /// Whose.
        recipient: String,
        /// An armored age file.
        file: String,
    },
}

impl Parcel {
    /// Its index.
    pub(crate) fn index(&self) -> ShareIndex {
        match self {
            Self::Plain(shard) => shard.index,
            Self::For { index, .. } => *index,
        }
    }

    /// What its file's name ends in.
    pub(crate) fn extension(&self) -> &'static str {
        match self {
            Self::Plain(_) => "txt",
            Self::For { .. } => "age",
        }
    }

    /// What its file holds: whole lines, so that files can be put together.
    pub(crate) fn contents(&self) -> Zeroizing<String> {
        match self {
            Self::Plain(shard) => {
                let line = shard.text();
                let mut text = Zeroizing::new(String::with_capacity(line.len() + 1));
                text.extend([&line, "\n"]);
                text
            }
            Self::For { file, .. } => Zeroizing::new(file.clone()),
        }
    }
}

/// A set of recovery shards.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) number: u32,
    pub(crate) shares: u8,
    pub(crate) threshold: u8,
    /// By index.
    pub(crate) parcels: Vec<Parcel>,
}

impl Set {
    /// What came from Nexus; the client has seen to it that each shard is one or the other.
    pub(crate) fn of(given: RecoverResponse) -> Self {
        let RecoverResponse { set, shares, threshold, shards } = given;
        let parcels = shards.into_iter().map(parcel).collect();
        Self { number: set, shares, threshold, parcels }
    }

    /// The custodians' age public keys, by index; none if it isn't encrypted.
    pub(crate) fn recipients(&self) -> Vec<&str> {
        let each = self.parcels.iter().filter_map(|parcel| match parcel {
            Parcel::Plain(_) => None,
            Parcel::For { recipient, .. } => Some(recipient.as_str()),
        });
        each.collect()
    }

    /// Only custodians can read it.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.parcels.iter().all(|parcel| matches!(parcel, Parcel::For { .. }))
    }
}

fn parcel(given: RecoveredShard) -> Parcel {
    let RecoveredShard { index, recipient, ciphertext, shard } = given;
    if let Some(file) = ciphertext {
        return Parcel::For { index, recipient: recipient.unwrap_or_default(), file };
    }
    let mut bytes = Zeroizing::new([0; 32]);
    let given = shard.unwrap_or_default();
    bytes.iter_mut().zip(given.as_slice()).for_each(|(to, from)| *to = *from);
    Parcel::Plain(RecoveryShard { index, bytes: (*bytes).into() })
}
