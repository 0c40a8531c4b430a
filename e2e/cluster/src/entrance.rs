//! The way from this machine's loopback to an address inside a namespace. The cluster's network
//! touches nobody else's, and still a test, kubectl and a person reach its API server.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    os::fd::AsFd,
    thread,
};

use anyhow::Context;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::machine::Machine;

/// A loopback port that leads inside, until this is dropped.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// Where it is.
    pub(crate) address: SocketAddr,
    _open: DropGuard,
}

impl Entrance {
    /// Opens one to `to` on the machine's network.
    pub(crate) fn open(machine: &Machine, to: SocketAddr) -> anyhow::Result<Self> {
        let namespace = File::open(format!("/proc/{}/ns/net", machine.pid))?;
        // A socket stays in the network that it is made in: this one outside, and those that the
        // thread makes inside.
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let threads = thread::Builder::new().name("entrance".into());
        threads.spawn(move || -> anyhow::Result<()> {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).context("enter a network")?;
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(stopped.run_until_cancelled(serve(listener, to)));
            Ok(())
        })?;
        Ok(Self { address, _open: stop.drop_guard() })
    }
}

async fn serve(listener: StdListener, to: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let connections = TaskTracker::new();
    loop {
        let (mut outside, _) = listener.accept().await?;
        connections.spawn(async move {
            // A connection that fails is closed, which is what its client sees.
            if let Ok(mut inside) = TcpStream::connect(to).await {
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
    }
}
