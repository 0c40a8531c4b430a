//! The rules of the X.509-SVID standard for single certificates.
//!
//! Reads what a certificate says about itself; who signed it is [`crate::material`]'s question.

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use spike_core::SpiffeId;
use x509_parser::{
    certificate::{X509Certificate, X509CertificateParser},
    extensions::GeneralName,
    nom::Parser,
};

use crate::PeerError;

/// What a leaf certificate says, once it keeps the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) id: SpiffeId,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Leaf {
    /// Reads a certificate and checks everything but time and signature.
    ///
    /// # Source
    ///
    /// X509-SVID §2 (one URI SAN), §3 and §4.1 (a leaf is no CA and has a path), §4.3 (key usage),
    /// §4.4 (an extended key usage, if there is one, is for both ends of TLS).
    pub(crate) fn read(der: &CertificateDer<'_>) -> Result<Self, PeerError> {
        let cert = parse(der)?;
        let id: SpiffeId = only_uri(&cert)?.parse()?;
        is_leaf(&cert)?;
        if id.as_str().len() == "spiffe://".len() + id.trust_domain().len() {
            return Err(PeerError::NoPath);
        }
        signs_only_handshakes(&cert)?;
        serves_both_ends(&cert)?;
        let validity = cert.validity();
        Ok(Self {
            id,
            not_before: time(validity.not_before)?,
            not_after: time(validity.not_after)?,
        })
    }

    /// Checks the certificate's time; its last second is already too late.
    pub(crate) fn at(&self, now: Timestamp) -> Result<(), PeerError> {
        if now < self.not_before {
            return Err(PeerError::NotYetValid);
        }
        if now >= self.not_after {
            return Err(PeerError::Expired);
        }
        Ok(())
    }
}

/// Checks an intermediate as far as webpki doesn't, and says when it ends.
///
/// # Source
///
/// X509-SVID §4.3: a signing certificate has keyCertSign set.
pub(crate) fn signing_until(der: &CertificateDer<'_>) -> Result<Timestamp, PeerError> {
    let cert = parse(der)?;
    let usage = cert.key_usage().map_err(|_| PeerError::Malformed)?;
    if !usage.is_some_and(|usage| usage.value.key_cert_sign()) {
        return Err(PeerError::KeyUsage("keyCertSign is not set on an intermediate"));
    }
    time(cert.validity().not_after)
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, PeerError> {
    match X509CertificateParser::new().parse(der.as_ref()) {
        Ok(([], cert)) => Ok(cert),
        _ => Err(PeerError::Malformed),
    }
}

fn only_uri<'a>(cert: &X509Certificate<'a>) -> Result<&'a str, PeerError> {
    let names = cert.subject_alternative_name().map_err(|_| PeerError::Malformed)?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let mut uris = Vec::new();
    for name in names {
        match name {
            GeneralName::URI(uri) => uris.push(*uri),
            // It might be a second URI that another reader understands.
            GeneralName::Invalid(..) => return Err(PeerError::Malformed),
            _ => {}
        }
    }
    match uris.as_slice() {
        [] => Err(PeerError::NoUri),
        [uri] => Ok(uri),
        many => Err(PeerError::ManyUris(many.len())),
    }
}

fn is_leaf(cert: &X509Certificate<'_>) -> Result<(), PeerError> {
    let constraints = cert.basic_constraints().map_err(|_| PeerError::Malformed)?;
    if constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err(PeerError::Authority);
    }
    Ok(())
}

fn signs_only_handshakes(cert: &X509Certificate<'_>) -> Result<(), PeerError> {
    let usage = cert.key_usage().map_err(|_| PeerError::Malformed)?;
    let usage = usage.ok_or(PeerError::KeyUsage("it has none"))?.value;
    if !usage.digital_signature() {
        return Err(PeerError::KeyUsage("digitalSignature is not set"));
    }
    if usage.key_cert_sign() {
        return Err(PeerError::KeyUsage("keyCertSign is set"));
    }
    if usage.crl_sign() {
        return Err(PeerError::KeyUsage("cRLSign is set"));
    }
    Ok(())
}

fn serves_both_ends(cert: &X509Certificate<'_>) -> Result<(), PeerError> {
    let Some(usage) = cert.extended_key_usage().map_err(|_| PeerError::Malformed)? else {
        return Ok(());
    };
    if !usage.value.server_auth {
        return Err(PeerError::ExtendedKeyUsage("serverAuth"));
    }
    if !usage.value.client_auth {
        return Err(PeerError::ExtendedKeyUsage("clientAuth"));
    }
    Ok(())
}

fn time(at: x509_parser::time::ASN1Time) -> Result<Timestamp, PeerError> {
    Timestamp::from_second(at.timestamp()).map_err(|_| PeerError::Malformed)
}
