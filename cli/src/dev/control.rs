//! How other `spike dev` commands talk to the running one: a line of JSON each way over a unix
//! socket that only its owner can open.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use spike_core::SpiffeId;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};

use super::{checks, home::Home};
use crate::error::{CliError, Exit};

/// A status asks every program's probe, so it may take a few seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than the longest message: a status with 255 Keepers.
const MAX_MESSAGE: u64 = 256 * 1024;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(super) enum Request {
    /// What runs.
    Status,
    /// Stop everything; the answer comes before that.
    Stop,
    /// Serve an identity.
    AddIdentity { name: String, id: String },
    /// Serve it no more.
    RemoveIdentity { name: String },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(super) enum Response {
    Status(Box<Status>),
    Done,
    Refused { refusal: Refusal, why: String },
}

/// Why something asked for isn't done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Refusal {
    /// It can't be done.
    Wrong,
    /// What it is about isn't there.
    Missing,
    /// What is there is in its way.
    Taken,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// The manifest's name of the cluster.
    pub(super) name: String,
    pub(super) pid: u32,
    pub(super) dir: String,
    pub(super) trust_domain: String,
    /// The first start is over: there is a key, and every program was ready.
    pub(super) started: bool,
    /// Nexus waits for recovery shards that only people have.
    #[serde(default)]
    pub(super) sealed: bool,
    pub(super) programs: Vec<ProgramStatus>,
    pub(super) identities: Vec<Served>,
    /// The environment of a client, without an identity.
    pub(super) environment: Vec<(String, String)>,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProgramStatus {
    pub(super) name: String,
    /// The index of the shard that a Keeper holds, under which `spike status` lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<u8>,
    /// None while it is being started again.
    pub(super) pid: Option<u32>,
    pub(super) restarts: u32,
    pub(super) ready: bool,
    /// A Keeper that rightly holds nothing: the root key is split among fewer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) spare: bool,
    /// Why it isn't ready.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    pub(super) url: String,
    pub(super) log: String,
    pub(super) audit: String,
}

/// An identity that is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Served {
    pub(super) name: String,
    pub(super) id: SpiffeIdText,
    pub(super) socket: String,
}

/// A SPIFFE ID as text, for a file that people read.
pub(super) type SpiffeIdText = String;

impl Served {
    pub(super) fn new(home: &Home, name: &str, id: &SpiffeId) -> Self {
        let socket = home.socket_of(name).display().to_string();
        Self { name: name.to_owned(), id: id.to_string(), socket }
    }
}

/// Listens for requests; a socket that a killed run left behind is replaced.
pub(super) fn listen(path: &Path) -> Result<UnixListener, CliError> {
    let failed = |e: io::Error| checks::file("listen on", path, &e);
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // The directory is closed to others already; this is the second lock.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Reads the one request of a connection.
pub(super) async fn read_request(stream: &mut UnixStream) -> io::Result<Request> {
    read(stream).await
}

/// Answers it.
pub(super) async fn answer(stream: &mut UnixStream, response: &Response) -> io::Result<()> {
    write(stream, response).await
}

/// Asks the cluster that runs in `home`.
pub(super) async fn ask(home: &Home, request: &Request) -> Result<Response, CliError> {
    let mut stream = connect(home).await?;
    exchange(&mut stream, request).await
}

/// Asks what runs in `home`.
pub(super) async fn status(home: &Home) -> Result<Status, CliError> {
    match ask(home, &Request::Status).await? {
        Response::Status(status) => Ok(*status),
        other => Err(surprise(&other)),
    }
}

/// Asks for something that has no answer but that it was done.
pub(super) async fn tell(home: &Home, request: &Request) -> Result<(), CliError> {
    match ask(home, request).await? {
        Response::Done => Ok(()),
        Response::Refused { refusal, why } => Err(refused(refusal, why)),
        other @ Response::Status(_) => Err(surprise(&other)),
    }
}

fn refused(refusal: Refusal, why: String) -> CliError {
    let (exit, next) = match refusal {
        Refusal::Wrong => (Exit::Other, "Correct it, then run it again."),
        Refusal::Missing => (Exit::Missing, "See which there are: `spike dev identity list`."),
        Refusal::Taken => (
            Exit::Conflict,
            "Choose another name, or remove what you added: `spike dev identity remove`.",
        ),
    };
    CliError::new(exit, why, next)
}

fn surprise(response: &Response) -> CliError {
    CliError::other(
        format!("the running `spike dev` gave another answer: {response:?}"),
        "Stop it and start it again: it may be of another version.",
    )
}

async fn connect(home: &Home) -> Result<UnixStream, CliError> {
    let connected = UnixStream::connect(home.control()).await;
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => checks::not_ours(home),
        _ => checks::not_running(home),
    })
}

async fn exchange(stream: &mut UnixStream, request: &Request) -> Result<Response, CliError> {
    let exchanged = timeout(PATIENCE, async {
        write(stream, request).await?;
        read(stream).await
    });
    let failed = |why: &dyn std::fmt::Display| {
        CliError::other(
            format!("the running `spike dev` doesn't answer: {why}"),
            "End it (its process is in the file `lock`) and start it again.",
        )
    };
    match exchanged.await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&format!("nothing came within {PATIENCE:?}"))),
    }
}

async fn read<T: for<'de> Deserialize<'de>>(stream: &mut UnixStream) -> io::Result<T> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_MESSAGE)).read_line(&mut line).await?;
    Ok(serde_json::from_str(&line)?)
}

async fn write<T: Serialize>(stream: &mut UnixStream, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await
}
