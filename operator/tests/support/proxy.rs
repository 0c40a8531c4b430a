//! An API server's bad days: a proxy before it that refuses, waits, cuts, forgets and repeats.
//!
//! It speaks plain HTTP to the operator and is the cluster's administrator to the API server. What it
//! does with a request is the test's to say; what came through it remembers. Its operator sees one
//! namespace only, and has a home of its own for its lease: so many can be tested side by side.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::{Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use kube::{Client, Config, client::Body};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::BoxError;

use super::HOME;

/// What is listed and watched in all namespaces.
const PLURALS: [&str; 12] = [
    "/spikeclusters",
    "/pods",
    "/jobs",
    "/services",
    "/serviceaccounts",
    "/configmaps",
    "/deployments",
    "/statefulsets",
    "/networkpolicies",
    "/poddisruptionbudgets",
    "/persistentvolumeclaims",
    "/rolebindings",
];

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A request, as far as a fault depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    query: String,
}

impl Asked {
    pub(crate) fn is_watch(&self) -> bool {
        self.method == Method::GET && self.query.contains("watch=true")
    }

    pub(crate) fn is_list(&self) -> bool {
        self.method == Method::GET && !self.is_watch() && self.is_about_many()
    }

    /// Its path ends in a plural.
    fn is_about_many(&self) -> bool {
        PLURALS.iter().any(|plural| self.path.ends_with(plural))
    }

    /// The same in one namespace.
    fn within(&self, namespace: &str) -> String {
        let (kind, about_all) = (self.path.rsplit_once('/'), !self.path.contains("/namespaces/"));
        let path = match kind {
            Some((group, plural)) if about_all && self.is_about_many() => {
                format!("{group}/namespaces/{namespace}/{plural}")
            }
            _ => self.path.replace(
                &format!("/namespaces/{HOME}/leases"),
                &format!("/namespaces/{}/leases", home(namespace)),
            ),
        };
        format!("{path}?{}", self.query)
    }

    /// It is the first of those by which an operator reads all that a cluster is made of.
    pub(crate) fn begins_a_look(&self) -> bool {
        self.method == Method::GET && self.path.ends_with("/statefulsets/spike-demo-keeper")
    }

    /// It changes an object of a cluster: leases and events are the operator's own affairs.
    pub(crate) fn is_write(&self) -> bool {
        let own = ["/leases", "/events", "/token"];
        self.method != Method::GET && !own.iter().any(|path| self.path.contains(path))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    Pass,
    /// It is refused, perhaps with so many seconds to wait.
    Refuse(u16, Option<u32>),
    /// It takes so long.
    Delay(Duration),
    /// It never arrives, and the connection ends.
    CutBefore,
    /// It arrives, its answer doesn't, and the connection ends.
    CutAfter,
    /// As `CutAfter` or, if `told`, after its answer; nothing passes from then on.
    Kill { told: bool },
    /// Of a watch: so many events arrive, then this happens to each.
    Events(usize, Fate),
    /// Of a list: what it was when it was asked for the first time.
    Stale,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// Every other one.
    Dropped,
    Doubled,
    /// The version that was watched from is forgotten.
    Expired,
}

type Plan = Box<dyn Fn(&Asked) -> Fault + Send + Sync>;

struct State {
    namespace: String,
    upstream: Client,
    plan: Mutex<Plan>,
    /// Cancelled, and made anew, to cut every connection.
    live: Mutex<CancellationToken>,
    dead: watch::Sender<bool>,
    /// How many are being delayed.
    held: AtomicUsize,
    requests: Mutex<Vec<(Asked, u16)>>,
    lists: Mutex<BTreeMap<String, Bytes>>,
    applied: Mutex<BTreeMap<String, Value>>,
}

/// The proxy. Dropping it ends it.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    _stop: tokio_util::sync::DropGuard,
}

impl Proxy {
    /// For an operator that sees one namespace only.
    pub(crate) async fn start(mut config: Config, namespace: &str) -> Self {
        config.default_retry = false;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            namespace: namespace.to_owned(),
            upstream: Client::try_from(config).expect("a client"),
            plan: Mutex::new(Box::new(|_| Fault::Pass)),
            live: Mutex::default(),
            dead: watch::Sender::new(false),
            held: AtomicUsize::new(0),
            requests: Mutex::default(),
            lists: Mutex::default(),
            applied: Mutex::default(),
        });
        let stop = CancellationToken::new();
        let serving = serve(listener, Arc::clone(&state));
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(serving));
        Self { address, state, _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.url().parse().expect("a URL"))
    }

    /// From now on this happens.
    pub(crate) fn plan(&self, plan: impl Fn(&Asked) -> Fault + Send + Sync + 'static) {
        *self.state.plan.lock().expect("whole") = Box::new(plan);
    }

    /// From now on nothing happens.
    pub(crate) fn calm(&self) {
        self.plan(|_| Fault::Pass);
        self.state.dead.send_replace(false);
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.state.live.lock().expect("whole")).cancel();
    }

    /// Waits until a `Kill` was met.
    pub(crate) async fn killed(&self) {
        self.state.dead.subscribe().wait_for(|dead| *dead).await.expect("it lives");
    }

    /// What was applied last, by path.
    pub(crate) fn applied(&self) -> BTreeMap<String, Value> {
        self.state.applied.lock().expect("whole").clone()
    }

    /// How many requests are being delayed.
    pub(crate) fn holds(&self) -> usize {
        self.state.held.load(Ordering::Relaxed)
    }

    /// Every request since the last time this was asked, with the status of its answer; 0 for none.
    pub(crate) fn requests(&self) -> Vec<(Asked, u16)> {
        std::mem::take(&mut *self.state.requests.lock().expect("whole"))
    }

    /// Those that would change a cluster's object.
    pub(crate) fn writes(&self) -> Vec<String> {
        let writes = self.requests().into_iter().filter(|(asked, _)| asked.is_write());
        writes.map(|(asked, code)| format!("{asked} {code}")).collect()
    }
}

