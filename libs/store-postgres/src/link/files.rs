//! Password and authorities, read again while we run: whoever rotates them restarts nothing.

use std::{io, path::Path};

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use super::Options;

/// More than any password or list of authorities has.
const MOST: u64 = 1 << 20;

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
    #[error("SPIKE_NEXUS_STORE_PASSWORD_FILE is empty: write the role's password into it")]
    NoPassword,
    #[error("SPIKE_NEXUS_STORE_CA_FILE can't be read: {0}")]
    Authorities(#[source] io::Error),
    #[error("SPIKE_NEXUS_STORE_CA_FILE holds no PEM certificate: write the authority's into it")]
    NoAuthority,
}

impl Files {
    /// Reads them. A password's last line break is dropped.
    pub(super) async fn read(options: &Options) -> Result<Self, Unreadable> {
        let password = match &options.password_file {
            Some(file) => match password(file).await.map_err(Unreadable::Password)? {
                empty if empty.is_empty() => return Err(Unreadable::NoPassword),
                password => Some(password),
            },
            None => options.password.clone(),
        };
        let authorities = match &options.ca_file {
            Some(file) => {
                let pem = bytes(file).await.map_err(Unreadable::Authorities)?;
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
    let bytes = Zeroizing::new(bytes(file).await?);
    let text = str::from_utf8(&bytes).map_err(|_| io::Error::other("it isn't UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

/// What a file holds. Anything else (a pipe, a device) may never end, or never begin.
async fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let found = tokio::fs::metadata(path).await?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    // Not grown, so that no copy of a password is left behind.
    let size = usize::try_from(found.len().min(MOST)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(size + 1);
    let file = tokio::fs::File::open(path).await?;
    if file.take(MOST + 1).read_to_end(&mut bytes).await? as u64 > MOST {
        return Err(io::Error::other(format!("it has more than {MOST} bytes")));
    }
    Ok(bytes)
}
