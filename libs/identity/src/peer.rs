//! Who is at the other end of a connection.

use std::error::Error;

use jiff::Timestamp;
use rustls::CertificateError;
use spike_core::{InvalidSpiffeId, SpiffeId, cause::causes};

/// A peer whose X.509-SVID was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub id: SpiffeId,
    /// When its SVID, or an intermediate that vouches for it, stops being valid.
    pub expires_at: Timestamp,
    /// The generation of the bundle that it was verified against.
    pub(crate) generation: u64,
}

/// Why a certificate chain is not a trusted X.509-SVID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// It is not a certificate.
    #[error("the certificate cannot be read")]
    Malformed,
    /// It has no URI among its alternative names.
    #[error("the certificate has no URI SAN")]
    NoUri,
    /// It has more than one, which the X.509-SVID standard forbids.
    #[error("the certificate has {0} URI SANs, an X.509-SVID has one")]
    ManyUris(usize),
    /// Its URI is not a SPIFFE ID.
    #[error("the URI SAN is not a SPIFFE ID: {0}")]
    BadId(#[from] InvalidSpiffeId),
    /// It names a trust domain, not a workload.
    #[error("the SPIFFE ID has no path")]
    NoPath,
    /// It may sign certificates.
    #[error("the leaf certificate is a CA")]
    Authority,
    /// Its key usage is not that of an X.509-SVID.
    #[error("the key usage is not that of an X.509-SVID: {0}")]
    KeyUsage(&'static str),
    /// Its extended key usage is not for both ends of TLS.
    #[error("the extended key usage lacks {0}")]
    ExtendedKeyUsage(&'static str),
    /// Its time has not come.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("the certificate has expired")]
    Expired,
    /// There is no bundle for its trust domain.
    #[error("no bundle for the trust domain {0}")]
    ForeignDomain(String),
    /// No root of its trust domain vouches for it.
    #[error("the certificate is not signed by its trust domain: {0}")]
    Untrusted(String),
    /// It is trusted, but it is somebody else.
    #[error("{id} answered, expected {expected}")]
    Unexpected {
        /// Who it is.
        id: SpiffeId,
        /// Who was meant.
        expected: String,
    },
    /// Our own SVID has expired: without our authority, roots that were withdrawn stay unknown.
    #[error("our own SVID expired at {0}; nobody can be verified without one")]
    OwnExpired(Timestamp),
}

impl PeerError {
    /// Finds the reason in the error of a failed handshake, however deep.
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        causes(error)
            .find_map(|error| match error.downcast_ref() {
                Some(rustls::Error::InvalidCertificate(refused)) => Some(refused),
                _ => None,
            })
            .and_then(Self::of)
    }

    fn of(refused: &CertificateError) -> Option<Self> {
        match refused {
            CertificateError::Expired => Some(Self::Expired),
            CertificateError::NotValidYet => Some(Self::NotYetValid),
            CertificateError::BadEncoding => Some(Self::Malformed),
            CertificateError::Other(other) => other.0.downcast_ref().cloned(),
            _ => None,
        }
    }
}
