//! What makes a kubelet use a CSI driver: a socket in its folder that tells where the driver is. On
//! other clusters Kubernetes' registrar serves it beside each driver.

use std::{convert::Infallible, path::Path};

use anyhow::Context;
use http::{Request, Response};
use prost::Message;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tonic::{
    Response as Answer, Status,
    body::Body,
    codegen::{BoxFuture, Context as Waker, Poll, Service},
    server::{Grpc, NamedService},
    transport::Server,
};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// `PluginInfo` of the kubelet's `pluginregistration`.
#[derive(Clone, PartialEq, Message)]
struct Plugin {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    endpoint: String,
    #[prost(string, repeated, tag = "4")]
    versions: Vec<String>,
}

/// Whatever else is said: nothing in it matters here, and a refusal is in the kubelet's log.
#[derive(Clone, Copy, PartialEq, Message)]
struct Nothing {}

#[derive(Clone)]
struct Registration(Plugin);

/// Registers the CSI driver `name`, which listens at `endpoint`, with the kubelet of this root folder,
/// until the guard is dropped.
pub(crate) fn register(name: &str, endpoint: &Path, kubelet: &Path) -> anyhow::Result<DropGuard> {
    let plugin = Plugin {
        kind: "CSIPlugin".into(),
        name: name.into(),
        endpoint: endpoint.display().to_string(),
        versions: vec!["1.0.0".into()],
    };
    let folder = kubelet.join("plugins_registry");
    std::fs::create_dir_all(&folder)?;
    // The kubelet sends the path as the name of a host, which h2 takes with an `@` only (ADR 13).
    let socket = folder.join(format!("id@{name}-reg.sock"));
    let listener = UnixListener::bind(&socket).with_context(|| socket.display().to_string())?;
    let stop = CancellationToken::new();
    let serving = Server::builder().add_service(Registration(plugin)).serve_with_incoming_shutdown(
        UnixListenerStream::new(listener),
        stop.clone().cancelled_owned(),
    );
    TaskTracker::new().spawn(serving);
    Ok(stop.drop_guard())
}

impl NamedService for Registration {
    const NAME: &'static str = "pluginregistration.Registration";
}

impl Service<Request<Body>> for Registration {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Waker<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let plugin = self.0.clone();
        Box::pin(async move {
            if request.uri().path().ends_with("/GetInfo") {
                let told = service_fn(move |_: tonic::Request<Nothing>| {
                    std::future::ready(Ok::<_, Status>(Answer::new(plugin.clone())))
                });
                return Ok(Grpc::new(ProstCodec::default()).unary(told, request).await);
            }
            let heard = service_fn(|_: tonic::Request<Nothing>| {
                std::future::ready(Ok::<_, Status>(Answer::new(Nothing {})))
            });
            Ok(Grpc::new(ProstCodec::default()).unary(heard, request).await)
        })
    }
}
