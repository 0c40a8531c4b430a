//! Until when we lead, and a client that knows it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Method, Request};
use kube::{
    Client,
    client::{Body, retry::RetryPolicy},
};
use tokio::time::Instant;
use tower::{BoxError, Layer, ServiceBuilder, retry::RetryLayer, service_fn};

use super::{GIVE_UP, LeaseError};

/// A request that the API server has no time for is sent this often again, with these pauses or those
/// that it asks for: a reconcile is dozens of requests, and needn't begin anew for one of them.
const RETRIES: (u32, Duration, Duration) = (3, Duration::from_millis(100), Duration::from_secs(1));

/// Requests that are on their way at once, of all clusters together; each has a connection of its own.
///
/// A thousand clusters that are all looked at after a change of leader would otherwise ask hundreds of
/// things at once, and the API server would have our own renewals of the lease wait behind them.
/// A watch counts only until it begins.
const AT_ONCE: usize = 32;

/// Until when we lead, by a clock that goes on while the process is stopped.
#[derive(Clone, Debug)]
pub struct Reign(Arc<Mutex<Instant>>);

impl Default for Reign {
    /// Over before it began.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Reign {
    /// When we must have renewed the lease, or stop.
    pub fn end(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease was renewed, by a request that was sent after this.
    pub(super) fn renewed(&self, asked: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asked + GIVE_UP;
    }

    /// A client that writes only while we lead, whoever wakes up to write, and that asks so many things
    /// at once and no more.
    pub fn fence(self, client: Client) -> Client {
        let namespace = client.default_namespace().to_owned();
        let fenced = service_fn(move |request: Request<Body>| {
            let (client, end) = (client.clone(), self.end());
            async move {
                if request.method() != Method::GET && Instant::now() >= end {
                    return Err(BoxError::from(LeaseError::Lost));
                }
                client.send(request).await.map_err(BoxError::from)
            }
        });
        let (times, shortest, longest) = RETRIES;
        let again = RetryPolicy::new(shortest, longest, times, true).expect("fit each other");
        // Who waits for its turn has not been let through the fence yet, and who waits to be sent again
        // holds up nobody.
        let limited = ServiceBuilder::new().concurrency_limit(AT_ONCE).service(fenced);
        Client::new(RetryLayer::new(again).layer(limited), namespace)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use http::Response;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn who_leads_no_more_reads_and_does_not_write() {
        let all_is_well = service_fn(async |_: Request<Body>| {
            Ok::<_, BoxError>(Response::new(Body::from(b"{}".to_vec())))
        });
        let reign = Reign::default();
        let client = reign.clone().fence(Client::new(all_is_well, "default"));
        let send = async |method| {
            let request = Request::builder().method(method).uri("/").body(Body::empty());
            client.send(request.expect("a request")).await.map(drop)
        };
        let refused = send(Method::PATCH).await.expect_err("nobody leads yet").to_string();
        assert!(refused.contains("the lease is lost"), "{refused}");
        send(Method::GET).await.expect("a look is free");
        reign.renewed(Instant::now());
        send(Method::PATCH).await.expect("the leader writes");
    }

    #[tokio::test]
    async fn so_many_requests_are_on_their_way_at_once_and_no_more() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (here, peak) = (Arc::clone(&now), Arc::clone(&most));
        let slow = service_fn(move |_: Request<Body>| {
            let (here, peak) = (Arc::clone(&here), Arc::clone(&peak));
            async move {
                peak.fetch_max(here.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                for _ in 0..100 {
                    yield_now().await;
                }
                here.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, BoxError>(Response::new(Body::from(b"{}".to_vec())))
            }
        });
        let client = Reign::default().fence(Client::new(slow, "default"));
        let asked = (0..10 * AT_ONCE).map(|_| {
            let request = Request::get("/").body(Body::empty()).expect("a request");
            client.send(request)
        });
        for answer in join_all(asked).await {
            answer.expect("all are answered in the end");
        }
        assert_eq!((now.load(Ordering::Relaxed), most.load(Ordering::Relaxed)), (0, AT_ONCE));
    }
}
