//! A port of one pod on this machine's loopback, through the API server.
//!
//! Only the pod's own TLS goes over it: whoever else finds the port needs an identity of their own.

use std::{io, net::SocketAddr, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::Portforwarder};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// How many connections lead to the pod at once: a command has one, and another when its identity
/// is renewed.
const CONNECTIONS: usize = 8;

/// How long to wait where a connection can't be taken: files that others have open will be closed.
const PAUSE: Duration = Duration::from_millis(100);

/// A port that leads to the pod until this is dropped.
#[derive(Debug)]
pub(crate) struct Forward {
    address: SocketAddr,
    _served: JoinSet<()>,
}

/// What leads there.
#[derive(Clone)]
struct Way {
    pods: Api<Pod>,
    pod: String,
    port: u16,
}

impl Way {
    async fn open(&self) -> Result<Portforwarder, kube::Error> {
        self.pods.portforward(&self.pod, &[self.port]).await
    }
}

impl Forward {
    /// Opens the way, so that a refusal is heard now.
    pub(crate) async fn open(pods: Api<Pod>, pod: &str, port: u16) -> Result<Self, kube::Error> {
        let way = Way { pods, pod: pod.to_owned(), port };
        let first = way.open().await?;
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(loopback).await.map_err(service)?;
        let address = listener.local_addr().map_err(service)?;
        let mut served = JoinSet::new();
        served.spawn(serve(listener, way, first));
        Ok(Self { address, _served: served })
    }

    /// `127.0.0.1:40123`.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn service(error: io::Error) -> kube::Error {
    kube::Error::Service(Box::new(error))
}

async fn serve(listener: TcpListener, way: Way, first: Portforwarder) {
    let mut first = Some(first);
    // Whatever is under way ends with this.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        connections.spawn(carry(stream, way.clone(), first.take()));
        while connections.try_join_next().is_some() {}
        if connections.len() == CONNECTIONS {
            connections.join_next().await;
        }
    }
}

/// Carries one connection. If the pod is gone it just ends, which the client tells.
async fn carry(mut stream: TcpStream, way: Way, opened: Option<Portforwarder>) {
    let opened = match opened {
        Some(opened) => Ok(opened),
        None => way.open().await,
    };
    let Ok(mut forwarder) = opened else { return };
    if let Some(mut pod) = forwarder.take_stream(way.port) {
        // Either end may break off: there is nobody to tell but the client, who sees it.
        let _ = copy_bidirectional(&mut stream, &mut pod).await;
    }
    forwarder.abort();
}
