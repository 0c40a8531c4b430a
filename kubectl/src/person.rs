//! Who a person is to a cluster: a token of the role's account, traded at the cluster's authority for
//! an identity of at most ten minutes. Both stay in memory.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Pod, ServiceAccount},
};
use kube::{
    ResourceExt,
    api::{ObjectMeta, PostParams},
};
use spike_cli::{CliError, Exit};
use spike_core::Role;
use spike_crds::names::{AUTHORITY_BUNDLE, Part, port};
use spike_identity::{
    Given, Identity, IdentityError, Source, Svid, Wanted,
    authority::{self, Exchange},
};
use tokio::{sync::watch, time::sleep};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use zeroize::Zeroizing;

use crate::{
    forward::Forward,
    place::Place,
    pods::{Standing, standing},
    refusal,
};

/// How long a token is good for: the least that Kubernetes issues.
const TOKEN_LIFE: i64 = 600;

/// An identity that was traded is there at once; more is a bug, and must not hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shortest pause before an identity is renewed, however short it lives.
const SHORTEST_PAUSE: Duration = Duration::from_secs(2);

/// A role that was taken on, until this is dropped.
pub(crate) struct Person {
    /// As whom to speak.
    pub(crate) identity: Identity,
    _stop: DropGuard,
}

impl Person {
    /// Takes the role on, and renews it at half its life: a re-share may be waited for that long.
    pub(crate) async fn with(role: Role, place: &Place) -> Result<Self, CliError> {
        let svid = trade(place, role).await?;
        let (give, given) = watch::channel(Some(Arc::new(svid)));
        let source = Source::Given(Given::new(given));
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let wanted = Wanted::any().within(PATIENCE);
        let started = Identity::start(source, wanted, stop.clone(), &tracker).await;
        let identity = started.map_err(|why| no_identity(&why, place))?;
        let (place, followed, end) = (place.clone(), identity.clone(), stop.clone());
        tracker.spawn(async move {
            end.run_until_cancelled(renew(place, role, followed, give)).await;
        });
        Ok(Self { identity, _stop: stop.drop_guard() })
    }
}

async fn renew(
    place: Place,
    role: Role,
    identity: Identity,
    give: watch::Sender<Option<Arc<Svid>>>,
) {
    loop {
        let left = Timestamp::now().duration_until(identity.expires_at());
        let left = Duration::try_from(left).unwrap_or_default();
        sleep((left / 2).max(SHORTEST_PAUSE)).await;
        // If it can't be had, the command ends as an identity that expired does.
        if let Ok(svid) = trade(&place, role).await {
            give.send_replace(Some(Arc::new(svid)));
        }
    }
}

async fn trade(place: &Place, role: Role) -> Result<Svid, CliError> {
    let token = token(place, role).await?;
    let roots = authority::certificates(&bundle(place, role).await?)
        .map_err(|why| not_yet(&format!("ConfigMap {AUTHORITY_BUNDLE}: {why}")))?;
    let pod = authority_pod(place, role).await?;
    let way = Forward::open(place.api::<Pod>(), &pod, port::AUTHORITY).await;
    let way = way.map_err(|why| refusal::of_way(&pod, role, &place.names, &why))?;
    let url = format!("https://{}", way.address());
    let exchange = Exchange { url: &url, token: &token, roots: &roots };
    authority::trade(exchange).await.map_err(|why| no_identity(&why, place))
}

async fn token(place: &Place, role: Role) -> Result<Zeroizing<String>, CliError> {
    let account = place.names.people(refusal::name(role));
    let request = TokenRequest {
        metadata: ObjectMeta::default(),
        spec: TokenRequestSpec {
            audiences: vec![place.names.audience()],
            expiration_seconds: Some(TOKEN_LIFE),
            bound_object_ref: None,
        },
        status: None,
    };
    let accounts = place.api::<ServiceAccount>();
    let asked = accounts.create_token_request(&account, &PostParams::default(), &request).await;
    let given = asked.map_err(|why| refusal::of_role(role, &place.names, &why))?;
    let token = given.status.map(|status| status.token).filter(|token| !token.is_empty());
    token.map(Zeroizing::new).ok_or_else(|| not_yet(&format!("no token of {account} came")))
}

/// The roots by which the authority is believed.
async fn bundle(place: &Place, role: Role) -> Result<String, CliError> {
    let map = place.api::<ConfigMap>().get(AUTHORITY_BUNDLE).await;
    let doing = "read the authority's roots";
    let map = map.map_err(|why| refusal::on_the_way(doing, role, &place.names, &why))?;
    let pem = map.data.and_then(|mut data| data.remove("bundle.pem"));
    pem.ok_or_else(|| not_yet("the authority has no roots yet"))
}

async fn authority_pod(place: &Place, role: Role) -> Result<String, CliError> {
    let pods = place.pods(Part::Authority).await;
    let pods = pods.map_err(|why| refusal::on_the_way("list pods", role, &place.names, &why))?;
    let ready = pods.iter().find(|pod| standing(pod) == Standing::Ready);
    ready
        .map(ResourceExt::name_any)
        .ok_or_else(|| not_yet(&format!("no authority of {} is ready", place.names.instance())))
}

fn not_yet(what: &str) -> CliError {
    let next = "`kubectl spike status` says what the cluster waits for and what helps.";
    CliError::new(Exit::Unavailable, format!("no identity: {what}"), next)
}

fn no_identity(error: &IdentityError, place: &Place) -> CliError {
    let why = match error {
        // Its address is a port of ours, which says nothing to anybody.
        IdentityError::Authority { reason, .. } => reason.clone(),
        other => other.to_string(),
    };
    CliError::new(
        Exit::Unavailable,
        format!("the authority of {} gave no identity: {why}", place.names.instance()),
        "See its pods' logs; `kubectl spike report` collects them.",
    )
}
