//! The files source, and what a rotation does to open connections.

mod support;

use std::{fs, os::unix::fs::symlink, sync::Arc, time::Duration};

use jiff::Timestamp;
use spike_identity::{Expected, Identity, Peer, PeerError, Source, Wanted};
use support::{Ca, Files, eventually, handshake, svid_params, valid};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const NEXUS: &str = "spiffe://test.example/spike/nexus";

type Open = TlsStream<tokio::net::TcpStream>;

/// A connection between two of the same identity, and who the server says the client is.
async fn connect(ours: &Identity) -> (Open, Peer) {
    let client = Arc::new(ours.client_config(Expected::any()));
    let (server, client) = handshake(ours.server_config(), client).await;
    client.expect("a handshake");
    let server = server.expect("a handshake");
    let peer = ours.peer(server.get_ref().1.peer_certificates()).expect("verified");
    (server, peer.expect("a certificate"))
}

/// The end of our leaf tells one from another.
fn short_lived(ca: &Ca, seconds: i64) -> support::Chain {
    let mut params = svid_params(NEXUS);
    valid(&mut params, -60, seconds);
    ca.sign(&params)
}

#[tokio::test]
async fn an_expired_svid_is_refused_on_an_open_connection() {
    let ca = Ca::new();
    let ours = Files::new(&ca.svid(NEXUS), &[&ca]).identity().await;
    let client = short_lived(&ca, 3);
    let (server, _) = handshake(ours.server_config(), Arc::new(client.client())).await;
    let server = server.expect("a handshake");
    let chain = server.get_ref().1.peer_certificates();
    let peer = ours.peer(chain).expect("verified").expect("a certificate");
    assert!(ours.still_valid(&peer, Timestamp::now()));

    eventually("it expires", || !ours.still_valid(&peer, Timestamp::now())).await;
    assert!(Timestamp::now() <= peer.expires_at + Duration::from_secs(1));
    assert_eq!(ours.peer(chain), Err(PeerError::Expired));
}

#[tokio::test]
async fn a_changed_bundle_ends_the_validity_of_open_connections() {
    let ca = Ca::new();
    let chain = ca.svid(NEXUS);
    let files = Files::new(&chain, &[&ca]);
    let ours = files.identity().await;
    let (_open, peer) = connect(&ours).await;
    assert!(ours.still_valid(&peer, Timestamp::now()));

    files.write(&chain, &[&ca, &Ca::new()]);
    eventually("the bundle changes", || !ours.still_valid(&peer, Timestamp::now())).await;
    let (_open, again) = connect(&ours).await;
    assert!(ours.still_valid(&again, Timestamp::now()), "a new connection is of the new bundle");
}

#[tokio::test]
async fn a_client_of_a_withdrawn_root_is_refused() {
    let (old, new) = (Ca::new(), Ca::new());
    let files = Files::new(&old.svid(NEXUS), &[&old]);
    let ours = files.identity().await;
    let client = old.svid("spiffe://test.example/workload");
    let (server, _) = handshake(ours.server_config(), Arc::new(client.client())).await;
    let server = server.expect("the root is still known");
    let before = ours.expires_at();

    let mut params = svid_params(NEXUS);
    valid(&mut params, -60, 7200);
    files.write(&new.sign(&params), &[&new]);
    eventually("both are replaced", || ours.expires_at() > before).await;
    let chain = server.get_ref().1.peer_certificates();
    assert!(matches!(ours.peer(chain), Err(PeerError::Untrusted(_))), "on the open connection");
    let (server, _) = handshake(ours.server_config(), Arc::new(client.client())).await;
    let refused = PeerError::find(&server.expect_err("on a new one"));
    assert!(matches!(refused, Some(PeerError::Untrusted(_))), "{refused:?}");
}

#[tokio::test]
async fn our_own_rotation_leaves_open_connections_alone() {
    let ca = Ca::new();
    let files = Files::new(&short_lived(&ca, 1000), &[&ca]);
    let ours = files.identity().await;
    let (_open, peer) = connect(&ours).await;
    let before = ours.expires_at();

    files.write(&short_lived(&ca, 2000), &[&ca]);
    eventually("the SVID is renewed", || ours.expires_at() > before).await;
    assert!(ours.still_valid(&peer, Timestamp::now()), "the roots are the same");
    let (_open, renewed) = connect(&ours).await;
    assert_eq!(renewed.expires_at, ours.expires_at(), "new handshakes have the new SVID");
}

#[tokio::test]
async fn the_same_roots_in_another_order_are_the_same_bundle() {
    let (ca, other) = (Ca::new(), Ca::new());
    let files = Files::new(&short_lived(&ca, 1000), &[&ca, &other]);
    let ours = files.identity().await;
    let (_open, peer) = connect(&ours).await;
    let before = ours.expires_at();

    files.write(&short_lived(&ca, 2000), &[&other, &ca, &other]);
    eventually("the SVID is renewed", || ours.expires_at() > before).await;
    assert!(ours.still_valid(&peer, Timestamp::now()));
}

