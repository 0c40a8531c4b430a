//! A token is traded for an SVID, over real TLS, by the source that Nexus and Keepers use.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use spike_authority::builtin;
use spike_identity::{Given, Identity, IdentityError, Source, Svid, Wanted, authority};
use spike_operator::authority::{
    Account, Authority, Mapping, Review, ReviewError, Root, Roots, router,
};
use spike_runtime::{Limits, Server, metrics::Serving, reply, serve::everyone};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const LIFE: Duration = Duration::from_secs(20);

/// Believes what a token says: `<namespace>:<account>` and, if there is one, `/<pod>`.
struct Believing;

impl Review for Believing {
    async fn review(&self, token: &str, audience: &str) -> Result<Account, ReviewError> {
        let (account, pod) = match token.split_once('/') {
            Some((account, pod)) => (account, Some(pod.to_owned())),
            None => (token, None),
        };
        let denied = || ReviewError::Denied { audience: audience.to_owned() };
        Account::parse(&format!("system:serviceaccount:{account}"), pod).ok_or_else(denied)
    }
}

fn root(now: Timestamp) -> Root {
    let made = builtin::Root::generate("example.org", now).expect("a root");
    Root {
        certificate: made.certificate().to_owned(),
        key: made.key().clone(),
        made_at: now,
        published_at: Some(now),
        retired_at: None,
    }
}

/// The authority's own SVID.
fn own(roots: &Roots) -> Arc<Svid> {
    let signing = roots.signing().expect("there is one");
    let root = builtin::Root::kept(&signing.certificate, signing.key.clone());
    let id = "spiffe://example.org/spike/authority/team/demo".parse().expect("an ID");
    let issued = root.issue(&id, &[], LIFE, Timestamp::now()).expect("issued");
    Arc::new(Svid {
        chain: authority::certificates(&issued.chain).expect("PEM"),
        key: issued.key,
        roots: authority::certificates(&roots.bundle()).expect("PEM"),
    })
}

/// An authority on a port of its own, and the folder that a kubelet would fill.
struct World {
    url: String,
    folder: tempfile::TempDir,
    roots: watch::Sender<Roots>,
    give: watch::Sender<Option<Arc<Svid>>>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl World {
    async fn start() -> Self {
        spike_identity::install_crypto();
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let first = Roots { roots: vec![root(Timestamp::now())] };
        let (give, given) = watch::channel(Some(own(&first)));
        let source = Source::Given(Given::new(given));
        let identity =
            Identity::start(source, Wanted::any(), stop.clone(), &tracker).await.expect("its own");
        let (roots, seen) = watch::channel(first);
        let instance = "team/demo".parse().expect("an instance");
        let operator = "spike-system/spike-operator".parse().expect("an account");
        let authority = Authority {
            review: Believing,
            mapping: Mapping::new("example.org", &instance, &operator, LIFE),
            audience: "spike.ist/team/demo".to_owned(),
            roots: seen,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        let server = Server {
            listener,
            identity,
            router: router(Arc::new(authority)),
            limits: Limits::default(),
            refuse: Arc::new(reply::unserved),
            admit: everyone(),
            metrics: Serving::default(),
        };
        tracker.spawn(server.run(stop.clone()));
        let folder = tempfile::tempdir().expect("a folder");
        let world = Self { url, folder, roots, give, stop, tracker };
        world.mount();
        world
    }

    /// What the kubelet does when the `ConfigMap` changes.
    fn mount(&self) {
        std::fs::write(self.path("bundle"), self.roots.borrow().bundle()).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn identity(&self, token: &str) -> Result<Identity, IdentityError> {
        std::fs::write(self.path("token"), token).expect("written");
        let source = Source::Kubernetes {
            authority: self.url.clone(),
            token: self.path("token"),
            bundle: self.path("bundle"),
        };
        let wanted = Wanted::any().within(Duration::from_secs(5));
        Identity::start(source, wanted, self.stop.clone(), &self.tracker).await
    }

    async fn end(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[tokio::test]
async fn a_pods_token_is_traded_for_the_identity_of_its_role() {
    let world = World::start().await;
    let token = "team:spike-demo-keeper/spike-demo-keeper-1";
    let keeper = world.identity(token).await.expect("an identity");
    let expected = "spiffe://example.org/spike/keeper/team/demo/spike-demo-keeper-1";
    assert_eq!(keeper.id().as_str(), expected);
    world.end().await;
}

#[tokio::test]
async fn who_may_not_have_a_role_is_told_why() {
    let world = World::start().await;
    let refused = world.identity("team:spike-demo-nexus").await.expect_err("no pod");
    let text = refused.to_string();
    assert!(text.contains("403") && text.contains("bound to a pod"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn a_server_that_no_root_vouches_for_never_sees_the_token() {
    let world = World::start().await;
    let stranger = Roots { roots: vec![root(Timestamp::now())] };
    std::fs::write(world.path("bundle"), stranger.bundle()).expect("written");
    let refused = world.identity("team:spike-demo-nexus/x").await.expect_err("another root");
    assert!(!refused.to_string().contains("403"), "{refused}");
    world.end().await;
}

/// A workload's SVID is a valid one of the same root, and yet nobody's authority.
#[tokio::test]
async fn a_workload_can_not_pose_as_the_authority() {
    let world = World::start().await;
    let roots = world.roots.borrow().clone();
    let signing = roots.signing().expect("there is one");
    let root = builtin::Root::kept(&signing.certificate, signing.key.clone());
    let id = "spiffe://example.org/spike/nexus/team/demo".parse().expect("an ID");
    let issued = root.issue(&id, &[], LIFE, Timestamp::now()).expect("issued");
    let posing = Svid {
        chain: authority::certificates(&issued.chain).expect("PEM"),
        key: issued.key,
        roots: authority::certificates(&roots.bundle()).expect("PEM"),
    };
    world.give.send_replace(Some(Arc::new(posing)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.identity("team:spike-demo-nexus/x").await.expect_err("it is no authority");
    world.end().await;
}

#[tokio::test]
async fn identities_are_renewed_and_survive_new_roots() {
    let world = World::start().await;
    let nexus = world.identity("team:spike-demo-nexus/x").await.expect("an identity");
    let (first, generation) = (nexus.expires_at(), nexus.generation());
    let mut roots = world.roots.borrow().clone();
    roots.roots.push(root(Timestamp::now()));
    world.roots.send_replace(roots.clone());
    world.mount();
    let heard = async {
        while nexus.generation() == generation {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), heard).await.expect("the new root is heard of");
    roots.roots.first_mut().expect("there").retired_at = Some(Timestamp::now());
    world.roots.send_replace(roots.clone());
    world.give.send_replace(Some(own(&roots)));
    let renewed = async {
        while nexus.expires_at() == first {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), renewed).await.expect("a new SVID");
    assert!(nexus.health().trouble.is_none(), "{:?}", nexus.health());
    world.end().await;
}
