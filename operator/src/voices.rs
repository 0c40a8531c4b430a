//! Who the operator is to each cluster, and what it asks there: status and keys, never secrets.
//!
//! In a cluster with SPIRE it has one identity. Elsewhere each cluster's own authority gives it one,
//! for a token of its service account that is good for that authority only.

mod spire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use spike_client::{ClientError, NexusClient};
use spike_core::{Roles, TrustRoots, wire::v2::status::Status};
use spike_identity::{
    Given, Identity, IdentityError, Source, Svid, Wanted,
    authority::{self, Exchange},
};
use tokio::{sync::watch, time::Instant};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    build::Site,
    cluster::{Cluster, Identity as Kind},
    names::{Names, Part},
    observe::PodLook,
};

/// How long a Nexus may take to say how it is: it does so from memory.
const ANSWER: Duration = Duration::from_secs(3);

/// How long the operator's tokens are good for: the least that Kubernetes issues.
const TOKEN_LIFE: i64 = 600;

/// An identity is traded anew after this long: half of the shortest life that anybody sets.
const RENEW: Duration = Duration::from_mins(5);

/// How often it is told that SPIRE gives the operator nothing: entries take seconds.
const SPIRE_ROUND: Duration = Duration::from_secs(30);

/// The operator's identities.
pub(crate) struct Voices {
    client: Client,
    site: Site,
    /// From SPIRE, once it is there.
    spire: spire::Told,
    builtin: Mutex<HashMap<Names, Arc<Voice>>>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

/// An identity of one cluster's authority, until this is dropped.
struct Voice {
    identity: Identity,
    give: watch::Sender<Option<Arc<Svid>>>,
    traded_at: Mutex<Instant>,
    _stop: DropGuard,
}

impl Voices {
    /// Identities for clusters with SPIRE, which comes from `source`, and without.
    pub(crate) fn new(
        client: Client,
        site: Site,
        source: Option<Source>,
        stop: CancellationToken,
        tracker: TaskTracker,
    ) -> Self {
        let spire = spire::ask(source, SPIRE_ROUND, &stop, &tracker);
        Self { client, site, spire, builtin: Mutex::default(), stop, tracker }
    }

    /// What each running Nexus says of itself, and why the others don't.
    pub(crate) async fn ask(
        &self,
        cluster: &Cluster,
        bundle: Option<&str>,
        pods: &[PodLook],
    ) -> (Vec<(String, Status)>, String) {
        let identity = match self.identity(cluster, bundle).await {
            Ok(identity) => identity,
            Err(why) => return (Vec::new(), why),
        };
        // Of one that doesn't run its state says why it is silent, better than a refused connection.
        let runs = |pod: &&PodLook| pod.trouble.is_none() && !pod.ended;
        let asked = pods.iter().filter(runs).filter_map(|pod| {
            let name = pod.name.clone();
            let client = nexus(cluster, &identity, pod.address.as_ref()?);
            Some(async move {
                match client {
                    Ok(client) => (name, client.status().await),
                    Err(why) => (name, Err(why)),
                }
            })
        });
        let asked = join_all(asked);
        let mut silence = "no Nexus runs yet".to_owned();
        let mut statuses = Vec::new();
        for (name, said) in asked.await {
            match said {
                Ok(status) => statuses.push((name, status)),
                Err(why) => silence = format!("{name}: {why}"),
            }
        }
        (statuses, silence)
    }

    /// A client of a Nexus that has the root key.
    pub(crate) async fn keyed(
        &self,
        cluster: &Cluster,
        bundle: Option<&str>,
        pod: &PodLook,
    ) -> Result<NexusClient, String> {
        let identity = self.identity(cluster, bundle).await?;
        let ip = pod.address.as_ref().ok_or_else(|| "the pod has no address".to_owned())?;
        nexus(cluster, &identity, ip).map_err(|why| why.to_string())
    }

