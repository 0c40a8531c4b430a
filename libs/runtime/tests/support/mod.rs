//! A small certificate authority, a server on a free port, and clients that misbehave.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{SignatureScheme, client::ResolvesClientCert, sign::CertifiedKey};
use rustls_pki_types::ServerName;
use spike_identity::{Expected, Identity, Source, Wanted};
use spike_runtime::{
    Limits, Refusal, Server,
    metrics::Serving,
    serve::{Admit, everyone},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A minute is more than any test takes.
pub const LONG: Duration = Duration::from_mins(1);

pub fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A trust domain `spike.ist`.
pub struct Ca {
    params: CertificateParams,
    key: KeyPair,
    root: String,
    dir: TempDir,
    stop: CancellationToken,
}

impl Ca {
    pub fn new() -> Self {
        spike_identity::install_crypto();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.subject_alt_names = vec![uri("spiffe://spike.ist")];
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a root").pem();
        let dir = tempfile::tempdir().expect("a directory");
        Self { params, key, root, dir, stop: CancellationToken::new() }
    }

    /// An identity that lives for `life` from now on.
    pub async fn identity(&self, name: &str, life: Duration) -> Identity {
        let source = self.files(name, life);
        let tracker = TaskTracker::new();
        Identity::start(source, Wanted::any(), self.stop.clone(), &tracker).await.expect("an SVID")
    }

    fn files(&self, name: &str, life: Duration) -> Source {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![uri(&format!("spiffe://spike.ist/{name}"))];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = std::time::SystemTime::UNIX_EPOCH.into();
        params.not_after = (std::time::SystemTime::UNIX_EPOCH + since_epoch() + life).into();
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let cert = params.signed_by(&key, &issuer).expect("a leaf").pem();
        Source::Files {
            cert: self.write(&format!("{}-cert.pem", name.replace('/', "-")), &cert),
            key: self.write(&format!("{}-key.pem", name.replace('/', "-")), &key.serialize_pem()),
            bundle: self.write(&format!("{}-bundle.pem", name.replace('/', "-")), &self.root),
        }
    }

    /// One more root, which `name` trusts from now on; its files are read again within a second.
    pub fn add_root_for(&self, name: &str) {
        let both = format!("{}{}", self.root, Self::new().root);
        self.write(&format!("{name}-bundle.pem"), &both);
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Ca {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().expect("ASCII"))
}

fn since_epoch() -> Duration {
    let now = jiff::Timestamp::now().as_millisecond();
    Duration::from_millis(now.try_into().expect("after 1970"))
}

/// A server that runs until it is dropped.
pub struct Running {
    pub ca: Ca,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub ended: Option<JoinHandle<()>>,
}

impl Running {
    pub async fn start(limits: Limits, router: Router) -> Self {
        Self::admitting(everyone(), limits, router).await
    }

    pub async fn admitting(admit: Admit, limits: Limits, router: Router) -> Self {
        let ca = Ca::new();
        let identity = ca.identity("server", LONG).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound");
        let refuse = Arc::new(|refusal, _: &http::Uri| refused(refusal));
        let metrics = Serving::default();
        let server = Server { listener, identity, router, limits, refuse, admit, metrics };
        let stop = CancellationToken::new();
        let run = server.run(stop.clone());
        #[expect(clippy::disallowed_methods, reason = "the test awaits the handle")]
        let ended = Some(tokio::spawn(run));
        Self { ca, address, stop, ended }
    }

    /// Waits for the server's end, which must come within `limit`.
    pub async fn end(&mut self, limit: Duration) {
        let ended = self.ended.take().expect("ended once");
        tokio::time::timeout(limit, ended).await.expect("it ends in time").expect("no panic");
    }

    /// An HTTP client with an identity of its own.
    pub async fn client(&self, name: &str, life: Duration) -> reqwest::Client {
        let identity = self.ca.identity(name, life).await;
        client(&identity, &[b"h2", b"http/1.1"])
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// A TLS connection that speaks HTTP/1.1, with whatever is then written to it.
    pub async fn tls(&self, name: &str) -> Raw {
        let identity = self.ca.identity(name, LONG).await;
        self.connect(identity.client_config(Expected::any())).await.expect("a handshake")
    }

    /// The same without a client certificate.
    pub async fn anonymous(&self) -> std::io::Result<Raw> {
        let identity = self.ca.identity("unused", LONG).await;
        let mut config = identity.client_config(Expected::any());
        config.client_auth_cert_resolver = Arc::new(NoCertificate);
        self.connect(config).await
    }

    async fn connect(&self, mut config: rustls::ClientConfig) -> std::io::Result<Raw> {
        config.alpn_protocols.clear();
        let tcp = TcpStream::connect(self.address).await?;
        let name = ServerName::from(self.address.ip());
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map(Raw)
    }
}

/// A client that has nothing to show.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

pub fn client(identity: &Identity, alpn: &[&[u8]]) -> reqwest::Client {
    let mut tls = identity.client_config(Expected::any());
    tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client")
}

/// What a test server answers when a handler doesn't: the refusal's name.
fn refused(refusal: Refusal) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{refusal:?}")).into_response()
}

/// A TLS connection by hand.
pub struct Raw(pub TlsStream<TcpStream>);

impl Raw {
    pub async fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.0.write_all(text.as_bytes()).await?;
        self.0.flush().await
    }

    /// One answer with a `content-length`, headers and body.
    pub async fn answer(&mut self) -> String {
        let mut text = String::new();
        while !complete(&text) {
            let mut chunk = Vec::with_capacity(1024);
            let n = self.0.read_buf(&mut chunk).await.expect("an answer");
            assert!(n > 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
        text
    }

    /// True if the server closes within `limit`; what it says before is ignored.
    pub async fn closes_within(&mut self, limit: Duration) -> bool {
        let mut rest = Vec::new();
        tokio::time::timeout(limit, self.0.read_to_end(&mut rest)).await.is_ok()
    }
}

fn complete(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() >= length.parse().expect("a number"))
}
