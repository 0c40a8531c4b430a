//! A certificate authority without scruples, and both ends of a TLS connection.
#![allow(dead_code, unreachable_pub, reason = "every test program uses its own part")]

use std::{fs, io, sync::Arc, time::Duration};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs::default_provider,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use spike_identity::{Identity, IdentityError, Source, Wanted};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longer than anything here takes.
pub const SOON: Duration = Duration::from_secs(10);

/// A CA that signs anything.
pub struct Ca {
    params: CertificateParams,
    key: KeyPair,
    pub cert: CertificateDer<'static>,
    pub pem: String,
}

/// A chain and the leaf's key.
pub struct Chain {
    pub certs: Vec<CertificateDer<'static>>,
    pub pem: String,
    pub key: KeyPair,
}

impl Ca {
    pub fn new() -> Self {
        let (params, key) = (Self::params(), KeyPair::generate().expect("a key"));
        let cert = params.self_signed(&key).expect("a root");
        Self { params, key, cert: cert.der().clone(), pem: cert.pem() }
    }

    pub fn params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    /// Signs `params` for a new key.
    pub fn sign(&self, params: &CertificateParams) -> Chain {
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let leaf = params.signed_by(&key, &issuer).expect("a certificate");
        Chain { certs: vec![leaf.der().clone()], pem: leaf.pem(), key }
    }

    /// A CA, or something that acts like one, under this one.
    pub fn intermediate(&self, mut params: CertificateParams) -> Self {
        params.distinguished_name.push(DnType::CommonName, "an intermediate");
        let Chain { mut certs, pem, key } = self.sign(&params);
        Self { params, key, cert: certs.remove(0), pem }
    }

    /// A good SVID.
    pub fn svid(&self, id: &str) -> Chain {
        self.sign(&svid_params(id))
    }
}

impl Chain {
    /// Signed by its own key.
    pub fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().expect("a key");
        let leaf = params.self_signed(&key).expect("a certificate");
        Self { certs: vec![leaf.der().clone()], pem: leaf.pem(), key }
    }

    pub fn with(mut self, intermediate: &Ca) -> Self {
        self.certs.push(intermediate.cert.clone());
        self.pem.push_str(&intermediate.pem);
        self
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key")
    }

    /// For rustls, however broken the certificates are.
    fn resolver(&self) -> Arc<SingleCertAndKey> {
        let key = default_provider().key_provider.load_private_key(self.key_der());
        let certified = CertifiedKey::new(self.certs.clone(), key.expect("a key"));
        Arc::new(SingleCertAndKey::from(certified))
    }

    /// A server that presents this chain and asks for nothing.
    pub fn server(&self) -> ServerConfig {
        ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("both versions")
            .with_no_client_auth()
            .with_cert_resolver(self.resolver())
    }

    /// A client that presents this chain and believes every server.
    pub fn client(&self) -> ClientConfig {
        credulous().with_client_cert_resolver(self.resolver())
    }
}

/// The beginning of a client that believes every server.
pub fn credulous() -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
}

#[derive(Debug)]
pub struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// What a conforming SVID of `id` looks like, for tests to spoil.
pub fn svid_params(id: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![uri(id)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    valid(&mut params, -60, 3600);
    params
}

pub fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().expect("ASCII"))
}

/// Sets the validity, in seconds from now.
pub fn valid(params: &mut CertificateParams, from: i64, to: i64) {
    let at = |offset: i64| {
        let seconds = u64::try_from(Timestamp::now().as_second() + offset).expect("after 1970");
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    (params.not_before, params.not_after) = (at(from), at(to));
}

/// The files of one identity.
pub struct Files {
    pub dir: TempDir,
}

impl Files {
    pub fn new(chain: &Chain, roots: &[&Ca]) -> Self {
        let files = Self { dir: tempfile::tempdir().expect("a directory") };
        files.write(chain, roots);
        files
    }

    /// Replaces all three, the bundle first.
    pub fn write(&self, chain: &Chain, roots: &[&Ca]) {
        let bundle: String = roots.iter().map(|root| root.pem.as_str()).collect();
        self.put("bundle.pem", &bundle);
        self.put("key.pem", &chain.key.serialize_pem());
        self.put("cert.pem", &chain.pem);
    }

    pub fn put(&self, name: &str, content: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, content).expect("written");
        fs::rename(new, self.dir.path().join(name)).expect("renamed");
    }

    pub fn source(&self) -> Source {
        let at = |name| self.dir.path().join(name);
        Source::Files { cert: at("cert.pem"), key: at("key.pem"), bundle: at("bundle.pem") }
    }

    pub async fn identity(&self) -> Identity {
        self.try_identity(Wanted::any().within(SOON)).await.expect("an identity")
    }

    pub async fn try_identity(&self, wanted: Wanted) -> Result<Identity, IdentityError> {
        let tracker = TaskTracker::new();
        Identity::start(self.source(), wanted, CancellationToken::new(), &tracker).await
    }
}

pub type ServerSide = io::Result<server::TlsStream<TcpStream>>;
pub type ClientSide = io::Result<client::TlsStream<TcpStream>>;

/// One handshake on loopback, and a byte each way so that both ends know how it ended.
pub async fn handshake(
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
) -> (ServerSide, ClientSide) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let accept = async {
        let (tcp, _) = listener.accept().await?;
        let mut tls = TlsAcceptor::from(server).accept(tcp).await?;
        tls.write_u8(1).await?;
        tls.flush().await?;
        tls.read_u8().await?;
        Ok(tls)
    };
    let connect = async {
        let tcp = TcpStream::connect(address).await?;
        // Not a name of any certificate here.
        let name = ServerName::try_from("nobody.invalid").expect("a name");
        let mut tls = TlsConnector::from(client).connect(name, tcp).await?;
        tls.write_u8(1).await?;
        tls.flush().await?;
        tls.read_u8().await?;
        Ok(tls)
    };
    timeout(SOON, async { tokio::join!(accept, connect) }).await.expect("in time")
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(SOON, waiting).await.is_ok(), "never: {what}");
}
