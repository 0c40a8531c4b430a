//! Hostile certificates over real handshakes: each is refused by its own error, at both ends.

mod support;

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType,
};
use rustls_pki_types::CertificateDer;
use spike_core::InvalidSpiffeId;
use spike_identity::{Expected, Identity, PeerError};
use support::{Ca, Chain, Files, handshake, svid_params, uri, valid};

const GOOD: &str = "spiffe://test.example/workload/billing";

/// What our server says of a client, and our client of a server, with this chain.
async fn verdicts(ours: &Identity, chain: &Chain) -> [Result<(), PeerError>; 2] {
    let (server, _) = handshake(ours.server_config(), Arc::new(chain.client())).await;
    let client = Arc::new(ours.client_config(Expected::any()));
    let (_, client) = handshake(Arc::new(chain.server()), client).await;
    let why = |error: std::io::Error| {
        PeerError::find(&error).ok_or(error).expect("refused for the certificate")
    };
    [server.map(drop).map_err(why), client.map(drop).map_err(why)]
}

fn spoilt(spoil: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = svid_params(GOOD);
    spoil(&mut params);
    params
}

fn untrusted(why: &str) -> PeerError {
    PeerError::Untrusted(why.to_owned())
}

struct World {
    ca: Ca,
    ours: Identity,
}

impl World {
    async fn new() -> Self {
        let ca = Ca::new();
        let files = Files::new(&ca.svid("spiffe://test.example/spike/nexus"), &[&ca]);
        let ours = files.identity().await;
        Self { ca, ours }
    }

    async fn refuses(&self, name: &str, chain: &Chain, expected: &PeerError) {
        for verdict in verdicts(&self.ours, chain).await {
            assert_eq!(verdict.as_ref(), Err(expected), "{name}");
        }
    }
}

