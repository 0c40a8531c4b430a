//! Password and authorities, read again while we run: whoever rotates them restarts nothing.

use std::{io, path::Path};

use zeroize::Zeroizing;

use super::Options;

/// What a connection is opened with. Compared whole: any difference makes another era.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) password: Option<Zeroizing<String>>,
    pub(super) authorities: Option<Vec<u8>>,
}

/// A file that can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("SPIKE_NEXUS_STORE_PASSWORD_FILE can't be read: {0}")]
    Password(#[source] io::Error),
    #[error("SPIKE_NEXUS_STORE_CA_FILE can't be read: {0}")]
    Authorities(#[source] io::Error),
    #[error("SPIKE_NEXUS_STORE_CA_FILE holds no PEM certificate: write the authority's into it")]
    NoAuthority,
}

impl Files {
    /// Reads them. A password's last line break is dropped.
    pub(super) async fn read(options: &Options) -> Result<Self, Unreadable> {
        let password = match &options.password_file {
            Some(file) => Some(password(file).await.map_err(Unreadable::Password)?),
            None => options.password.clone(),
        };
        let authorities = match &options.ca_file {
            Some(file) => {
                let pem = tokio::fs::read(file).await.map_err(Unreadable::Authorities)?;
                // What isn't a certificate would leave nothing but public authorities to trust.
                let mark = b"-----BEGIN CERTIFICATE-----";
                if !pem.windows(mark.len()).any(|window| window == mark) {
                    return Err(Unreadable::NoAuthority);
                }
                Some(pem)
            }
            None => None,
        };
        Ok(Self { password, authorities })
    }
}

async fn password(file: &Path) -> io::Result<Zeroizing<String>> {
    let text = Zeroizing::new(tokio::fs::read_to_string(file).await?);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}
