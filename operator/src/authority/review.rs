//! Asks the Kubernetes API whose a token is.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use serde_json::Value;
use tokio::sync::Semaphore;

use super::Account;

/// Reviews at once: anybody may ask for one, and each is the Kubernetes API's work. Others wait their turn.
const AT_ONCE: usize = 32;

/// Where a pod-bound token says which pod.
const POD: &str = "authentication.kubernetes.io/pod-name";

/// Where the API says what its audit log calls a token: when it made it, `issued-credential-id`.
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// Says whose a token is.
pub trait Review: Send + Sync + 'static {
    /// The account, if the token is good for `audience`.
    fn review(
        &self,
        token: &str,
        audience: &str,
    ) -> impl Future<Output = Result<Account, ReviewError>> + Send;
}

/// Why nobody is believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// The token is nobody's, or for somebody else.
    #[error("the token is not good for {audience}")]
    Denied {
        /// Whom it should have been for.
        audience: String,
    },
    /// It is good, and not a `ServiceAccount`'s.
    #[error("only ServiceAccounts have an identity here")]
    NoAccount,
    /// The Kubernetes API couldn't say.
    #[error("the Kubernetes API can't review tokens: {0}")]
    Unavailable(#[from] kube::Error),
}

/// The Kubernetes API's own reviews. Nothing is remembered: a deleted pod's token is worthless at
/// once. What doesn't even say that it is for us isn't asked about.
#[derive(Clone)]
pub struct TokenReviews {
    api: Api<TokenReview>,
    turns: Arc<Semaphore>,
}

impl TokenReviews {
    /// By this client.
    pub fn new(client: Client) -> Self {
        Self { api: Api::all(client), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Review for TokenReviews {
    async fn review(&self, token: &str, audience: &str) -> Result<Account, ReviewError> {
        let denied = || ReviewError::Denied { audience: audience.to_owned() };
        if !says_it_is_for(token, audience) {
            return Err(denied());
        }
        let review = TokenReview {
            metadata: ObjectMeta::default(),
            spec: TokenReviewSpec {
                audiences: Some(vec![audience.to_owned()]),
                token: Some(token.to_owned()),
            },
            status: None,
        };
        let _turn = self.turns.acquire().await.expect("it is never closed");
        let status = self.api.create(&PostParams::default(), &review).await?.status;
        let status = status.filter(|s| s.authenticated == Some(true)).ok_or_else(denied)?;
        // A server that knows nothing of audiences would say that it is good for its own.
        if !status.audiences.unwrap_or_default().iter().any(|good| good == audience) {
            return Err(denied());
        }
        account(status.user.unwrap_or_default()).ok_or(ReviewError::NoAccount)
    }
}

/// What a token says of itself: no proof that it is good, and proof enough that it isn't.
fn says_it_is_for(token: &str, audience: &str) -> bool {
    let claims = token.split('.').nth(1).unwrap_or_default();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(|one| one == audience),
        Some(one) => one == audience,
        None => false,
    }
}

fn account(user: UserInfo) -> Option<Account> {
    let extra = user.extra.unwrap_or_default();
    let said = |key| extra.get(key).and_then(|values| values.first().cloned());
    let account = Account::parse(&user.username?, said(POD))?;
    Some(Account { credential: said(CREDENTIAL), ..account })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kube::Config;
    use serde_json::{Value, json};
    use tokio::{net::TcpListener, task::JoinSet, time::timeout};

    use super::*;

    const AUDIENCE: &str = "spike.ist/team/demo";

    fn token(claims: &Value) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn a_token_that_does_not_even_say_that_it_is_for_us_is_not_asked_about() {
        let says = |claims: Value| says_it_is_for(&token(&claims), AUDIENCE);
        assert!(says(json!({"aud": [AUDIENCE]})) && says(json!({"aud": AUDIENCE})));
        assert!(says(json!({"aud": ["another", AUDIENCE]})));
        for other in [json!({}), json!({"aud": []}), json!({"aud": ["api"]}), json!({"aud": {}})] {
            assert!(!says(other.clone()), "{other}");
        }
        for garbage in ["", "x", "a.b.c", ".e30.", "....", "a.%%%.c"] {
            assert!(!says_it_is_for(garbage, AUDIENCE), "{garbage}");
        }
    }

    /// An API server that answers nothing: what comes is counted by its connections.
    #[tokio::test]
    async fn the_kubernetes_api_is_asked_by_so_many_at_once_however_many_ask() {
        spike_identity::install_crypto();
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", server.local_addr().expect("bound"));
        let client = Client::try_from(Config::new(url.parse().expect("a URL"))).expect("a client");
        let reviews = TokenReviews::new(client);
        let refused = reviews.review(&token(&json!({"aud": "api"})), AUDIENCE).await;
        assert!(matches!(refused, Err(ReviewError::Denied { .. })), "nobody was asked");
        let mut asking = JoinSet::new();
        for _ in 0..2 * AT_ONCE {
            let reviews = reviews.clone();
            let token = token(&json!({"aud": AUDIENCE}));
            asking.spawn(async move { reviews.review(&token, AUDIENCE).await });
        }
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(server.accept().await.expect("one asks"));
        }
        let more = timeout(Duration::from_millis(300), server.accept()).await;
        assert!(more.is_err(), "others wait");
        held.pop();
        server.accept().await.expect("one failed, and the next has its turn");
    }

    #[test]
    fn an_account_has_its_pod_and_its_tokens_name_if_the_api_says_them() {
        let read = |extra: Value| {
            let name = "system:serviceaccount:team:spike-demo-superuser";
            let user = json!({"username": name, "extra": extra});
            let account = account(serde_json::from_value(user).expect("a user")).expect("one");
            (account.pod, account.credential)
        };
        let said = json!({
            "authentication.kubernetes.io/credential-id": ["JTI=1"],
            "authentication.kubernetes.io/pod-name": ["a"],
        });
        assert_eq!(read(said), (Some("a".to_owned()), Some("JTI=1".to_owned())));
        assert_eq!(read(json!({})), (None, None));
    }
}
