//! What is at the bottom of a failed exchange.

use std::{error::Error, io, iter};

use rustls::{CertificateError, OtherError};

/// Why one side doesn't trust the other, if that is what failed.
pub(crate) fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(|tls| match tls {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            why.to_string()
        }
        other => other.to_string(),
    })
}

/// "connection refused" instead of four sentences around it.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        // Its `source` passes over the error that it holds.
        Some(io) => io.get_ref().map(|held| held as &(dyn Error + 'static)),
        None => error.source(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distrust_is_found_however_deep_it_lies() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::other(io::Error::other(tls));
        assert_eq!(distrust(&error), Some("invalid peer certificate: Expired".to_owned()));
        assert_eq!(distrust(&io::Error::other("no route to host")), None);
    }

    #[test]
    fn the_innermost_cause_is_told() {
        let error = io::Error::other(io::Error::other("no route to host"));
        assert_eq!(innermost(&error), "no route to host");
        assert_eq!(innermost(&io::Error::from(io::ErrorKind::TimedOut)), "timed out");
    }
}
