//! What TLS looks like from outside: versions, groups, ALPN, no resumption, optional certificates.

mod support;

use std::sync::Arc;

use rustls::{
    CipherSuite, ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    version::{TLS12, TLS13},
};
use spike_identity::{Expected, Identity, Peer, PeerError};
use support::{Ca, Credulous, Files, credulous, handshake};

const NEXUS: &str = "spiffe://test.example/spike/nexus";

async fn nexus() -> (Ca, Identity) {
    let ca = Ca::new();
    let files = Files::new(&ca.svid(NEXUS), &[&ca]);
    let identity = files.identity().await;
    (ca, identity)
}

fn peer_of(
    ours: &Identity,
    tls: &tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
) -> Result<Option<Peer>, PeerError> {
    ours.peer(tls.get_ref().1.peer_certificates())
}

#[tokio::test]
async fn both_ends_of_ours_prefer_tls13_post_quantum_and_http2() {
    let (_, ours) = nexus().await;
    let client = Arc::new(ours.client_config(Expected::any()));
    let (server, _) = handshake(ours.server_config(), client).await;
    let server = server.expect("a handshake");
    let tls = server.get_ref().1;
    assert_eq!(tls.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let group = tls.negotiated_key_exchange_group().expect("a group").name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
    assert_eq!(tls.alpn_protocol(), Some(&b"h2"[..]));
    let peer = peer_of(&ours, &server).expect("verified").expect("a certificate");
    assert_eq!(peer.id.as_str(), NEXUS);
    assert!(ours.still_valid(&peer, jiff::Timestamp::now()));
}

#[tokio::test]
async fn a_client_without_a_certificate_is_let_in_as_nobody() {
    let (_, ours) = nexus().await;
    let client = Arc::new(credulous().with_no_client_auth());
    let (server, client) = handshake(ours.server_config(), client).await;
    client.expect("it may ask for the health");
    assert_eq!(peer_of(&ours, &server.expect("a handshake")), Ok(None));
}

/// A client like SPIKE's Go SDK: TLS 1.2 will do, ALPN isn't spoken.
fn old_client(ca: &Ca, crypto: CryptoProvider) -> Arc<ClientConfig> {
    let chain = ca.svid("spiffe://test.example/workload");
    let key = rustls_pki_types::PrivateKeyDer::try_from(chain.key.serialize_der());
    let config = ClientConfig::builder_with_provider(crypto.into())
        .with_protocol_versions(&[&TLS12])
        .expect("TLS 1.2")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_client_auth_cert(chain.certs.clone(), key.expect("a key"));
    Arc::new(config.expect("a client"))
}

#[tokio::test]
async fn a_tls12_client_without_alpn_is_served() {
    let (ca, ours) = nexus().await;
    let client = old_client(&ca, aws_lc_rs::default_provider());
    let (server, client) = handshake(ours.server_config(), client).await;
    client.expect("a handshake");
    let server = server.expect("a handshake");
    let tls = server.get_ref().1;
    assert_eq!(tls.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(tls.alpn_protocol(), None);
    let peer = peer_of(&ours, &server).expect("verified").expect("a certificate");
    assert_eq!(peer.id.as_str(), "spiffe://test.example/workload");
}

#[tokio::test]
async fn a_fips_peer_finds_a_curve_and_a_suite() {
    let (ca, ours) = nexus().await;
    for group in [aws_lc_rs::kx_group::SECP256R1, aws_lc_rs::kx_group::SECP384R1] {
        let mut crypto = aws_lc_rs::default_provider();
        crypto.kx_groups = vec![group];
        crypto
            .cipher_suites
            .retain(|suite| suite.suite() == CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
        let (server, client) = handshake(ours.server_config(), old_client(&ca, crypto)).await;
        client.expect("a handshake");
        let server = server.expect("a handshake");
        let agreed = server.get_ref().1.negotiated_key_exchange_group().expect("a group").name();
        assert_eq!(agreed, group.name());
    }
}

#[tokio::test]
async fn no_session_is_ever_resumed() {
    let (ca, ours) = nexus().await;
    for version in [&TLS12, &TLS13] {
        // Its own memory of sessions is on.
        let client = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(&[version])
            .expect("a version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Credulous));
        let chain = ca.svid("spiffe://test.example/workload");
        let key = rustls_pki_types::PrivateKeyDer::try_from(chain.key.serialize_der());
        let client = client.with_client_auth_cert(chain.certs, key.expect("a key"));
        let client = Arc::new(client.expect("a client"));
        for _ in 0..3 {
            let (server, _) = handshake(ours.server_config(), Arc::clone(&client)).await;
            let server = server.expect("a handshake");
            let kind = server.get_ref().1.handshake_kind();
            assert!(
                matches!(
                    kind,
                    Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest)
                ),
                "{kind:?}"
            );
            assert!(peer_of(&ours, &server).expect("verified").is_some());
        }
    }
}

#[tokio::test]
async fn our_client_never_resumes_although_a_server_would() {
    let (ca, ours) = nexus().await;
    let client = Arc::new(ours.client_config(Expected::any()));
    // rustls gives tickets to everybody unless told otherwise.
    let server = Arc::new(ca.svid("spiffe://test.example/other").server());
    for _ in 0..3 {
        let (_, client) = handshake(Arc::clone(&server), Arc::clone(&client)).await;
        let client = client.expect("a handshake");
        let kind = client.get_ref().1.handshake_kind();
        assert!(matches!(kind, Some(HandshakeKind::Full)), "{kind:?}");
    }
}
