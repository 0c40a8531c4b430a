use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};

use super::*;

struct Ca {
    params: CertificateParams,
    key: KeyPair,
    cert: CertificateDer<'static>,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let cert = params.self_signed(&key).expect("a root").der().clone();
        Self { params, key, cert }
    }

    /// Valid for all of 2026.
    fn svid(&self, id: &str) -> Offered {
        self.svid_until(id, (2027, 1))
    }

    fn svid_until(&self, id: &str, (year, month): (i32, u8)) -> Offered {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(id.try_into().expect("ASCII"))];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        (params.not_before, params.not_after) =
            (date_time_ymd(2026, 1, 1), date_time_ymd(year, month, 1));
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let leaf = params.signed_by(&key, &issuer).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        Offered { chain: vec![leaf], key: Zeroizing::new(key) }
    }
}

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().expect("a time")
}

fn offer(svids: Vec<Offered>, bundles: &[(&str, &[&Ca])]) -> Offer {
    let certs = |roots: &[&Ca]| roots.iter().map(|root| root.cert.clone()).collect();
    let bundles = bundles.iter().map(|(domain, roots)| ((*domain).to_owned(), certs(roots)));
    Offer { svids, bundles: bundles.collect() }
}

fn choose(offer: Offer, previous: Option<&Material>) -> Material {
    Material::choose(offer, &Expected::any(), previous, now()).expect("usable")
}

fn verify(material: &Material, svid: &Offered) -> Result<Peer, PeerError> {
    material.verify_chain(&svid.chain, End::Client, now())
}

const OURS: &str = "spiffe://a.example/nexus";

#[test]
fn a_root_vouches_for_its_own_trust_domain_only() {
    let (a, b) = (Ca::new(), Ca::new());
    let bundles: &[(&str, &[&Ca])] = &[("a.example", &[&a]), ("b.example", &[&b])];
    let material = choose(offer(vec![a.svid(OURS)], bundles), None);

    let federated = verify(&material, &b.svid("spiffe://b.example/x")).expect("federated");
    assert_eq!(federated.id.as_str(), "spiffe://b.example/x");
    for (ca, id) in [(&b, "spiffe://a.example/nexus"), (&a, "spiffe://b.example/x")] {
        let refused = verify(&material, &ca.svid(id)).expect_err("of the other domain");
        assert!(matches!(refused, PeerError::Untrusted(_)), "{id}: {refused}");
    }
    let refused = verify(&material, &a.svid("spiffe://c.example/x"));
    assert_eq!(refused, Err(PeerError::ForeignDomain("c.example".into())));
}

#[test]
fn a_change_of_one_bundle_leaves_the_others_connections_alone() {
    let (a, b, c) = (Ca::new(), Ca::new(), Ca::new());
    let first =
        choose(offer(vec![a.svid(OURS)], &[("a.example", &[&a]), ("b.example", &[&b])]), None);
    let (of_a, of_b) = (a.svid("spiffe://a.example/x"), b.svid("spiffe://b.example/x"));
    let (in_a, in_b) = (verify(&first, &of_a).expect("a"), verify(&first, &of_b).expect("b"));

    let changed = choose(
        offer(vec![a.svid(OURS)], &[("a.example", &[&a]), ("b.example", &[&b, &c])]),
        Some(&first),
    );
    assert!(changed.still_valid(&in_a, now()));
    assert!(!changed.still_valid(&in_b, now()));
    assert!(changed.still_valid(&verify(&changed, &of_b).expect("b"), now()));
}

#[test]
fn a_bundle_that_went_and_came_back_is_a_new_one() {
    let (a, b) = (Ca::new(), Ca::new());
    let both: &[(&str, &[&Ca])] = &[("a.example", &[&a]), ("b.example", &[&b])];
    let first = choose(offer(vec![a.svid(OURS)], both), None);
    let peer = verify(&first, &b.svid("spiffe://b.example/x")).expect("federated");

    let gone = choose(offer(vec![a.svid(OURS)], &[("a.example", &[&a])]), Some(&first));
    assert!(!gone.still_valid(&peer, now()));
    let back = choose(offer(vec![a.svid(OURS)], both), Some(&gone));
    assert!(!back.still_valid(&peer, now()), "what happened in between is unknown");
}

#[test]
fn a_peer_is_valid_until_its_last_second_and_ours() {
    let a = Ca::new();
    let material = choose(offer(vec![a.svid(OURS)], &[("a.example", &[&a])]), None);
    let peer = verify(&material, &a.svid("spiffe://a.example/x")).expect("trusted");
    let end: Timestamp = "2027-01-01T00:00:00Z".parse().expect("a time");
    assert_eq!((peer.expires_at, material.expires_at()), (end, end));
    let second = std::time::Duration::from_secs(1);
    assert!(material.still_valid(&peer, end - second));
    assert!(!material.still_valid(&peer, end));
}

