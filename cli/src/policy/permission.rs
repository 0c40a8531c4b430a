//! Permissions on the command line.

use clap::ValueEnum;

/// What a policy can grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Permission {
    /// Read secrets and their metadata.
    Read,
    /// Put, delete and undelete secrets.
    Write,
    /// List paths.
    List,
    /// Encrypt and decrypt.
    Execute,
    /// Everything.
    Super,
}

impl Permission {
    /// Their names on the wire.
    pub(crate) fn names(permissions: &[Self]) -> Vec<String> {
        let values = permissions.iter().filter_map(ValueEnum::to_possible_value);
        values.map(|value| value.get_name().to_owned()).collect()
    }
}
