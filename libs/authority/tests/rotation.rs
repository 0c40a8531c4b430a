//! Rotation under traffic: SVIDs that live 20 s, two minutes of requests, not one failure.

mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Extension, Router, routing::post};
use http::StatusCode;
use jiff::Timestamp;
use spike_identity::{Expected, Identity};
use spike_runtime::{
    metrics::Serving,
    serve::{Caller, Limits, Server, everyone},
};
use support::{World, id};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

const SVID_LIFE: Duration = Duration::from_secs(20);
const TRAFFIC: Duration = Duration::from_mins(2);
const CALLER: &str = "workload/caller";

/// Answers with the caller's SPIFFE ID; starts on a free port and returns its URL.
async fn serve(identity: Identity, stop: CancellationToken) -> (String, impl Future<Output = ()>) {
    let whoami = |Extension(Caller(peer)): Extension<Caller>| async move {
        peer.map_or_else(|| "nobody".to_owned(), |peer| peer.id.to_string())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}/whoami", listener.local_addr().expect("an address"));
    let server = Server {
        listener,
        identity,
        router: Router::new().route("/whoami", post(whoami)),
        limits: Limits::default(),
        refuse: Arc::new(|refusal, _| {
            let mut response = axum::response::Response::new(format!("{refusal:?}").into());
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response
        }),
        admit: everyone(),
        metrics: Serving::default(),
    };
    (url, server.run(stop))
}

/// A client with its own pool of connections.
fn client(identity: &Identity, idle: usize) -> reqwest::Client {
    let expected = Expected::matching(|peer| *peer == id("spike/nexus"), "the Nexus");
    reqwest::Client::builder()
        .tls_backend_preconfigured(identity.client_config(expected))
        .pool_max_idle_per_host(idle)
        .timeout(Duration::from_secs(5))
        .build()
        .expect("a client")
}

async fn ask(client: &reqwest::Client, url: &str) -> Result<(), String> {
    let answer = async { client.post(url).send().await?.error_for_status()?.text().await };
    let answer = answer.await.map_err(|why| format!("{why:?}"))?;
    if answer == id(CALLER).to_string() { Ok(()) } else { Err(answer) }
}

/// Asks for two minutes, and notes every failure with its time.
struct Traffic {
    url: String,
    identity: Identity,
    until: Instant,
    /// Asks once more after a failure.
    repeats: bool,
    requests: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Traffic {
    /// One pool for all requests, or a new connection for each.
    async fn run(&self, kept_alive: bool) {
        let mut pool = client(&self.identity, 1);
        while Instant::now() < self.until {
            if !kept_alive {
                pool = client(&self.identity, 0);
            }
            let mut asked = ask(&pool, &self.url).await;
            if self.repeats && asked.is_err() {
                asked = ask(&pool, &self.url).await;
            }
            if let Err(why) = asked {
                let failure = format!("{} kept alive: {kept_alive}: {why}", Timestamp::now());
                self.failures.lock().expect("not poisoned").push(failure);
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_is_not_noticed_and_the_end_of_the_authority_is() {
    let world = World::new(SVID_LIFE).await;
    let nexus = world.identity("nexus", "spike/nexus").await;
    let caller = world.identity("caller", CALLER).await;
    let stop = CancellationToken::new();
    let (url, server) = serve(nexus.clone(), stop.clone()).await;
    let first = nexus.expires_at();
    let traffic = Traffic {
        url: url.clone(),
        identity: caller.clone(),
        until: Instant::now() + TRAFFIC,
        repeats: false,
        requests: AtomicU64::new(0),
        failures: Mutex::default(),
    };

    let test = async {
        tokio::join!(traffic.run(true), traffic.run(true), traffic.run(false), traffic.run(false));
        assert_eq!(*traffic.failures.lock().expect("not poisoned"), Vec::<String>::new());
        let requests = traffic.requests.load(Ordering::Relaxed);
        assert!(requests > 2000, "{requests} requests are no traffic");
        let rotated = nexus.expires_at().duration_since(first);
        assert!(rotated >= TRAFFIC.saturating_sub(SVID_LIFE).try_into().expect("short"));

        // One connection that is open already, and new ones.
        let kept = client(&caller, 1);
        ask(&kept, &url).await.expect("still served");
        world.authority.stop().await;
        let stopped = Instant::now();
        let refused_in_time = async |fresh: bool| {
            loop {
                let new = client(&caller, 0);
                let asked = ask(if fresh { &new } else { &kept }, &url).await;
                let late = stopped.elapsed() > SVID_LIFE + Duration::from_secs(1);
                match asked {
                    Err(why) => break why,
                    Ok(()) => assert!(!late, "served {:?} after the end", stopped.elapsed()),
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let (new, open) = tokio::join!(refused_in_time(true), refused_in_time(false));
        assert!(new.contains("expired") || new.contains("Expired"), "{new}");
        assert!(open.contains("401") || open.contains("xpired"), "{open}");
    };
    tokio::select! {
        () = test => {}
        () = server => {}
    }
    stop.cancel();
}

/// A connection of before the change is refused or closed; the next one is of the new root.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_of_the_root_costs_one_repeated_request_at_most() {
    let world = World::new(Duration::from_secs(15)).await;
    let nexus = world.identity("nexus", "spike/nexus").await;
    let caller = world.identity("caller", CALLER).await;
    let (url, server) = serve(nexus, CancellationToken::new()).await;
    let traffic = Traffic {
        url,
        identity: caller,
        until: Instant::now() + Duration::from_secs(40),
        repeats: true,
        requests: AtomicU64::new(0),
        failures: Mutex::default(),
    };
    let rotate = async {
        for _ in 0..2 {
            sleep(Duration::from_secs(2)).await;
            world.authority.rotate_root().await.expect("rotates");
            sleep(Duration::from_secs(16)).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(traffic.run(true), traffic.run(false), rotate) } => {}
        () = server => {}
    }
    assert_eq!(*traffic.failures.lock().expect("not poisoned"), Vec::<String>::new());
}
