//! What a call can end in, by whose fault it was.

use std::time::Duration;

use spike_core::cause::printable;
use url::Url;

/// Why a call has no result. Texts are safe to show: they never hold a secret, and what a server
/// said is shortened and free of control characters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL can't be used; nothing was sent.
    #[error("{url:?} is not a usable server URL: {reason}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server found the request wrong.
    #[error("bad request ({code}){}", suffix(detail))]
    BadRequest {
        /// The server's stable code.
        code: String,
        /// What it added, if anything.
        detail: String,
    },
    /// The caller's identity may not do this.
    #[error("access denied")]
    Denied,
    /// Nothing is there.
    #[error("not found")]
    NotFound,
    /// The present state forbids it.
    #[error("conflict ({code}){}", suffix(detail))]
    Conflict {
        /// The server's stable code.
        code: String,
        /// What it added, if anything.
        detail: String,
    },
    /// The server is there and can't serve now; later it may.
    #[error("not ready ({reason})")]
    NotReady {
        /// Why, in the server's words.
        reason: String,
    },
    /// No connection, or it broke before the answer; a write may or may not have happened.
    #[error("cannot reach {origin}: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// What the network said.
        reason: String,
    },
    /// The handshake failed: one side doesn't trust the other.
    #[error("no trust between us and {origin}: {reason}")]
    Untrusted {
        /// Scheme, host and port.
        origin: String,
        /// What TLS said.
        reason: String,
    },
    /// No answer in time; a write may or may not have happened.
    #[error("no answer from {origin} within {waited:?}")]
    TimedOut {
        /// Scheme, host and port.
        origin: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server's answer makes no sense.
    #[error("unexpected answer from {origin}: {reason}")]
    Protocol {
        /// Scheme, host and port.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn suffix(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// Scheme, host and port of a URL, for messages.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What a server said, no longer than any text of ours.
pub(crate) fn said(text: &str) -> String {
    printable(text, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_code_and_the_detail() {
        let detail = "threshold not reached".to_owned();
        let error = ClientError::BadRequest { code: "restore/too_few".to_owned(), detail };
        assert_eq!(error.to_string(), "bad request (restore/too_few): threshold not reached");
    }
}
