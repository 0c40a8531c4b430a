//! How a store remembers what became of a batch, beside its write key.

use spike_core::{Revision, Version};

use crate::{Committed, Result, StoreError};

/// An outcome in bytes: 16 for each commit, revision and current version, 0 for none.
pub fn encode(commits: &[Committed]) -> Vec<u8> {
    let words = |commit: &Committed| [commit.revision.0, commit.current.map_or(0, Version::get)];
    commits.iter().flat_map(words).flat_map(u64::to_be_bytes).collect()
}

/// What [`encode`] made.
pub fn decode(bytes: &[u8]) -> Result<Vec<Committed>> {
    let (commits, []) = bytes.as_chunks::<16>() else {
        return Err(StoreError::Corrupt(format!("an outcome of {} bytes", bytes.len())));
    };
    let half =
        |bytes: &[u8]| bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    let committed = |commit: &[u8; 16]| {
        let (revision, current) = commit.split_at(8);
        Committed { revision: Revision(half(revision)), current: Version::new(half(current)) }
    };
    Ok(commits.iter().map(committed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_remembered_exactly() {
        let commits = vec![
            Committed { revision: Revision(1), current: Some(Version::FIRST) },
            Committed { revision: Revision(u64::MAX >> 1), current: None },
        ];
        assert_eq!(decode(&encode(&commits)).unwrap(), commits);
        assert_eq!(decode(&[]).unwrap(), vec![]);
    }

    #[test]
    fn a_truncated_outcome_is_corrupt() {
        assert!(matches!(decode(&[0; 15]), Err(StoreError::Corrupt(_))));
    }
}
