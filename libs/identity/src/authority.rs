//! What Spike's authority in a cluster is asked, and what it answers.
//!
//! One call: a token and a certificate signing request, for a chain and the roots.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use serde::{Deserialize, Serialize};
use spike_core::cause::innermost;
use zeroize::Zeroizing;

use crate::{IdentityError, Svid, material::Roots};

/// Where the call goes.
pub const PATH: &str = "/v1/svid";

/// The path of an authority's SPIFFE ID: nobody else is given one that begins so.
pub const AUTHORITY: &str = "/spike/authority";

/// How long an authority may take: it asks the Kubernetes API whose the token is.
const DEADLINE: Duration = Duration::from_secs(10);

/// More than any chain and bundle.
const MAX_ANSWER: usize = 1 << 20;

/// What an authority is asked, beside the token in the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SvidRequest {
    /// A certificate signing request, as PEM. Only its key counts.
    pub csr: String,
}

/// What an authority answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SvidResponse {
    /// The leaf first, as PEM.
    pub chain: String,
    /// The roots of the trust domain, as PEM.
    pub bundle: String,
}

/// One trade.
#[derive(Clone, Copy)]
pub struct Exchange<'a> {
    /// `https://host:port` of the authority.
    pub url: &'a str,
    /// A token for its audience.
    pub token: &'a str,
    /// The roots that it must be vouched for by.
    pub roots: &'a [CertificateDer<'static>],
}

/// Trades a token for an SVID of a new key.
pub async fn trade(exchange: Exchange<'_>) -> Result<Svid, IdentityError> {
    let refused =
        |reason: String| IdentityError::Authority { authority: exchange.url.to_owned(), reason };
    let key = KeyPair::generate().map_err(|why| refused(format!("no key: {why}")))?;
    let request = CertificateParams::default()
        .serialize_request(&key)
        .and_then(|request| request.pem())
        .map_err(|why| refused(format!("no request: {why}")))?;
    let answer = ask(exchange, &SvidRequest { csr: request }).await.map_err(refused)?;
    Ok(Svid {
        chain: certificates(&answer.chain).map_err(refused)?,
        key: Zeroizing::new(key.serialize_der()),
        roots: certificates(&answer.bundle).map_err(refused)?,
    })
}

/// Every certificate of a PEM text; at least one.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match certs {
        Ok(certs) if !certs.is_empty() => Ok(certs),
        Ok(_) => Err("there is no certificate in it".to_owned()),
        Err(why) => Err(format!("bad PEM: {why}")),
    }
}

async fn ask(exchange: Exchange<'_>, request: &SvidRequest) -> Result<SvidResponse, String> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(exchange.roots)?)
        .https_only(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(DEADLINE)
        .build()
        .map_err(|why| innermost(&why))?;
    let mut answer = client
        .post(format!("{}{PATH}", exchange.url.trim_end_matches('/')))
        .bearer_auth(exchange.token)
        .json(request)
        .send()
        .await
        .map_err(|why| innermost(&why))?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|why| innermost(&why))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(format!("an answer of more than {MAX_ANSWER} bytes"));
        }
    }
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|_| "no answer as expected".to_owned());
    }
    // What it says is for people, and from a server that we believe.
    let text = String::from_utf8_lossy(&body);
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    Err(format!("{status}: {text}"))
}

fn tls(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, String> {
    let crypto = crate::tls::provider();
    let roots = Roots::new(roots.to_vec()).map_err(|why| format!("the bundle: {why}"))?;
    let verifier = AuthorityIs { roots, crypto: Arc::clone(&crypto) };
    let mut config = ClientConfig::builder_with_provider(crypto)
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has suites for TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Accepts an authority's X.509-SVID of our roots, and nothing else.
#[derive(Debug)]
struct AuthorityIs {
    roots: Roots,
    crypto: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AuthorityIs {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        let id = self.roots.server(end_entity, intermediates, now, &self.crypto)?;
        let path = id.as_str().split_at("spiffe://".len() + id.trust_domain().len()).1;
        if path == AUTHORITY || path.starts_with(&format!("{AUTHORITY}/")) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.crypto.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.crypto.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}
