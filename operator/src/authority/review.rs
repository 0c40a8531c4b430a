//! Asks the Kubernetes API whose a token is.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use super::Account;

/// Where a pod-bound token says which pod.
const POD: &str = "authentication.kubernetes.io/pod-name";

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
/// once.
#[derive(Clone)]
pub struct TokenReviews(Api<TokenReview>);

impl TokenReviews {
    /// By this client.
    pub fn new(client: Client) -> Self {
        Self(Api::all(client))
    }
}

impl Review for TokenReviews {
    async fn review(&self, token: &str, audience: &str) -> Result<Account, ReviewError> {
        let denied = || ReviewError::Denied { audience: audience.to_owned() };
        let review = TokenReview {
            metadata: ObjectMeta::default(),
            spec: TokenReviewSpec {
                audiences: Some(vec![audience.to_owned()]),
                token: Some(token.to_owned()),
            },
            status: None,
        };
        let status = self.0.create(&PostParams::default(), &review).await?.status;
        let status = status.filter(|s| s.authenticated == Some(true)).ok_or_else(denied)?;
        // A server that knows nothing of audiences would say that it is good for its own.
        if !status.audiences.unwrap_or_default().iter().any(|good| good == audience) {
            return Err(denied());
        }
        let user = status.user.unwrap_or_default();
        let pod = user.extra.and_then(|extra| extra.get(POD)?.first().cloned());
        Account::parse(&user.username.unwrap_or_default(), pod).ok_or(ReviewError::NoAccount)
    }
}