/// Where the operator of a namespace has its lease.
pub(crate) fn home(namespace: &str) -> String {
    format!("home-of-{namespace}")
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let tracker = TaskTracker::new();
    while let Ok((stream, _)) = listener.accept().await {
        let live = state.live.lock().expect("whole").clone();
        let state = Arc::clone(&state);
        let service = service_fn(move |request| handle(Arc::clone(&state), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tracker.spawn(live.run_until_cancelled_owned(connection));
    }
}

async fn handle(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, io::Error> {
    let cut = || io::Error::from(io::ErrorKind::ConnectionReset);
    if *state.dead.borrow() {
        return Err(cut());
    }
    let uri = request.uri();
    let asked = Asked {
        method: request.method().clone(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
    };
    let fault = (state.plan.lock().expect("whole"))(&asked);
    let note = |code: u16| state.requests.lock().expect("whole").push((asked.clone(), code));
    match fault {
        Fault::Refuse(code, after) => {
            note(code);
            return Ok(refusal(code, after));
        }
        Fault::CutBefore => {
            note(0);
            return Err(cut());
        }
        Fault::Delay(time) => {
            state.held.fetch_add(1, Ordering::Relaxed);
            sleep(time).await;
        }
        _ => {}
    }
    if matches!(fault, Fault::Kill { .. }) {
        // Whatever else is on its way doesn't arrive.
        state.dead.send_replace(true);
    }
    let answer = forward(&state, &asked, request, fault).await.map_err(io::Error::other)?;
    note(answer.status().as_u16());
    if matches!(fault, Fault::Delay(_)) {
        state.held.fetch_sub(1, Ordering::Relaxed);
    }
    match fault {
        Fault::CutAfter | Fault::Kill { told: false } => Err(cut()),
        _ => Ok(answer),
    }
}

async fn forward(
    state: &State,
    asked: &Asked,
    request: Request<Incoming>,
    fault: Fault,
) -> Result<Answer, BoxError> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    parts.headers.remove(header::HOST);
    let kind = parts.headers.get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind == "application/apply-patch+yaml") {
        let applied = serde_json::from_slice(&body)?;
        state.applied.lock().expect("whole").insert(asked.path.clone(), applied);
    }
    parts.uri = asked.within(&state.namespace).parse()?;
    let request = Request::from_parts(parts, Body::from(body.to_vec()));
    let (mut parts, body) = state.upstream.send(request).await?.into_parts();
    for header in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        parts.headers.remove(header);
    }
    if asked.is_list() && parts.status == StatusCode::OK {
        let now = body.collect().await?.to_bytes();
        let mut lists = state.lists.lock().expect("whole");
        let first = lists.entry(asked.path.clone()).or_insert_with(|| now.clone());
        let body = if fault == Fault::Stale { first.clone() } else { now };
        return Ok(Response::from_parts(parts, whole(body)));
    }
    let body = body.map_err(BoxError::from);
    let Fault::Events(from, fate) = fault else {
        return Ok(Response::from_parts(parts, body.boxed_unsync()));
    };
    let mut events = Events { from, fate, rest: Vec::new() };
    let body = body.map_frame(move |frame| match frame.into_data() {
        Ok(data) => Frame::data(events.feed(&data)),
        Err(frame) => frame,
    });
    Ok(Response::from_parts(parts, body.boxed_unsync()))
}

/// A watch, line by line.
struct Events {
    from: usize,
    fate: Fate,
    rest: Vec<u8>,
}

impl Events {
    fn feed(&mut self, data: &[u8]) -> Bytes {
        self.rest.extend_from_slice(data);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Bytes::new();
        };
        let rest = self.rest.split_off(end + 1);
        let lines = std::mem::replace(&mut self.rest, rest);
        let lines: VecDeque<_> = lines.split_inclusive(|byte| *byte == b'\n').collect();
        Bytes::from(lines.into_iter().flat_map(|line| self.fare(line)).collect::<Vec<_>>())
    }

    fn fare(&mut self, line: &[u8]) -> Vec<u8> {
        if line.starts_with(br#"{"type":"BOOKMARK""#) {
            return line.to_vec();
        }
        if self.from > 0 {
            self.from -= 1;
            return line.to_vec();
        }
        match self.fate {
            Fate::Dropped => {
                self.from = 1;
                Vec::new()
            }
            Fate::Doubled => [line, line].concat(),
            Fate::Expired => {
                let event = json!({"type": "ERROR", "object": status(410, None)});
                format!("{event}\n").into_bytes()
            }
        }
    }
}

fn status(code: u16, after: Option<u32>) -> Value {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "a bad day", "reason": reason, "code": code,
        "details": {"retryAfterSeconds": after.unwrap_or(0)},
    })
}

fn refusal(code: u16, after: Option<u32>) -> Answer {
    let mut answer = Response::new(whole(Bytes::from(status(code, after).to_string())));
    *answer.status_mut() = StatusCode::from_u16(code).expect("a status");
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, "application/json".parse().expect("a value"));
    if let Some(after) = after {
        headers.insert(header::RETRY_AFTER, after.into());
    }
    answer
}

fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, BoxError> {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
