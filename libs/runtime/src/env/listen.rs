//! Addresses to listen on, as Go writes them.

use std::{fmt, io, str::FromStr};

use tokio::net::TcpListener;

/// `[host]:port`; without a host it is every address of the machine, IPv6 and IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    host: Option<String>,
    port: u16,
}

/// A text that isn't a [`Listen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidListen {
    /// No `:` before the port.
    #[error("not an address to listen on")]
    Syntax,
    /// Not a number from 0 to 65535.
    #[error("a port is a number from 0 to 65535")]
    Port,
    /// An IPv6 address without brackets, or something that can't be a host.
    #[error("not a host; an IPv6 address stands in brackets")]
    Host,
}

impl Listen {
    /// The port; 0 lets the kernel choose.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Binds the first address of the host that can be bound.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        let Some(host) = &self.host else {
            // A socket on [::] takes IPv4 as well, unless the machine has no IPv6 at all.
            return match TcpListener::bind(("::", self.port)).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    TcpListener::bind(("0.0.0.0", self.port)).await
                }
                bound => bound,
            };
        };
        TcpListener::bind((host.as_str(), self.port)).await
    }
}

impl FromStr for Listen {
    type Err = InvalidListen;

    fn from_str(raw: &str) -> Result<Self, InvalidListen> {
        let (host, port) = raw.rsplit_once(':').ok_or(InvalidListen::Syntax)?;
        let plain = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|_| plain).ok_or(InvalidListen::Port)?;
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = match bracketed {
            Some(v6) => Some(v6).filter(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
            None => Some(host).filter(|host| host.bytes().all(is_host_byte)),
        };
        let host = host.ok_or(InvalidListen::Host)?;
        Ok(Self { host: Some(host.to_owned()).filter(|host| !host.is_empty()), port })
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}
