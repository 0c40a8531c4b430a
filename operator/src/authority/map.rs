//! Which SPIFFE ID an account has. Pure.
//!
//! Accounts of workload roles are believed only from a pod: whoever could mint their tokens would be
//! Nexus. Accounts of people are believed only without one: their pods would be people for ever.

use std::time::Duration;

use spike_core::{Instance, Role, SpiffeId};

use crate::names::{Names, Part};

/// How long a person stays one.
const PERSON_LIFE: Duration = Duration::from_mins(10);

/// Whose a token is, as the Kubernetes API says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pod that the token is bound to, if it is.
    pub pod: Option<String>,
    /// What Kubernetes' audit log calls the token, where it names tokens.
    pub credential: Option<String>,
}

impl Account {
    /// Reads `system:serviceaccount:<namespace>:<name>`.
    pub fn parse(username: &str, pod: Option<String>) -> Option<Self> {
        let rest = username.strip_prefix("system:serviceaccount:")?;
        let (namespace, name) = rest.split_once(':')?;
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        (!name.is_empty() && !namespace.is_empty() && !name.contains(':')).then_some(Self {
            namespace,
            name,
            pod,
            credential: None,
        })
    }
}

/// An identity that is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who it is.
    pub id: SpiffeId,
    /// For how long.
    pub life: Duration,
}

/// Why no identity is granted. Texts are for the account's own eyes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A workload's account, and no pod.
    #[error("tokens of {0} count only if they are bound to a pod")]
    Unbound(String),
    /// A person's account, and a pod.
    #[error("tokens of {0} count only if they are bound to no pod")]
    Bound(String),
    /// A Keeper's account, and somebody else's pod.
    #[error("{0} is no pod of the Keepers")]
    Pod(String),
    /// The authority itself.
    #[error("an authority proves itself to nobody")]
    Authority,
    /// No SPIFFE ID can be made of the names.
    #[error("no SPIFFE ID can be made of {0}")]
    Name(String),
}

/// One cluster's mapping.
#[derive(Clone, Debug)]
pub struct Mapping {
    trust_domain: String,
    names: Names,
    operator: (String, String),
    life: Duration,
}

impl Mapping {
    /// The mapping of an instance; `operator` is `<namespace>/<account>`.
    pub fn new(
        trust_domain: &str,
        instance: &Instance,
        operator: &Instance,
        life: Duration,
    ) -> Self {
        let pair = |instance: &Instance| {
            let text = instance.to_string();
            let (namespace, name) = text.split_once('/').unwrap_or_default();
            (namespace.to_owned(), name.to_owned())
        };
        let (namespace, cluster) = pair(instance);
        Self {
            trust_domain: trust_domain.to_owned(),
            names: Names { namespace, cluster },
            operator: pair(operator),
            life,
        }
    }

    /// What an account is granted.
    pub fn grant(&self, account: &Account) -> Result<Grant, Refused> {
        let Account { namespace, name, .. } = account;
        if (namespace, name) == (&self.operator.0, &self.operator.1) {
            return self.id(Role::Operator.path(), self.life);
        }
        let here = *namespace == self.names.namespace;
        let special = if here { self.own(account) } else { None };
        special.unwrap_or_else(|| self.id(&format!("/ns/{namespace}/sa/{name}"), self.life))
    }

    /// What one of our own accounts is granted.
    fn own(&self, account: &Account) -> Option<Result<Grant, Refused>> {
        let is = |part| account.name == self.names.part(part);
        if is(Part::Authority) {
            return Some(Err(Refused::Authority));
        }
        if is(Part::Keeper) {
            return Some(self.keeper(account));
        }
        for (part, role) in [(Part::Nexus, Role::Nexus), (Part::Bootstrap, Role::Bootstrap)] {
            if is(part) {
                return Some(match account.pod {
                    Some(_) => self.role(role, self.life),
                    None => Err(Refused::Unbound(account.name.clone())),
                });
            }
        }
        for (name, role) in
            [("superuser", Role::Superuser), ("recover", Role::Recover), ("restore", Role::Restore)]
        {
            if account.name == self.names.people(name) {
                return Some(match account.pod {
                    None => self.role(role, self.life.min(PERSON_LIFE)),
                    Some(_) => Err(Refused::Bound(account.name.clone())),
                });
            }
        }
        None
    }

