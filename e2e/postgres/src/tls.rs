//! A certificate authority and the server's certificate.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// What a server proves itself with, and what proves it.
pub(crate) struct Issued {
    /// The authority's certificate, PEM.
    pub(crate) ca: String,
    /// The server's, PEM.
    pub(crate) certificate: String,
    /// The server's private key, PEM.
    pub(crate) key: String,
}

/// A new authority, and a certificate of it for these names.
pub(crate) fn issue(names: &[&str]) -> Result<Issued, rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();

    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let key = KeyPair::generate()?;
    let issuer = Issuer::from_params(&authority, &authority_key);
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?.pem();
    Ok(Issued { ca, certificate, key: key.serialize_pem() })
}