#[test]
fn a_client_that_is_known_expires_and_does_not_outlive_its_root() {
    let (a, b) = (Ca::new(), Ca::new());
    let both: &[(&str, &[&Ca])] = &[("a.example", &[&a]), ("b.example", &[&b])];
    let first = choose(offer(vec![a.svid(OURS)], both), None);
    let (end_of_a, client) = (first.expires_at(), b.svid("spiffe://b.example/x"));
    let known = verify(&first, &client).expect("trusted");
    assert_eq!(verify(&first, &client), Ok(known), "again");

    let gone = choose(offer(vec![a.svid(OURS)], &[("a.example", &[&a])]), Some(&first));
    assert_eq!(verify(&gone, &client), Err(PeerError::ForeignDomain("b.example".into())));
    let late = first.verify_chain(&client.chain, End::Client, end_of_a);
    assert_eq!(late, Err(PeerError::OwnExpired(end_of_a)));
}

#[test]
fn a_known_client_with_an_end_before_ours_is_refused_at_its_end() {
    let a = Ca::new();
    let material = choose(offer(vec![a.svid(OURS)], &[("a.example", &[&a])]), None);
    let client = a.svid_until("spiffe://a.example/x", (2026, 7));
    let known = verify(&material, &client).expect("trusted");
    let refused = material.verify_chain(&client.chain, End::Client, known.expires_at);
    assert_eq!(refused, Err(PeerError::Expired));
}

#[test]
fn a_broken_bundle_of_another_domain_is_left_out() {
    let a = Ca::new();
    let mut offer = offer(vec![a.svid(OURS)], &[("a.example", &[&a])]);
    offer.bundles.insert("b.example".to_owned(), vec![CertificateDer::from(vec![0x30, 0])]);
    let material = choose(offer, None);
    let refused = verify(&material, &a.svid("spiffe://b.example/x"));
    assert_eq!(refused, Err(PeerError::ForeignDomain("b.example".into())));
    verify(&material, &a.svid("spiffe://a.example/x")).expect("our own domain is there");
}

#[test]
fn the_wanted_svid_is_chosen_not_the_first() {
    let a = Ca::new();
    let svids = || vec![a.svid("spiffe://a.example/web"), a.svid(OURS)];
    let wanted = Expected::matching(|id| id.as_str() == OURS, "a Nexus");
    let bundles: &[(&str, &[&Ca])] = &[("a.example", &[&a])];
    let chosen = Material::choose(offer(svids(), bundles), &wanted, None, now());
    assert_eq!(chosen.expect("usable").id().as_str(), OURS);

    let none = Expected::matching(|_| false, "a Keeper");
    let refused = Material::choose(offer(svids(), bundles), &none, None, now());
    assert_eq!(
        refused.expect_err("none").to_string(),
        "no SVID is a Keeper; offered: spiffe://a.example/web, spiffe://a.example/nexus"
    );
    let refused = Material::choose(offer(Vec::new(), bundles), &none, None, now());
    assert_eq!(refused.expect_err("none").to_string(), "no SVID is a Keeper; offered: nothing");
}

#[test]
fn an_identity_stays_who_it_is_while_that_is_offered() {
    let a = Ca::new();
    let bundles: &[(&str, &[&Ca])] = &[("a.example", &[&a])];
    let first = choose(offer(vec![a.svid(OURS)], bundles), None);
    let more = vec![a.svid("spiffe://a.example/another"), a.svid(OURS)];
    assert_eq!(choose(offer(more, bundles), Some(&first)).id().as_str(), OURS);
}

#[test]
fn an_svid_that_we_would_refuse_ourselves_is_unusable() {
    let (a, b) = (Ca::new(), Ca::new());
    let late: Timestamp = "2027-01-01T00:00:00Z".parse().expect("a time");
    let mixed_up = Offered { chain: a.svid(OURS).chain, key: a.svid(OURS).key };
    for (svid, root, now, reason) in [
        (a.svid(OURS), &b, now(), "not signed by its trust domain"),
        (a.svid(OURS), &a, late, "expired"),
        (mixed_up, &a, now(), "its key"),
    ] {
        let offer = offer(vec![svid], &[("a.example", &[root])]);
        let refused = Material::choose(offer, &Expected::any(), None, now).expect_err(reason);
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}
