//! Asks the Kubernetes API whose a token is.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

use super::Account;

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
        account(status.user.unwrap_or_default()).ok_or(ReviewError::NoAccount)
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
    use serde_json::{Value, json};

    use super::*;

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
