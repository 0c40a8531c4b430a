//! Distrust, found in a failed exchange.

use std::error::Error;

use rustls::{CertificateError, OtherError};
use spike_core::cause::causes;

/// Why one side doesn't trust the other, if that is what failed.
pub(crate) fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(|tls| match tls {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            why.to_string()
        }
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn distrust_is_found_however_deep_it_lies() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::other(io::Error::other(tls));
        assert_eq!(distrust(&error), Some("invalid peer certificate: Expired".to_owned()));
        assert_eq!(distrust(&io::Error::other("no route to host")), None);
    }
}
