//! A development authority, and a server whose every byte a test chooses.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use spike_authority::dev::{Authority, AuthorityConfig};
use spike_core::SpiffeId;
use spike_identity::{Identity, Source, Wanted};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use url::Url;

pub(crate) const NEXUS: &str = "spiffe://spike.ist/spike/nexus";
pub(crate) const WORKLOAD: &str = "spiffe://spike.ist/workload/web";

/// Issues identities until it is dropped.
pub(crate) struct Trust {
    pub(crate) authority: Authority,
    _folder: tempfile::TempDir,
    tracker: TaskTracker,
    stop: CancellationToken,
    _stop: DropGuard,
}

impl Trust {
    pub(crate) async fn new(svid_ttl: Duration) -> Self {
        spike_identity::install_crypto();
        let folder = tempfile::tempdir().expect("a folder");
        let sockets = folder.path().join("sockets");
        let config = AuthorityConfig { svid_ttl, ..AuthorityConfig::new("spike.ist", sockets) };
        let authority = Authority::start(config).await.expect("an authority");
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        Self { authority, _folder: folder, tracker: TaskTracker::new(), stop, _stop: guard }
    }

    pub(crate) async fn identity(&self, id: &str) -> Identity {
        let parsed: SpiffeId = id.parse().expect("a SPIFFE ID");
        let name = id.rsplit('/').next().expect("a last segment");
        let socket = self.authority.serve(name, parsed).await.expect("a socket");
        let source = Source::WorkloadApi { endpoint: format!("unix://{}", socket.display()) };
        Identity::start(source, Wanted::any(), self.stop.clone(), &self.tracker)
            .await
            .expect("an identity")
    }

    /// A server with that identity; every request is answered with what `answer` makes of its
    /// bytes, and the connection is kept.
    pub(crate) async fn server(
        &self,
        id: &str,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        let identity = self.identity(id).await;
        let mut tls = (*identity.server_config()).clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let server = Server {
            url: format!("https://127.0.0.1:{port}").parse().expect("a URL"),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (seen, answer) = (server.clone(), Arc::new(answer));
        let (stop, tracker) = (self.stop.clone(), self.tracker.clone());
        self.tracker.spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen, answer) = (acceptor.clone(), seen.clone(), answer.clone());
                let serve = async move { seen.serve(acceptor, stream, &*answer).await };
                tracker.spawn(stop.clone().run_until_cancelled_owned(serve));
            }
        }));
        server
    }
}

/// Where a server is, and what it has seen.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: Url,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    /// How many handshakes were finished.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    async fn serve(
        &self,
        acceptor: TlsAcceptor,
        stream: TcpStream,
        answer: &(impl Fn(&str) -> Vec<u8> + ?Sized),
    ) {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        self.connections.fetch_add(1, Ordering::SeqCst);
        let mut buffer = vec![0; 64 << 10];
        loop {
            // Small requests over loopback come in one piece.
            let Ok(length @ 1..) = stream.read(&mut buffer).await else { return };
            self.requests.fetch_add(1, Ordering::SeqCst);
            let request = buffer.get(..length).map(String::from_utf8_lossy).unwrap_or_default();
            let bytes = answer(&request);
            if bytes.is_empty() {
                return std::future::pending().await;
            }
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
