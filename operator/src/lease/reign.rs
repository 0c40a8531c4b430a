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
use tower::{BoxError, ServiceBuilder, retry::RetryLayer, service_fn};

use super::{GIVE_UP, LeaseError};

/// A request that the API server has no time for is sent this often again, with these pauses or those
/// that it asks for: a reconcile is dozens of requests, and needn't begin anew for one of them.
const RETRIES: (u32, Duration, Duration) = (3, Duration::from_millis(100), Duration::from_secs(1));

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

    /// A client that writes only while we lead, whoever wakes up to write.
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
        Client::new(ServiceBuilder::new().layer(RetryLayer::new(again)).service(fenced), namespace)
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

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
}