    /// Each Keeper is its own pod's name: one stolen identity gets one shard.
    fn keeper(&self, account: &Account) -> Result<Grant, Refused> {
        let unbound = || Refused::Unbound(account.name.clone());
        let pod = account.pod.as_ref().ok_or_else(unbound)?;
        let ordinal = pod.strip_prefix(&format!("{}-", account.name));
        let ours = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !ordinal.is_some_and(ours) {
            return Err(Refused::Pod(pod.clone()));
        }
        let path = format!("{}/{}/{pod}", Role::Keeper.path(), self.names.instance());
        self.id(&path, self.life)
    }

    fn role(&self, role: Role, life: Duration) -> Result<Grant, Refused> {
        self.id(&format!("{}/{}", role.path(), self.names.instance()), life)
    }

    fn id(&self, path: &str, life: Duration) -> Result<Grant, Refused> {
        let id = format!("spiffe://{}{path}", self.trust_domain).parse();
        id.map(|id| Grant { id, life }).map_err(|_| Refused::Name(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn mapping() -> Mapping {
        let instance = "team/demo".parse().expect("an instance");
        let operator = "spike-system/spike-operator".parse().expect("an account");
        Mapping::new("example.org", &instance, &operator, HOUR)
    }

    fn granted(username: &str, pod: Option<&str>) -> Result<String, Refused> {
        let username = format!("system:serviceaccount:{username}");
        let account = Account::parse(&username, pod.map(ToOwned::to_owned)).expect("an account");
        mapping().grant(&account).map(|grant| {
            let expected = if grant.id.as_str().contains("/pilot/") { PERSON_LIFE } else { HOUR };
            assert_eq!(grant.life, expected, "{}", grant.id);
            grant.id.to_string()
        })
    }

    #[test]
    fn workloads_are_believed_from_a_pod_only() {
        let nexus = granted("team:spike-demo-nexus", Some("spike-demo-nexus-abc"));
        assert_eq!(nexus.as_deref(), Ok("spiffe://example.org/spike/nexus/team/demo"));
        let bootstrap = granted("team:spike-demo-bootstrap", Some("x"));
        assert_eq!(bootstrap.as_deref(), Ok("spiffe://example.org/spike/bootstrap/team/demo"));
        for account in ["nexus", "keeper", "bootstrap"] {
            let refused = granted(&format!("team:spike-demo-{account}"), None);
            assert!(matches!(refused, Err(Refused::Unbound(_))), "{account}");
        }
    }

    #[test]
    fn each_keeper_is_its_own_pod_and_no_other() {
        let keeper = granted("team:spike-demo-keeper", Some("spike-demo-keeper-2"));
        let expected = "spiffe://example.org/spike/keeper/team/demo/spike-demo-keeper-2";
        assert_eq!(keeper.as_deref(), Ok(expected));
        for pod in ["spike-demo-keeper-", "spike-demo-keeper-2x", "other-2", "spike-demo-keeper"] {
            let refused = granted("team:spike-demo-keeper", Some(pod));
            assert!(matches!(refused, Err(Refused::Pod(_))), "{pod}");
        }
    }

    #[test]
    fn people_are_believed_without_a_pod_and_not_for_long() {
        let superuser = granted("team:spike-demo-superuser", None);
        let expected = "spiffe://example.org/spike/pilot/role/superuser/team/demo";
        assert_eq!(superuser.as_deref(), Ok(expected));
        for role in ["superuser", "recover", "restore"] {
            let refused = granted(&format!("team:spike-demo-{role}"), Some("pod"));
            assert!(matches!(refused, Err(Refused::Bound(_))), "{role}");
        }
    }

    #[test]
    fn another_namespaces_account_of_the_same_name_is_nobody_special() {
        let stranger = granted("other:spike-demo-superuser", None);
        let expected = "spiffe://example.org/ns/other/sa/spike-demo-superuser";
        assert_eq!(stranger.as_deref(), Ok(expected));
        let another = granted("team:spike-other-nexus", None);
        assert_eq!(another.as_deref(), Ok("spiffe://example.org/ns/team/sa/spike-other-nexus"));
    }

    #[test]
    fn the_operator_is_itself_and_the_authority_nobody() {
        let operator = granted("spike-system:spike-operator", None);
        assert_eq!(operator.as_deref(), Ok("spiffe://example.org/spike/operator"));
        let authority = granted("team:spike-demo-authority", Some("x"));
        assert_eq!(authority, Err(Refused::Authority));
    }

    #[test]
    fn what_is_no_service_account_is_no_account() {
        for username in
            ["admin", "system:node:a", "system:serviceaccount:a", "system:serviceaccount::b"]
        {
            assert_eq!(Account::parse(username, None), None, "{username}");
        }
    }
}