#[tokio::test]
async fn broken_files_keep_what_was_there_and_are_reported() {
    let ca = Ca::new();
    let good = ca.svid(NEXUS);
    let files = Files::new(&good, &[&ca]);
    let ours = files.identity().await;
    let before = ours.expires_at();
    let other = ca.svid(NEXUS);
    for (name, content, reason) in [
        ("cert.pem", "garbage".to_owned(), "no certificate in PEM"),
        ("cert.pem", other.pem.clone(), "its key"),
        ("cert.pem", ca.svid("spiffe://other.example/x").pem, "its key"),
        ("key.pem", String::new(), "no private key in PEM"),
        ("bundle.pem", String::new(), "no certificate in PEM"),
        ("bundle.pem", Ca::new().pem, "not signed by its trust domain"),
    ] {
        files.put(name, &content);
        let trouble = || ours.health().trouble.map_or_else(String::new, |t| t.to_string());
        eventually(reason, || trouble().contains(reason)).await;
        assert!(!trouble().contains("PRIVATE KEY"));
        assert_eq!(ours.expires_at(), before);
        connect(&ours).await;

        files.write(&good, &[&ca]);
        eventually("it recovers", || ours.health().trouble.is_none()).await;
    }
}

#[tokio::test]
async fn a_kubernetes_volume_is_followed() {
    let ca = Ca::new();
    let root = tempfile::tempdir().expect("a directory");
    let version = |name: &str, chain: &support::Chain| {
        let dir = root.path().join(name);
        fs::create_dir(&dir).expect("made");
        let key = chain.key.serialize_pem();
        for (file, content) in [("cert", &chain.pem), ("key", &key), ("bundle", &ca.pem)] {
            fs::write(dir.join(file), content).expect("written");
        }
        symlink(name, root.path().join("..data_tmp")).expect("linked");
        let data = root.path().join("..data");
        fs::rename(root.path().join("..data_tmp"), data).expect("swapped");
    };
    version("..1", &short_lived(&ca, 1000));
    let [cert, key, bundle] = ["cert", "key", "bundle"].map(|file| {
        let path = root.path().join(file);
        symlink(format!("..data/{file}"), &path).expect("linked");
        path
    });
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let source = Source::Files { cert, key, bundle };
    let ours =
        Identity::start(source, Wanted::any(), stop.clone(), &tracker).await.expect("an SVID");
    let before = ours.expires_at();

    version("..2", &short_lived(&ca, 2000));
    eventually("the new version is read", || ours.expires_at() > before).await;

    stop.cancel();
    tracker.close();
    tokio::time::timeout(support::SOON, tracker.wait()).await.expect("following stops");
}

#[tokio::test]
async fn an_identity_that_has_expired_trusts_nobody() {
    let ca = Ca::new();
    let ours = Files::new(&short_lived(&ca, 2), &[&ca]).identity().await;
    let client = ca.svid("spiffe://test.example/workload");
    let (server, _) = handshake(ours.server_config(), Arc::new(client.client())).await;
    let server = server.expect("a handshake");
    let chain = server.get_ref().1.peer_certificates();
    let peer = ours.peer(chain).expect("verified").expect("a certificate");

    eventually("ours expires", || Timestamp::now() >= ours.expires_at()).await;
    assert!(!ours.still_valid(&peer, Timestamp::now()));
    assert_eq!(ours.peer(chain), Err(PeerError::OwnExpired(ours.expires_at())));
    let (server, _) = handshake(ours.server_config(), Arc::new(client.client())).await;
    let refused = PeerError::find(&server.expect_err("nobody can be verified"));
    assert_eq!(refused, Some(PeerError::OwnExpired(ours.expires_at())));
    let nobody = Arc::new(support::credulous().with_no_client_auth());
    let (server, _) = handshake(ours.server_config(), nobody).await;
    server.expect("the health can still be asked for");
}

#[tokio::test]
async fn a_missing_file_is_named_in_time() {
    let ca = Ca::new();
    let files = Files::new(&ca.svid(NEXUS), &[&ca]);
    fs::remove_file(files.dir.path().join("key.pem")).expect("removed");
    let patience = Duration::from_secs(2);
    let refused = files.try_identity(Wanted::any().within(patience)).await;
    let text = refused.expect_err("no key").to_string();
    assert!(text.contains("within 2s") && text.contains("key.pem"), "{text}");
}

#[tokio::test]
async fn an_svid_that_is_not_wanted_is_named() {
    let ca = Ca::new();
    let files = Files::new(&ca.svid("spiffe://test.example/spike/keeper"), &[&ca]);
    let wanted = Wanted::matching(|id| id.as_str() == NEXUS, "a Nexus of test.example");
    let refused = files.try_identity(wanted.within(Duration::from_secs(1))).await;
    let text = refused.expect_err("a Keeper").to_string();
    let reason = "no SVID is a Nexus of test.example; offered: spiffe://test.example/spike/keeper";
    assert!(text.ends_with(reason), "{text}");
}

#[tokio::test]
async fn a_key_is_never_printed() {
    let ca = Ca::new();
    let ours = Files::new(&ca.svid(NEXUS), &[&ca]).identity().await;
    let text = format!("{ours:?} {:?}", ours.client_config(Expected::any()));
    assert!(text.contains("[redacted]") && !text.contains("CertifiedKey"), "{text}");
}
