//! The SPIFFE Workload API for one identity.

use std::sync::Arc;

use futures::StreamExt;
use rustls_pki_types::CertificateDer;
use tokio::sync::{Semaphore, watch};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status, codegen::BoxStream, service::interceptor::InterceptedService,
};

use crate::{
    ca::Issued,
    proto::{
        X509BundlesRequest, X509BundlesResponse, X509svid, X509svidRequest, X509svidResponse,
        spiffe_workload_api_server::{SpiffeWorkloadApi, SpiffeWorkloadApiServer},
    },
};

/// Streams that one socket serves at a time: one workload needs two.
const MAX_STREAMS: usize = 64;

/// The header that keeps browsers and confused deputies away (Workload Endpoint §5).
const HEADER: &str = "workload.spiffe.io";

type Answers<T> = Result<Response<BoxStream<T>>, Status>;

/// What a workload is told.
#[derive(Clone)]
pub(crate) struct Told {
    /// `spiffe://…` of the SVID.
    pub(crate) id: String,
    pub(crate) svid: Arc<Issued>,
    pub(crate) roots: Arc<[CertificateDer<'static>]>,
}

/// Answers with what a watch says, as long as it says it.
pub(crate) struct WorkloadApi {
    told: watch::Receiver<Told>,
    trust_domain: String,
    streams: Arc<Semaphore>,
    stop: CancellationToken,
}

impl WorkloadApi {
    /// The service that refuses calls without the header.
    #[expect(clippy::type_complexity, reason = "tonic's own name for it")]
    pub(crate) fn service(
        told: watch::Receiver<Told>,
        trust_domain: &str,
        stop: CancellationToken,
    ) -> InterceptedService<
        SpiffeWorkloadApiServer<Self>,
        fn(Request<()>) -> Result<Request<()>, Status>,
    > {
        let api = Self {
            told,
            trust_domain: format!("spiffe://{trust_domain}"),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            stop,
        };
        SpiffeWorkloadApiServer::with_interceptor(api, require_header)
    }

    fn stream<T: Send + 'static>(&self, answer: impl Fn(Told) -> T + Send + 'static) -> Answers<T> {
        let permit = Arc::clone(&self.streams)
            .try_acquire_owned()
            .map_err(|_| Status::resource_exhausted("too many streams on this socket"))?;
        // A watch keeps the latest only: a slow reader costs no memory and misses nothing current.
        let answers = WatchStream::new(self.told.clone()).map(move |told| {
            let _open = &permit;
            Ok(answer(told))
        });
        Ok(Response::new(answers.take_until(self.stop.clone().cancelled_owned()).boxed()))
    }
}

/// The JWT-SVID profile keeps the generated answer: unimplemented.
#[tonic::async_trait]
impl SpiffeWorkloadApi for WorkloadApi {
    async fn fetch_x509svid(&self, _: Request<X509svidRequest>) -> Answers<X509svidResponse> {
        self.stream(|told| {
            let svid = X509svid {
                spiffe_id: told.id,
                x509_svid: told.svid.certificate.to_vec(),
                x509_svid_key: told.svid.key.to_vec(),
                bundle: concatenated(&told.roots),
                hint: String::new(),
            };
            X509svidResponse { svids: vec![svid], ..X509svidResponse::default() }
        })
    }

    async fn fetch_x509_bundles(
        &self,
        _: Request<X509BundlesRequest>,
    ) -> Answers<X509BundlesResponse> {
        let domain = self.trust_domain.clone();
        self.stream(move |told| X509BundlesResponse {
            bundles: [(domain.clone(), concatenated(&told.roots))].into(),
            ..X509BundlesResponse::default()
        })
    }
}

fn concatenated(roots: &[CertificateDer<'static>]) -> Vec<u8> {
    roots.iter().flat_map(|root| root.iter().copied()).collect()
}

fn require_header(request: Request<()>) -> Result<Request<()>, Status> {
    match request.metadata().get(HEADER) {
        Some(value) if value == "true" => Ok(request),
        _ => Err(Status::invalid_argument("the header workload.spiffe.io: true is missing")),
    }
}
