//! The accept loop: takes connections while there is room, and ends in bounded time.

use std::{
    io,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::Router;
use spike_identity::{Identity, PeerError};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Admit, Limits, Refuse, activity::Activity, connection, rate::Rates};
use crate::metrics::Serving;

/// How long nothing is accepted after the process ran out of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that hasn't started; without `tls` it speaks plain HTTP.
pub(crate) struct Accepting {
    pub(crate) tls: Option<(TlsAcceptor, Identity)>,
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) refuse: Refuse,
    pub(crate) admit: Admit,
    pub(crate) metrics: Serving,
}

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) server: Accepting,
    pub(super) anonymous: Arc<Semaphore>,
    pub(super) in_flight: Arc<Semaphore>,
    pub(super) rates: Option<Rates>,
    /// Everything that must end before the server has ended.
    pub(super) tracker: TaskTracker,
    /// Asks connections to finish.
    pub(super) stop: CancellationToken,
    /// Drops whatever hasn't finished.
    pub(super) kill: CancellationToken,
}

impl Accepting {
    /// Serves until `stop`, then at most [`Limits::drain`] longer.
    pub(crate) async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let drain = self.limits.drain;
        let shared = Arc::new(Shared {
            anonymous: Arc::new(Semaphore::new(self.limits.anonymous)),
            in_flight: Arc::new(Semaphore::new(self.limits.in_flight)),
            rates: self.limits.rate.map(Rates::new),
            tracker: TaskTracker::new(),
            stop: stop.clone(),
            kill: CancellationToken::new(),
            server: self,
        });

        stop.run_until_cancelled(accept(&listener, &shared)).await;
        drop(listener);

        shared.tracker.close();
        if tokio::time::timeout(drain, shared.tracker.wait()).await.is_err() {
            tracing::warn!(?drain, unfinished = shared.tracker.len(), "the drain is over");
            shared.kill.cancel();
            shared.tracker.wait().await;
        }
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut room = Room::new(&shared.server.limits);
    loop {
        let tcp = match listener.accept().await {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                pause(&error).await;
                continue;
            }
        };
        // At the limit the newcomer is dropped: it finds out at once and may try another replica.
        let Some(place) = room.place(shared).await else {
            shared.server.metrics.refused("connections");
            continue;
        };
        let shared = Arc::clone(shared);
        shared.tracker.clone().spawn(async move {
            shared.server.metrics.connections.inc();
            place.leave.run_until_cancelled(serve(tcp, &shared, place.activity)).await;
            shared.server.metrics.connections.dec();
            drop(place.permit);
        });
    }
}

/// Room for connections.
struct Room {
    free: Arc<Semaphore>,
    /// Who could be asked to leave; empty if nobody has to give way.
    taken: Vec<Guest>,
    idle_give_way: bool,
}

/// The place of a connection.
struct Place {
    permit: OwnedSemaphorePermit,
    activity: Arc<Activity>,
    leave: CancellationToken,
}

/// What the room knows of a connection, as long as there is one.
struct Guest {
    activity: Weak<Activity>,
    leave: CancellationToken,
}

impl Room {
    fn new(limits: &Limits) -> Self {
        let free = Arc::new(Semaphore::new(limits.connections));
        Self { free, taken: Vec::new(), idle_give_way: limits.idle_give_way }
    }

    /// A place for one more; `None` if there is none.
    async fn place(&mut self, shared: &Shared) -> Option<Place> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.made_free(shared).await?,
        };
        let (activity, leave) = (Activity::new(), shared.kill.child_token());
        if self.idle_give_way {
            self.taken.retain(|guest| guest.activity.strong_count() > 0);
            let guest = Guest { activity: Arc::downgrade(&activity), leave: leave.clone() };
            self.taken.push(guest);
        }
        Some(Place { permit, activity, leave })
    }

    /// The place of the connection that has been idle for longest, once that one has left.
    async fn made_free(&self, shared: &Shared) -> Option<OwnedSemaphorePermit> {
        let idle = self.taken.iter().filter_map(|guest| {
            let since = guest.activity.upgrade()?.idle_since()?;
            Some((since, guest))
        });
        let (_, longest) = idle.min_by_key(|(since, _)| *since)?;
        longest.leave.cancel();
        shared.server.metrics.refused("idle_at_the_limit");
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

/// A connection that broke before it was accepted concerns nobody; anything else is ours.
async fn pause(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "can't accept connections");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

async fn serve(tcp: TcpStream, shared: &Arc<Shared>, activity: Arc<Activity>) {
    // Answers are small and complete: waiting for more to send only delays them.
    let _ = tcp.set_nodelay(true);
    let Some((acceptor, identity)) = &shared.server.tls else {
        return connection::drive(tcp, connection::Terms::plain(shared, activity)).await;
    };

    let handshake = tokio::time::timeout(shared.server.limits.handshake, acceptor.accept(tcp));
    let tls = match Box::pin(handshake).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return refuse_handshake(shared, &error),
        Err(elapsed) => return refuse_handshake(shared, &elapsed.into()),
    };
    let (_, session) = tls.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    let peer = match identity.peer(session.peer_certificates()) {
        Ok(peer) => peer,
        Err(error) => return refuse_handshake(shared, &io::Error::other(error)),
    };

    if !(shared.server.admit)(peer.as_ref()) {
        return shared.server.metrics.refused("peer");
    }

    // Clients without a certificate may ask for health, but not keep everybody else out.
    let anonymous = match peer {
        Some(_) => None,
        None => match Arc::clone(&shared.anonymous).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => return shared.server.metrics.refused("anonymous_connections"),
        },
    };
    connection::drive(tls, connection::Terms { shared, peer, http2, activity }).await;
    drop(anonymous);
}

fn refuse_handshake(shared: &Shared, error: &io::Error) {
    shared.server.metrics.handshake_failures.inc();
    let reason = PeerError::find(error).map_or_else(|| error.to_string(), |why| why.to_string());
    tracing::debug!(reason, "a handshake failed");
}
