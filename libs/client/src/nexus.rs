//! The client of Nexus.

mod cipher;
mod keys;
mod operator;
mod policies;
mod secrets;
mod status;

use std::time::Duration;

use spike_core::{Role, Roles, wire::v1::Request};
use spike_identity::{Expected, Identity};
use url::Url;

use crate::{ClientError, transport::Transport, v1};

/// How long a call to Nexus may take: the deadline that Nexus itself gives a request.
const DEADLINE: Duration = Duration::from_secs(15);

/// A client of one Nexus, or of several behind one address.
///
/// What a caller may do is decided by Nexus, from the caller's SPIFFE ID.
#[derive(Debug)]
pub struct NexusClient {
    transport: Transport,
}

impl NexusClient {
    /// A client that talks only to servers with the role Nexus. Nothing is connected yet.
    pub fn new(identity: &Identity, url: Url, roles: &Roles) -> Result<Self, ClientError> {
        let roles = roles.clone();
        let nexus = Expected::matching(move |id| roles.plays(id, Role::Nexus), "a Nexus");
        Ok(Self { transport: Transport::new(url, identity, nexus, DEADLINE)? })
    }

    /// Gives every call this long instead of 15 s.
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { transport: self.transport.with_deadline(deadline) }
    }

    async fn v1<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        v1::call(&self.transport, request).await
    }
}
