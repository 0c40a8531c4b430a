//! One HTTPS exchange: bounded in time and size, to a server of the expected identity.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use spike_core::{cause::innermost, wire::Buffer};
use spike_identity::{Expected, Identity};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    cause,
    error::{ClientError, origin},
};

/// How long a TCP and TLS connection may take, unless the caller says how long a call may. A healthy
/// one takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A kept HTTP/2 connection on which nothing comes back for twice this long while something is
/// asked is given up. It is below every deadline, so that the call after a partition finds a new
/// connection instead of the dead one.
const PING: Duration = Duration::from_secs(2);
/// Below the servers' idle limit of 60 s, so that a request isn't sent into a closing connection.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// The largest answer taken. A list of 100,000 paths is below it.
const MAX_ANSWER: usize = 64 << 20;

/// What an exchange carries.
pub(crate) const JSON: &str = "application/json";
/// Raw bytes: the stream form of encryption as a service.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// A request.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, starting with a slash.
    pub(crate) target: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// An answer, wiped when dropped.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Connections to one server.
///
/// They are kept alive, but not longer than our SVID and the roots of the trust domains: after a
/// rotation the next request makes a new handshake, so that neither side goes on trusting what it
/// saw once.
#[derive(Debug)]
pub(crate) struct Transport {
    base: Url,
    identity: Identity,
    expected: Expected,
    connect: Duration,
    deadline: Duration,
    pool: Mutex<Option<Pool>>,
}

#[derive(Debug)]
struct Pool {
    made_with: Credentials,
    client: reqwest::Client,
}

/// What a handshake stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Credentials {
    svid_expires_at: Timestamp,
    roots: u64,
}

impl Transport {
    pub(crate) fn new(
        base: Url,
        identity: &Identity,
        expected: Expected,
        deadline: Duration,
    ) -> Result<Self, ClientError> {
        let refuse = |reason| ClientError::Url { url: shown(&base), reason };
        if base.scheme() != "https" {
            return Err(refuse("only https is spoken"));
        }
        if base.host_str().is_none() {
            return Err(refuse("it has no host"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refuse("no user or password is ever sent"));
        }
        if !matches!(base.path(), "" | "/") || base.query().is_some() {
            return Err(refuse("nothing may follow the host and port"));
        }
        let identity = identity.clone();
        let connect = CONNECT_TIMEOUT.min(deadline);
        Ok(Self { base, identity, expected, connect, deadline, pool: Mutex::new(None) })
    }

    /// The same server with another deadline, all of which a connection may take.
    pub(crate) fn with_deadline(mut self, deadline: Duration) -> Self {
        (self.connect, self.deadline) = (deadline, deadline);
        self.pool = Mutex::new(None);
        self
    }

    /// Scheme, host and port, for messages.
    pub(crate) fn origin(&self) -> String {
        origin(&self.base)
    }

    /// Sends the request once and reads the whole answer.
    pub(crate) async fn exchange(&self, call: Call) -> Result<Answer, ClientError> {
        let url = self.base.join(&call.target).expect("our own targets are valid");
        let request = self
            .client()?
            .request(call.method, url)
            .header(header::CONTENT_TYPE, call.content_type)
            .body(Bytes::from_owner(call.body));
        let since = Instant::now();
        let mut answer = request.send().await.map_err(|e| self.failed(&e, since))?;
        let status = answer.status();
        let body = self.read(&mut answer, since).await?;
        Ok(Answer { status, body })
    }

    async fn read(
        &self,
        answer: &mut reqwest::Response,
        since: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        let announced = answer.content_length().unwrap_or(0);
        let first = usize::try_from(announced).unwrap_or(usize::MAX);
        self.bounded(first)?;
        let mut body = Buffer::with_capacity(first);
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.failed(&e, since))? {
            self.bounded(body.len() + chunk.len())?;
            body.push(&chunk);
        }
        Ok(body.into_bytes())
    }

    fn bounded(&self, length: usize) -> Result<(), ClientError> {
        if length <= MAX_ANSWER {
            return Ok(());
        }
        Err(self.protocol(format!("an answer of more than {MAX_ANSWER} bytes")))
    }

    /// The answer broke the protocol.
    pub(crate) fn protocol(&self, reason: impl Into<String>) -> ClientError {
        ClientError::Protocol { origin: self.origin(), reason: reason.into() }
    }

    fn client(&self) -> Result<reqwest::Client, ClientError> {
        let made_with = Credentials {
            svid_expires_at: self.identity.expires_at(),
            roots: self.identity.generation(),
        };
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pool.as_ref().filter(|p| p.made_with == made_with) {
            return Ok(pool.client.clone());
        }
        let client = self.connect()?;
        *pool = Some(Pool { made_with, client: client.clone() });
        Ok(client)
    }

    fn connect(&self) -> Result<reqwest::Client, ClientError> {
        reqwest::Client::builder()
            .tls_backend_preconfigured(self.identity.client_config(self.expected.clone()))
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.connect)
            .timeout(self.deadline)
            .pool_idle_timeout(POOL_IDLE)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PING)
            .build()
            .map_err(|e| self.protocol(format!("no HTTP client: {e}")))
    }

    fn failed(&self, error: &reqwest::Error, since: Instant) -> ClientError {
        let origin = self.origin();
        if let Some(reason) = cause::distrust(error) {
            return ClientError::Untrusted { origin, reason };
        }
        if error.is_timeout() {
            return ClientError::TimedOut { origin, waited: tenths(since.elapsed()) };
        }
        ClientError::Unreachable { origin, reason: innermost(error) }
    }
}

/// What was given, but for what may be a credential: user, password, query, fragment.
fn shown(url: &Url) -> String {
    let path = if url.path() == "/" { "" } else { url.path() };
    let query = if url.query().is_some() { "?…" } else { "" };
    format!("{}{path}{query}", origin(url))
}

/// For a message: 5s, not 5.000312s.
fn tenths(exact: Duration) -> Duration {
    Duration::from_millis(u64::try_from(exact.as_millis() / 100 * 100).unwrap_or(u64::MAX))
}
