//! What a test asks of the process that holds the cluster: faults that Kubernetes has no word for.
//! One request a connection, one line each way, over a socket in the cluster's folder.

use std::{env, path::PathBuf};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    process::Command,
};

use crate::cluster::Cluster;

/// The variable that names the cluster's folder to what runs under it.
pub(crate) const FOLDER: &str = "SPIKE_KUBERNETES";
const SOCKET: &str = "control";
const DONE: &str = "done";

/// Cuts a node's power: by the process that holds the cluster, or kind's by its container.
pub async fn kill_node(name: &str) -> anyhow::Result<()> {
    request("kill", name).await
}

/// Switches a node on that was killed.
pub async fn start_node(name: &str) -> anyhow::Result<()> {
    request("start", name).await
}

/// Gives the cluster a SPIRE of this trust domain, unless it has it. Clusters of others have their own.
pub async fn start_spire(trust_domain: &str) -> anyhow::Result<()> {
    ensure!(env::var_os(FOLDER).is_some(), "only spike-kubernetes starts SPIRE: install it");
    request("spire", trust_domain).await
}

async fn request(verb: &str, node: &str) -> anyhow::Result<()> {
    let Some(folder) = env::var_os(FOLDER) else {
        let done = Command::new("docker").args([verb, node]).status().await;
        ensure!(done.context("run docker, for kind's node")?.success(), "docker {verb} {node}");
        return Ok(());
    };
    let socket = PathBuf::from(folder).join(SOCKET);
    let mut stream = UnixStream::connect(&socket).await.context("reach the cluster's process")?;
    stream.write_all(format!("{verb} {node}\n").as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    ensure!(answer.trim() == DONE, "{verb} {node}: {}", answer.trim());
    Ok(())
}

/// Serves requests for as long as it is polled.
pub(crate) async fn serve(cluster: &mut Cluster) -> anyhow::Result<()> {
    let listener = UnixListener::bind(cluster.folder().join(SOCKET))?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut line = String::new();
        BufReader::new(&mut stream).read_line(&mut line).await?;
        let answer = match obey(cluster, line.trim()).await {
            Ok(()) => DONE.to_owned(),
            Err(error) => format!("{error:#}").replace('\n', " "),
        };
        // Who asked may be gone.
        let _ = stream.write_all(format!("{answer}\n").as_bytes()).await;
    }
}

async fn obey(cluster: &mut Cluster, request: &str) -> anyhow::Result<()> {
    match request.split_once(' ') {
        Some(("kill", node)) => cluster.kill_node(node).await,
        Some(("start", node)) => cluster.start_node(node).await,
        Some(("spire", trust_domain)) => cluster.start_spire(trust_domain).await,
        _ => bail!("no such request: {request}"),
    }
}
