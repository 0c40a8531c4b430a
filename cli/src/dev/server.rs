//! The server that keeps a cluster's secrets, where that is not a file of its directory.
//!
//! In Kubernetes the manifest names a Secret that says where it is. A laptop has no Secrets: there
//! the environment says it, in Nexus' own variables.

use std::{env, ffi::OsString};

use crate::error::CliError;

/// The variables of Nexus that say where the store is and how it is believed. One of the first two
/// is needed.
const VARIABLES: [&str; 4] = [
    "SPIKE_NEXUS_STORE_URL",
    "SPIKE_NEXUS_STORE_URL_FILE",
    "SPIKE_NEXUS_STORE_PASSWORD_FILE",
    "SPIKE_NEXUS_STORE_CA_FILE",
];

/// What the environment says of a server. It may hold a password: it has no `Debug` that shows one,
/// and goes to nobody but Nexus.
#[derive(Clone, Default)]
pub(super) struct Server(Vec<(&'static str, String)>);

impl Server {
    /// Reads this process's environment.
    pub(super) fn from_process() -> Self {
        Self::read(|name| env::var_os(name))
    }

    /// Reads an environment.
    pub(super) fn read(said: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = VARIABLES.into_iter().filter_map(|name| {
            let value = said(name)?.into_string().ok()?;
            Some((name, value))
        });
        Self(set.collect())
    }

    /// The same for a Nexus.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        self.0.clone()
    }

    /// An error if nothing says where the server is.
    pub(super) fn require_address(&self) -> Result<(), CliError> {
        if self.0.iter().any(|(name, _)| name.starts_with("SPIKE_NEXUS_STORE_URL")) {
            return Ok(());
        }
        Err(CliError::usage(
            "spec.store.postgres: nothing says where the server is",
            "Export SPIKE_NEXUS_STORE_URL=postgres://ROLE@HOST/DATABASE, and the password with \
             SPIKE_NEXUS_STORE_PASSWORD_FILE; docs/configuration.md lists both.",
        ))
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let server = Server::read(|_| Some("hunter2".into()));
        assert!(!format!("{server:?}").contains("hunter2"));
        assert_eq!(server.variables().len(), VARIABLES.len());
    }
}
