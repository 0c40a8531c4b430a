//! A port of a pod or Service on this machine's loopback, by `kubectl port-forward`: the way in that
//! every cluster has.

use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

/// A port that leads in until this is dropped.
#[derive(Debug)]
pub struct Forward {
    /// The port on 127.0.0.1.
    pub port: u16,
    // kubectl tells of each connection, and ends if nobody holds the other end.
    _said: BufReader<ChildStdout>,
    _kubectl: Child,
}

impl Forward {
    /// Runs a `kubectl port-forward` that takes a free port, and waits until it says which.
    pub(crate) async fn start(mut kubectl: Command) -> anyhow::Result<Self> {
        let mut child = kubectl
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("run kubectl")?;
        let mut said = BufReader::new(child.stdout.take().context("its output is piped")?);
        let mut line = String::new();
        said.read_line(&mut line).await?;
        // `Forwarding from 127.0.0.1:40123 -> 8553`
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(' ').next());
        let Some(port) = port.and_then(|port| port.parse().ok()) else {
            bail!("kubectl port-forward: {:?}, {line:?}", child.wait().await?);
        };
        Ok(Self { port, _said: said, _kubectl: child })
    }
}
