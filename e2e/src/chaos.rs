//! A small TCP proxy that harms what passes through it, in one way at a time, while connections are
//! open.
//!
//! It knows nothing of the protocol it carries: what it does is what networks do.

mod relay;

#[cfg(test)]
mod tests;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::process::free_port;

/// Before a port that is to be listened on again is tried once more.
const REBIND: Duration = Duration::from_millis(10);

/// What the network does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// It carries.
    #[default]
    Calm,
    /// It carries late and little.
    Slow {
        /// What each piece waits, each way.
        latency: Duration,
        /// What passes in a second, each way and per connection.
        bytes_per_second: u32,
    },
    /// It resets every connection, also each new one.
    Reset,
    /// It takes connections and passes nothing on, not even their ends. What was open stays dead
    /// when it is calm again, as behind a router that forgot it.
    HalfOpen,
    /// Nobody listens. What is open goes on.
    Refuse,
    /// One bit of each piece from the server is another.
    Corrupt,
}

/// A proxy on a loopback port. Dropping it ends it and all that passes through it.
#[derive(Debug)]
pub struct Chaos {
    port: u16,
    weather: watch::Sender<Weather>,
    target: watch::Sender<SocketAddr>,
    open: Arc<AtomicUsize>,
    _stop: DropGuard,
}

impl Chaos {
    /// Listens on a free port of this machine and passes on to `target`.
    pub async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let port = free_port()?;
        let listener = listen(port).await.context("listen for the chaos proxy")?;
        let (weather, sky) = watch::channel(Weather::Calm);
        let (target, whither) = watch::channel(target);
        let open = Arc::new(AtomicUsize::new(0));
        let stop = CancellationToken::new();
        let proxy = Proxy {
            port,
            sky,
            whither,
            open: open.clone(),
            relays: TaskTracker::new(),
            stop: stop.clone(),
        };
        TaskTracker::new().spawn(proxy.run(listener));
        Ok(Self { port, weather, target, open, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Changes the weather, for open connections too.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Passes new connections on to another server.
    pub fn lead_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// How many connections pass through it now.
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// The side of a proxy that works.
struct Proxy {
    port: u16,
    sky: watch::Receiver<Weather>,
    whither: watch::Receiver<SocketAddr>,
    open: Arc<AtomicUsize>,
    relays: TaskTracker,
    stop: CancellationToken,
}

impl Proxy {
    async fn run(self, listener: TcpListener) {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.accept(listener)).await;
    }

    /// Ends with its handle: both watches go with it.
    async fn accept(mut self, mut listener: TcpListener) {
        loop {
            if *self.sky.borrow_and_update() == Weather::Refuse {
                drop(listener);
                if self.sky.wait_for(|sky| *sky != Weather::Refuse).await.is_err() {
                    return;
                }
                listener = self.listen_again().await;
            }
            tokio::select! {
                changed = self.sky.changed() => if changed.is_err() { return },
                accepted = listener.accept() => match accepted {
                    Ok((client, _)) => self.take(client),
                    // Out of file descriptors, say: the test will see that nothing passes.
                    Err(_) => sleep(REBIND).await,
                },
            }
        }
    }

    /// The port is ours, and only for a moment may the system think it is taken.
    async fn listen_again(&self) -> TcpListener {
        loop {
            match listen(self.port).await {
                Ok(listener) => return listener,
                Err(_) => sleep(REBIND).await,
            }
        }
    }

    fn take(&self, client: TcpStream) {
        let target = *self.whither.borrow();
        let (sky, open, stop) = (self.sky.clone(), self.open.clone(), self.stop.clone());
        self.relays.spawn(async move {
            open.fetch_add(1, Ordering::Relaxed);
            stop.run_until_cancelled(relay::relay(client, target, sky)).await;
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
