//! Certificates as the X.509-SVID standard wants them. No I/O and no clock.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use spike_core::SpiffeId;
use zeroize::Zeroizing;

/// How long a root lives: longer than any process that has one.
const ROOT_LIFE: Duration = Duration::from_hours(24 * 365);

/// Certificates begin this much before they are made, for clocks that are behind.
const BACKDATED: Duration = Duration::from_secs(10);

/// Names for clients that look at DNS names and not at SPIFFE IDs.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A root certificate and its ECDSA P-256 key.
pub(crate) struct Root {
    certificate: CertificateDer<'static>,
    params: CertificateParams,
    key: Zeroizing<KeyPair>,
}

/// An X.509-SVID with its private key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    /// PKCS#8.
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl Root {
    /// Makes a root for `spiffe://<trust_domain>`.
    pub(crate) fn new(trust_domain: &str, now: Timestamp) -> Result<Self, rcgen::Error> {
        let params = root_params(trust_domain, now, ROOT_LIFE)?;
        let key = Zeroizing::new(KeyPair::generate()?);
        let certificate = params.self_signed(&*key)?.der().clone();
        Ok(Self { certificate, params, key })
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Issues an SVID with a new key, valid until `now + life`.
    pub(crate) fn issue(
        &self,
        id: &SpiffeId,
        life: Duration,
        now: Timestamp,
    ) -> Result<Issued, rcgen::Error> {
        let params = leaf_params(id, &LOCAL_NAMES.map(String::from), life, now)?;
        let key = Zeroizing::new(KeyPair::generate()?);
        let issuer = Issuer::from_params(&self.params, &*self.key);
        let certificate = params.signed_by(&*key, &issuer)?.der().clone();
        Ok(Issued { certificate, key: Zeroizing::new(key.serialize_der()) })
    }
}

/// What a root says of itself.
pub(crate) fn root_params(
    trust_domain: &str,
    now: Timestamp,
    life: Duration,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(now, life, "Spike authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.subject_alt_names = vec![uri(&format!("spiffe://{trust_domain}"))?];
    Ok(params)
}

/// What an SVID says, with DNS names for clients that look at them.
///
/// # Source
///
/// X509-SVID §2, §4.1 (no CA), §4.3 (digitalSignature only), §4.4 (both ends of TLS).
pub(crate) fn leaf_params(
    id: &SpiffeId,
    names: &[String],
    life: Duration,
    now: Timestamp,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(now, life, "Spike");
    let names = CertificateParams::new(names)?.subject_alt_names;
    params.subject_alt_names = names.into_iter().chain([uri(id.as_str())?]).collect();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(now: Timestamp, life: Duration, organization: &str) -> CertificateParams {
    let epoch = date_time_ymd(1970, 1, 1);
    let since_epoch = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
    let mut params = CertificateParams::default();
    params.not_before = epoch + since_epoch.saturating_sub(BACKDATED);
    params.not_after = epoch + since_epoch + life;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params
}

fn uri(uri: &str) -> Result<SanType, rcgen::Error> {
    Ok(SanType::URI(uri.try_into()?))
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root([redacted])")
    }
}
