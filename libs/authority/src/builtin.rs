//! An authority whose root outlives its processes: the one of a Kubernetes cluster without SPIRE.
//!
//! Pure: no I/O, no clock. Who may have which identity, where the root is kept and when it is
//! replaced is for whoever runs it.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use rcgen::{CertificateSigningRequestParams, Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use spike_core::SpiffeId;
use zeroize::Zeroizing;

use crate::ca;

/// How long a root lives: replaced long before.
pub const ROOT_LIFE: Duration = Duration::from_hours(24 * 365);

/// A root, as it is kept: PEM of its certificate and of its key.
pub struct Root {
    certificate: String,
    key: Zeroizing<String>,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The request isn't one, or isn't signed by the key that it names.
    #[error("the certificate signing request cannot be used: {0}")]
    Request(String),
    /// The root isn't one.
    #[error("the root cannot be used: {0}")]
    Root(String),
}

/// A new SVID, with a key of our own.
pub struct Issued {
    /// As PEM.
    pub chain: String,
    /// PKCS#8.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued([redacted])")
    }
}

impl Root {
    /// Makes a root for `spiffe://<trust_domain>`.
    pub fn generate(trust_domain: &str, now: Timestamp) -> Result<Self, IssueError> {
        let broken = |why: rcgen::Error| IssueError::Root(why.to_string());
        let key = Zeroizing::new(KeyPair::generate().map_err(broken)?);
        let params = ca::root_params(trust_domain, now, ROOT_LIFE).map_err(broken)?;
        let certificate = params.self_signed(&*key).map_err(broken)?.pem();
        Ok(Self { certificate, key: Zeroizing::new(key.serialize_pem()) })
    }

    /// A root that was kept.
    pub fn kept(certificate: impl Into<String>, key: Zeroizing<String>) -> Self {
        Self { certificate: certificate.into(), key }
    }

    /// Its certificate, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its key, as PEM: to be kept where nobody else reads.
    pub fn key(&self) -> &Zeroizing<String> {
        &self.key
    }

    /// Signs an SVID for the key of a request; nothing else of the request counts.
    ///
    /// # Source
    ///
    /// X509-SVID §2, §4.1 (no CA), §4.3 (digitalSignature only), §4.4 (both ends of TLS).
    pub fn sign(
        &self,
        csr: &str,
        id: &SpiffeId,
        life: Duration,
        now: Timestamp,
    ) -> Result<String, IssueError> {
        let refused = |why: rcgen::Error| IssueError::Request(why.to_string());
        let mut request = CertificateSigningRequestParams::from_pem(csr).map_err(refused)?;
        request.params = ca::leaf_params(id, &[], life, now).map_err(refused)?;
        let issuer = self.issuer()?;
        request.signed_by(&issuer).map(|certificate| certificate.pem()).map_err(refused)
    }

    /// An SVID for the authority itself, which also has the DNS names of its Service.
    pub fn issue(
        &self,
        id: &SpiffeId,
        names: &[String],
        life: Duration,
        now: Timestamp,
    ) -> Result<Issued, IssueError> {
        let broken = |why: rcgen::Error| IssueError::Root(why.to_string());
        let key = Zeroizing::new(KeyPair::generate().map_err(broken)?);
        let params = ca::leaf_params(id, names, life, now).map_err(broken)?;
        let chain = params.signed_by(&*key, &self.issuer()?).map_err(broken)?.pem();
        Ok(Issued { chain, key: Zeroizing::new(key.serialize_der()) })
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, IssueError> {
        let broken = |why: &dyn fmt::Display| IssueError::Root(why.to_string());
        let key = KeyPair::from_pem(&self.key).map_err(|_| broken(&"its key is no PEM"))?;
        let der = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|why| broken(&why))?;
        Issuer::from_ca_cert_der(&der, key).map_err(|why| broken(&why))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use rcgen::CertificateParams;
    use rustls_pki_types::{CertificateSigningRequestDer, UnixTime};
    use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

    use super::*;

    fn now() -> Timestamp {
        "2030-01-01T00:00:00Z".parse().expect("a time")
    }

    fn id(path: &str) -> SpiffeId {
        format!("spiffe://example.org{path}").parse().expect("a SPIFFE ID")
    }

    fn request(names: &[&str]) -> String {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        params.serialize_request(&key).expect("a request").pem().expect("PEM")
    }

    /// Whether a root vouches for a leaf, as clients see it.
    fn vouches(root: &Root, leaf: &str) -> Result<(), webpki::Error> {
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        let (root, leaf) = (der(root.certificate()), der(leaf));
        let seconds = u64::try_from(now().as_second()).expect("after 1970");
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let (algorithms, usage) = (webpki::ALL_VERIFICATION_ALGS, KeyUsage::client_auth());
        EndEntityCert::try_from(&leaf)?
            .verify_for_usage(
                algorithms,
                &[anchor_from_trusted_cert(&root)?],
                &[],
                at,
                usage,
                None,
                None,
            )
            .map(drop)
    }

    #[test]
    fn a_root_that_was_kept_signs_as_the_one_that_was_made() {
        let made = Root::generate("example.org", now()).expect("a root");
        let kept = Root::kept(made.certificate(), made.key().clone());
        let hour = Duration::from_hours(1);
        let leaf = kept.sign(&request(&[]), &id("/a"), hour, now()).expect("signed");
        assert_eq!(vouches(&made, &leaf), Ok(()));
        let another = Root::generate("example.org", now()).expect("a root");
        assert!(vouches(&another, &leaf).is_err());
        let der = CertificateDer::from_pem_slice(leaf.as_bytes()).expect("a certificate");
        assert!(String::from_utf8_lossy(&der).contains("spiffe://example.org/a"));
    }

    #[test]
    fn nothing_of_a_request_but_its_key_counts() {
        let root = Root::generate("example.org", now()).expect("a root");
        let hour = Duration::from_hours(1);
        let wants = request(&["evil.example"]);
        let leaf = root.sign(&wants, &id("/a"), hour, now()).expect("signed");
        let der = CertificateDer::from_pem_slice(leaf.as_bytes()).expect("a certificate");
        assert!(!String::from_utf8_lossy(&der).contains("evil.example"));
    }

    #[test]
    fn a_request_that_its_key_did_not_sign_is_refused() {
        let root = Root::generate("example.org", now()).expect("a root");
        let hour = Duration::from_hours(1);
        let good = CertificateSigningRequestDer::from_pem_slice(request(&[]).as_bytes());
        let good = good.expect("a request");
        let pem = |der: &[u8]| {
            let text = BASE64_STANDARD.encode(der);
            format!(
                "-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n"
            )
        };
        root.sign(&pem(&good), &id("/a"), hour, now()).expect("its key signed it");
        let mut forged = good.to_vec();
        // The signature is what a request ends with.
        *forged.last_mut().expect("not empty") ^= 1;
        for bad in [
            &pem(&forged),
            "",
            "nonsense",
            "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        ] {
            let refused = root.sign(bad, &id("/a"), hour, now());
            assert!(matches!(refused, Err(IssueError::Request(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_root_never_shows_its_key() {
        let root = Root::generate("example.org", now()).expect("a root");
        assert_eq!(format!("{root:?}"), "Root([redacted])");
    }
}