    async fn identity(&self, cluster: &Cluster, bundle: Option<&str>) -> Result<Identity, String> {
        if matches!(cluster.identity, Kind::Spire { .. }) {
            return self.spire.borrow().clone().map_err(|why| why.to_string());
        }
        let bundle = bundle.ok_or_else(|| "the authority has no roots yet".to_owned())?;
        let known = self.voices().get(&cluster.names).cloned();
        if let Some(voice) = &known
            && voice.is_fresh()
        {
            return Ok(voice.identity.clone());
        }
        let traded = self.trade(cluster, bundle).await;
        if let Some(voice) = known {
            match traded {
                Ok(svid) => voice.renew(svid),
                // The authority can't be asked: what it said last is good until it ends.
                Err(why) if voice.identity.expires_at() > Timestamp::now() => {
                    tracing::warn!(cluster = cluster.names.instance(), why, "no new identity yet");
                }
                Err(why) => return Err(why),
            }
            return Ok(voice.identity.clone());
        }
        let started = Voice::start(Arc::new(traded?), self.stop.child_token(), &self.tracker);
        let voice = started.await.map_err(|why| why.to_string())?;
        let identity = voice.identity.clone();
        self.voices().insert(cluster.names.clone(), Arc::new(voice));
        Ok(identity)
    }

    /// Nobody asks there any more.
    pub(crate) fn forget(&self, names: &Names) {
        self.voices().remove(names);
    }

    fn voices(&self) -> std::sync::MutexGuard<'_, HashMap<Names, Arc<Voice>>> {
        self.builtin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn trade(&self, cluster: &Cluster, bundle: &str) -> Result<Svid, String> {
        let accounts: Api<ServiceAccount> =
            Api::namespaced(self.client.clone(), &self.site.namespace);
        let request = TokenRequest {
            metadata: ObjectMeta::default(),
            spec: TokenRequestSpec {
                audiences: vec![cluster.names.audience()],
                expiration_seconds: Some(TOKEN_LIFE),
                bound_object_ref: None,
            },
            status: None,
        };
        let params = PostParams::default();
        let asked = accounts.create_token_request(&self.site.account, &params, &request).await;
        let token = asked.map_err(|why| format!("no token of {}: {why}", self.site.account))?;
        let token = token.status.map(|status| status.token).unwrap_or_default();
        let roots = authority::certificates(bundle)?;
        let host = cluster.names.host(&cluster.names.part(Part::Authority));
        let url = format!("https://{host}:8445");
        let exchange = Exchange { url: &url, token: &token, roots: &roots };
        authority::trade(exchange).await.map_err(|why| why.to_string())
    }
}

impl Voice {
    async fn start(
        svid: Arc<Svid>,
        stop: CancellationToken,
        tracker: &TaskTracker,
    ) -> Result<Self, IdentityError> {
        let (give, given) = watch::channel(Some(svid));
        let (until, source) = (stop.clone().drop_guard(), Source::Given(Given::new(given)));
        let identity = Identity::start(source, Wanted::any(), stop, tracker).await?;
        Ok(Self { identity, give, traded_at: Mutex::new(Instant::now()), _stop: until })
    }

    fn renew(&self, svid: Svid) {
        *self.traded_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.give.send_replace(Some(Arc::new(svid)));
    }

    fn is_fresh(&self) -> bool {
        self.traded_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < RENEW
    }
}

fn nexus(cluster: &Cluster, identity: &Identity, ip: &str) -> Result<NexusClient, ClientError> {
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let url = format!("https://{host}:8553")
        .parse()
        .map_err(|_| ClientError::Url { url: host, reason: "it is no address" })?;
    let domain = || vec![cluster.trust_domain.clone()];
    let roots = TrustRoots { nexus: domain(), operator: domain(), ..TrustRoots::default() };
    let roles = Roles { roots, instance: cluster.names.instance().parse().ok() };
    Ok(NexusClient::new(identity, url, &roles)?.with_deadline(ANSWER))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use spike_authority::builtin::Root;

    use super::*;

    #[tokio::test]
    async fn nobody_follows_a_voice_that_was_forgotten() {
        spike_identity::install_crypto();
        let now = Timestamp::now();
        let root = Root::generate("example.org", now).expect("a root");
        let id = "spiffe://example.org/spike/operator".parse().expect("an id");
        let issued = root.issue(&id, &[], RENEW, now).expect("an SVID");
        let svid = Svid {
            chain: authority::certificates(&issued.chain).expect("PEM"),
            key: issued.key,
            roots: authority::certificates(root.certificate()).expect("PEM"),
        };
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let voice = Voice::start(Arc::new(svid), stop.child_token(), &tracker).await;
        assert_eq!(tracker.len(), 1, "the identity is followed");
        drop(voice.expect("an identity"));
        tracker.close();
        let ended = tokio::time::timeout(Duration::from_mins(1), tracker.wait()).await;
        assert!(ended.is_ok(), "nobody follows it");
        assert!(!stop.is_cancelled(), "others go on");
    }
}
