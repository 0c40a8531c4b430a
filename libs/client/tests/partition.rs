//! A network that goes silent under a kept connection.

mod support;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body_util::Full;
use hyper::{Response, Version, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use spike_client::{ClientError, KeeperClient};
use spike_core::{Roles, ShareIndex};
use support::Trust;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use url::Url;

const STATUS: &str = r#"{"index":1,"sets":[],"witness":{"ring":0,"policies":0},"unframed":false}"#;

/// A Keeper that speaks HTTP/2.
async fn keeper(trust: &Trust, tasks: &TaskTracker) -> u16 {
    let identity = trust.identity("spiffe://spike.ist/spike/keeper").await;
    let acceptor = TlsAcceptor::from(identity.server_config());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let tracker = tasks.clone();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tracker.spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(|request: hyper::Request<_>| async move {
                    assert_eq!(request.version(), Version::HTTP_2);
                    Ok::<_, Infallible>(Response::new(Full::new(STATUS.as_bytes())))
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    port
}

/// Forwards to `port` until `cut` changes; connections of before then hang, later ones work.
async fn network(
    port: u16,
    cut: watch::Receiver<()>,
    tasks: &TaskTracker,
) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let (seen, tracker) = (connections.clone(), tasks.clone());
    tasks.spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::SeqCst);
            let mut cut = cut.clone();
            cut.mark_unchanged();
            tracker.spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.expect("the Keeper");
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    _ = cut.changed() => std::future::pending().await,
                }
            });
        }
    });
    (url.parse().expect("a URL"), connections)
}

#[tokio::test]
async fn a_connection_that_went_silent_is_given_up_before_the_deadline() {
    let trust = Trust::new(Duration::from_mins(5)).await;
    let tasks = TaskTracker::new();
    let (silence, cut) = watch::channel(());
    let (url, connections) = network(keeper(&trust, &tasks).await, cut, &tasks).await;
    let me = trust.identity(support::NEXUS).await;
    let index = ShareIndex::new(1).expect("not zero");
    let keeper = KeeperClient::new(&me, url, &Roles::default(), index).expect("a client");

    keeper.status().await.expect("an answer");
    keeper.status().await.expect("an answer over the same connection");
    assert_eq!(connections.load(Ordering::SeqCst), 1);

    silence.send(()).expect("a network");
    let since = Instant::now();
    let lost = keeper.status().await;
    assert!(matches!(lost, Err(ClientError::TimedOut { .. })), "{lost:?}");
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());

    let next = timeout(Duration::from_secs(2), keeper.status()).await;
    next.expect("not the dead connection").expect("an answer over a new one");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}
