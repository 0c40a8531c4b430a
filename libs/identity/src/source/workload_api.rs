//! The SPIFFE Workload API, over a stream that is opened again for as long as it takes.

use std::{error::Error, fmt, pin::Pin, time::Duration};

use backon::ExponentialBackoff;
use futures::StreamExt;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use spiffe::{WorkloadApiClient, WorkloadApiError, X509Context, transport::Endpoint};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use zeroize::Zeroizing;

use super::pauses;
use crate::{
    IdentityError,
    material::{Offer, Offered},
};

/// How long an agent may take to connect and to give its first answer. It is on this machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The first and the longest pause before asking again: an agent that restarts is found soon, one
/// that is gone costs nothing.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// An open stream is asked again no sooner than this.
const SHORTEST_SILENCE: Duration = Duration::from_secs(5);

type Contexts = Pin<Box<dyn futures::Stream<Item = Result<X509Context, WorkloadApiError>> + Send>>;

/// The stream of one endpoint.
pub(crate) struct Stream {
    endpoint: String,
    parsed: Endpoint,
    contexts: Option<Contexts>,
    /// When the open stream has been silent for too long to be believed.
    silent_at: Instant,
    /// The open stream has given an answer.
    answered: bool,
    pauses: ExponentialBackoff,
    /// Before the next attempt.
    pause: Option<Duration>,
}

impl Stream {
    pub(super) fn new(endpoint: String) -> Result<Self, IdentityError> {
        let parsed = Endpoint::parse(&endpoint).map_err(|why| IdentityError::Endpoint {
            endpoint: endpoint.clone(),
            reason: with_sources(&why),
        })?;
        Ok(Self {
            endpoint,
            parsed,
            contexts: None,
            silent_at: Instant::now(),
            answered: false,
            pauses: pauses(PAUSES),
            pause: None,
        })
    }

    /// An agent renews at about half of an SVID's life. One that is silent for two thirds of it may
    /// hang, so the stream is opened again: that costs little and its answer is immediate.
    pub(super) fn accepted(&mut self, life: Duration) {
        self.silent_at = Instant::now() + (life / 3 * 2).max(SHORTEST_SILENCE);
    }

    pub(super) async fn next(&mut self) -> Result<Offer, IdentityError> {
        let heard = match self.hear().await {
            Ok(context) => Ok(offer(&context)),
            Err(reason) => {
                self.contexts = None;
                self.pause = self.pauses.next();
                Err(IdentityError::WorkloadApi { endpoint: self.endpoint.clone(), reason })
            }
        };
        if heard.is_ok() {
            self.pauses = pauses(PAUSES);
            self.silent_at = Instant::now() + SHORTEST_SILENCE;
        }
        heard
    }

    /// Waits for the next answer on the open stream, or on a new one.
    async fn hear(&mut self) -> Result<X509Context, String> {
        loop {
            let Some(contexts) = &mut self.contexts else {
                self.open().await?;
                continue;
            };
            match timeout_at(self.silent_at, contexts.next()).await {
                Ok(Some(Ok(context))) => {
                    self.answered = true;
                    return Ok(context);
                }
                Ok(Some(Err(why))) => return Err(explain(&why)),
                Ok(None) => return Err("it closed the stream".to_owned()),
                Err(_) if self.answered => self.contexts = None,
                Err(_) => return Err(no_answer()),
            }
        }
    }

    async fn open(&mut self) -> Result<(), String> {
        if let Some(pause) = self.pause {
            sleep(pause).await;
            self.pause = None;
        }
        let opening = async {
            let client = WorkloadApiClient::connect(self.parsed.clone()).await?;
            client.stream_x509_contexts().await
        };
        let opened = timeout(ANSWER_WITHIN, opening).await.map_err(|_| no_answer())?;
        self.contexts = Some(Box::pin(opened.map_err(|why| explain(&why))?));
        self.silent_at = Instant::now() + ANSWER_WITHIN;
        self.answered = false;
        Ok(())
    }
}

fn offer(context: &X509Context) -> Offer {
    let svids = context.svids().iter().map(|svid| {
        let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec());
        Offered {
            chain: svid.cert_chain().iter().map(certificate).collect(),
            key: Zeroizing::new(PrivateKeyDer::Pkcs8(key)),
        }
    });
    let bundles = context.bundle_set().iter().map(|(domain, bundle)| {
        (domain.as_str().to_owned(), bundle.authorities().iter().map(certificate).collect())
    });
    Offer { svids: svids.collect(), bundles: bundles.collect() }
}

fn certificate(cert: &spiffe::Certificate) -> CertificateDer<'static> {
    CertificateDer::from(cert.as_bytes().to_vec())
}

fn no_answer() -> String {
    format!("no answer within {ANSWER_WITHIN:?}")
}

fn explain(why: &WorkloadApiError) -> String {
    match why {
        WorkloadApiError::NoIdentityIssued => {
            "no identity issued; is this workload registered?".to_owned()
        }
        other => with_sources(other),
    }
}

/// An error and what caused it, for an operator who sees nothing else.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // A transparent wrapper repeats its cause.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