#[tokio::test]
async fn leaves_that_break_a_rule_are_refused() {
    let world = World::new().await;
    let table: Vec<(&str, CertificateParams, PeerError)> = vec![
        ("no URI SAN", spoilt(|p| p.subject_alt_names = dns("test.example")), PeerError::NoUri),
        (
            "two URI SANs",
            spoilt(|p| p.subject_alt_names.push(uri("spiffe://test.example/spike/nexus"))),
            PeerError::ManyUris(2),
        ),
        (
            "the same URI twice",
            spoilt(|p| p.subject_alt_names.push(uri(GOOD))),
            PeerError::ManyUris(2),
        ),
        (
            "a second URI that is no text",
            spoilt(|p| replace_names(p, &[GOOD.as_bytes(), b"spiffe://test.example/\xff"])),
            PeerError::Malformed,
        ),
        (
            "alternative names twice",
            spoilt(|p| p.custom_extensions.push(names(&[GOOD.as_bytes()]))),
            PeerError::Malformed,
        ),
        (
            "a CA",
            spoilt(|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            PeerError::Authority,
        ),
        ("no path", svid_params("spiffe://test.example"), PeerError::NoPath),
        (
            "another trust domain",
            svid_params("spiffe://evil.example/workload/billing"),
            PeerError::ForeignDomain("evil.example".into()),
        ),
        (
            "a trust domain that begins like ours",
            svid_params("spiffe://test.example.evil.example/workload/billing"),
            PeerError::ForeignDomain("test.example.evil.example".into()),
        ),
        ("expired", spoilt(|p| valid(p, -60, -1)), PeerError::Expired),
        ("not yet valid", spoilt(|p| valid(p, 60, 3600)), PeerError::NotYetValid),
    ];
    for (name, params, expected) in table {
        world.refuses(name, &world.ca.sign(&params), &expected).await;
    }
}

#[tokio::test]
async fn uris_that_are_not_spiffe_ids_are_refused() {
    let world = World::new().await;
    for (raw, why) in [
        ("https://test.example/spike/nexus", InvalidSpiffeId::Scheme),
        ("SPIFFE://test.example/spike/nexus", InvalidSpiffeId::Scheme),
        ("urn:spiffe://test.example/spike/nexus", InvalidSpiffeId::Scheme),
        ("spiffe:///spike/nexus", InvalidSpiffeId::TrustDomain),
        ("spiffe://test.example:443/spike/nexus", InvalidSpiffeId::TrustDomain),
        ("spiffe://evil@test.example/spike/nexus", InvalidSpiffeId::TrustDomain),
        ("spiffe://test.example/a/../spike/nexus", InvalidSpiffeId::Segment),
        ("spiffe://test.example/./spike/nexus", InvalidSpiffeId::Segment),
        ("spiffe://test.example//spike/nexus", InvalidSpiffeId::Segment),
        ("spiffe://test.example/spike/nexus/", InvalidSpiffeId::Segment),
        ("spiffe://test.example/spike%2Fnexus", InvalidSpiffeId::Segment),
        ("spiffe://test.example/spike/nexus?x", InvalidSpiffeId::Segment),
        ("spiffe://test.example/spike/nexus#x", InvalidSpiffeId::Segment),
        ("spiffe://test.example/spike/nexus\0.evil", InvalidSpiffeId::Segment),
    ] {
        let chain = world.ca.sign(&svid_params(raw));
        world.refuses(raw, &chain, &PeerError::BadId(why)).await;
    }
    let long = format!("spiffe://test.example/{}", "a".repeat(2048));
    let chain = world.ca.sign(&svid_params(&long));
    world.refuses("too long", &chain, &PeerError::BadId(InvalidSpiffeId::TooLong)).await;
}

#[tokio::test]
async fn key_usages_of_anything_but_a_handshake_are_refused() {
    use KeyUsagePurpose::{CrlSign, DigitalSignature, KeyAgreement, KeyCertSign};
    let world = World::new().await;
    for (usages, why) in [
        (vec![], "it has none"),
        (vec![KeyAgreement], "digitalSignature is not set"),
        (vec![DigitalSignature, KeyCertSign], "keyCertSign is set"),
        (vec![DigitalSignature, CrlSign], "cRLSign is set"),
    ] {
        let chain = world.ca.sign(&spoilt(|p| p.key_usages = usages));
        world.refuses(why, &chain, &PeerError::KeyUsage(why)).await;
    }
    for (usage, lacks) in [
        (ExtendedKeyUsagePurpose::ServerAuth, "clientAuth"),
        (ExtendedKeyUsagePurpose::ClientAuth, "serverAuth"),
        (ExtendedKeyUsagePurpose::CodeSigning, "serverAuth"),
    ] {
        let chain = world.ca.sign(&spoilt(|p| p.extended_key_usages = vec![usage]));
        world.refuses(lacks, &chain, &PeerError::ExtendedKeyUsage(lacks)).await;
    }
}

#[tokio::test]
async fn signatures_of_anybody_else_are_refused() {
    let world = World::new().await;
    let unknown = untrusted("UnknownIssuer");
    world.refuses("self-signed", &Chain::self_signed(&svid_params(GOOD)), &unknown).await;

    // The foreign root has our root's name.
    let foreign = Ca::new();
    let bad_signature = untrusted("InvalidSignatureForPublicKey");
    world.refuses("a foreign root", &foreign.svid(GOOD), &bad_signature).await;
    let with_its_root = foreign.svid(GOOD).with(&foreign);
    world.refuses("a foreign root, sent along", &with_its_root, &bad_signature).await;

    let workload = world.ca.intermediate(svid_params(GOOD));
    let forged = workload.svid("spiffe://test.example/spike/nexus").with(&workload);
    world.refuses("signed by a workload", &forged, &untrusted("EndEntityUsedAsCa")).await;

    let mut params = Ca::params();
    valid(&mut params, -60, -1);
    let late = world.ca.intermediate(params);
    let chain = late.svid(GOOD).with(&late);
    let [Err(PeerError::Untrusted(why)), _] = verdicts(&world.ours, &chain).await else {
        panic!("an expired intermediate vouched");
    };
    assert!(why.starts_with("CertExpired"), "{why}");

    let mut params = Ca::params();
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let powerless = world.ca.intermediate(params);
    let chain = powerless.svid(GOOD).with(&powerless);
    let why = PeerError::KeyUsage("keyCertSign is not set on an intermediate");
    world.refuses("an intermediate that may not sign", &chain, &why).await;
}

#[tokio::test]
async fn bytes_that_are_no_certificate_are_refused() {
    let world = World::new().await;
    let mut chain = world.ca.svid(GOOD);
    let good = chain.certs[0].to_vec();
    let mut trailing = good.clone();
    trailing.push(0);
    let cut = good[..good.len() / 2].to_vec();
    for bytes in [b"garbage".to_vec(), trailing, cut] {
        chain.certs = vec![CertificateDer::from(bytes)];
        world.refuses("no certificate", &chain, &PeerError::Malformed).await;
    }
}

#[tokio::test]
async fn conforming_certificates_are_accepted() {
    let world = World::new().await;
    let intermediate = world.ca.intermediate(Ca::params());
    for (name, chain) in [
        ("plain", world.ca.svid(GOOD)),
        ("under an intermediate", intermediate.svid(GOOD).with(&intermediate)),
        // X509-SVID §4.4: a leaf SHOULD have it.
        ("no extended key usage", world.ca.sign(&spoilt(|p| p.extended_key_usages.clear()))),
        (
            "a wrong DNS name",
            world.ca.sign(&spoilt(|p| p.subject_alt_names.extend(dns("evil.example")))),
        ),
        ("explicitly no CA", world.ca.sign(&spoilt(|p| p.is_ca = IsCa::ExplicitNoCa))),
    ] {
        assert_eq!(verdicts(&world.ours, &chain).await, [Ok(()), Ok(())], "{name}");
    }
}

#[tokio::test]
async fn a_trusted_server_that_is_somebody_else_is_refused() {
    let world = World::new().await;
    let expected = Expected::matching(
        |id| id.is_under("spiffe://test.example/spike/keeper"),
        "a Keeper of test.example",
    );
    let client = Arc::new(world.ours.client_config(expected));
    let impostor = world.ca.svid("spiffe://test.example/spike/keeperish");
    let (_, refused) = handshake(Arc::new(impostor.server()), Arc::clone(&client)).await;
    let why = PeerError::find(&refused.expect_err("an impostor")).expect("for the certificate");
    assert_eq!(
        why.to_string(),
        "spiffe://test.example/spike/keeperish answered, expected a Keeper of test.example"
    );

    let keeper = world.ca.svid("spiffe://test.example/spike/keeper/0");
    let (_, accepted) = handshake(Arc::new(keeper.server()), client).await;
    accepted.expect("the Keeper");
}

fn dns(name: &str) -> Vec<SanType> {
    vec![SanType::DnsName(name.try_into().expect("a name"))]
}

/// An alternative-name extension with these URIs, byte by byte.
fn names(uris: &[&[u8]]) -> CustomExtension {
    let tlv = |tag: u8, value: &[u8]| {
        let length = u8::try_from(value.len()).ok().filter(|length| *length < 128);
        [&[tag, length.expect("short")], value].concat()
    };
    let entries: Vec<u8> = uris.iter().flat_map(|uri| tlv(0x86, uri)).collect();
    CustomExtension::from_oid_content(&[2, 5, 29, 17], tlv(0x30, &entries))
}

fn replace_names(params: &mut CertificateParams, uris: &[&[u8]]) {
    params.subject_alt_names.clear();
    params.custom_extensions.push(names(uris));
}
