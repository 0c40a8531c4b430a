//! Explaining decisions: may this identity do that, and which policy says so?

use spike_core::{
    Roles, SecretPath, SpiffeId,
    policy::{Permission, Permissions, Resource, SystemPath},
    wire::v2::access::{CheckRequest, CheckResponse, Considered},
};

use super::{
    App,
    audited::Trail,
    caller::Caller,
    error::{Error, Result},
    settle::{OnlyEpochs, Standing},
    verdict::{Ask, Verdict},
};

/// A decision to be explained.
pub(crate) struct Question {
    id: SpiffeId,
    place: Place,
    permissions: Vec<Permission>,
}

enum Place {
    Secret(SecretPath),
    System(SystemPath),
}

impl Question {
    /// The question, if it can be asked.
    pub(crate) fn of(asked: &CheckRequest) -> Result<Self> {
        let id = asked.spiffe_id.parse().map_err(Error::bad)?;
        let place = match SystemPath::of(&asked.path) {
            Some(system) => Place::System(system),
            None => Place::Secret(asked.path.parse().map_err(Error::bad)?),
        };
        let permissions: std::result::Result<Vec<Permission>, _> =
            asked.permissions.iter().map(|permission| permission.parse()).collect();
        let permissions = permissions.map_err(Error::bad)?;
        if permissions.is_empty() {
            return Err(Error::bad("name at least one permission"));
        }
        Ok(Self { id, place, permissions })
    }

    fn resource(&self) -> Resource<'_> {
        match &self.place {
            Place::Secret(path) => Resource::Path(path),
            Place::System(system) => Resource::System(*system),
        }
    }
}

impl App {
    /// Explains to the superuser.
    pub(crate) async fn check_access(
        &self,
        caller: &Caller,
        question: Result<Question>,
        roles: &Roles,
    ) -> Result<CheckResponse> {
        let trail = Trail::new(caller, "access.check");
        let result = match self.settle(caller, &Ask::inspection(), &OnlyEpochs).await {
            Ok((standing, ())) => question.map(|question| explain(&standing, &question, roles)),
            Err(error) => Err(error),
        };
        self.told(trail, result).await
    }
}

/// The decision that a request of that identity would get.
fn explain(standing: &Standing, question: &Question, roles: &Roles) -> CheckResponse {
    let Question { id, permissions, .. } = question;
    let resource = question.resource();
    let set = standing.known.policies.set();
    let role = roles.of(id);
    let cipher = matches!(question.place, Place::System(SystemPath::CipherExec));
    let ask = if cipher { Ask::Cipher } else { Ask::anything(resource) };
    let needed: Permissions = permissions.iter().copied().collect();
    let explained = set.explain(id, resource, needed);
    let (allowed, reason) = match Verdict::of(&ask, id, role, set) {
        Verdict::ByRole => (true, "its role allows it".to_owned()),
        Verdict::Barred => (false, "its role never may, whatever policies say".to_owned()),
        Verdict::ByPolicy(_) | Verdict::Denied => {
            (explained.decision.is_allowed(), explained.to_string())
        }
    };
    let policy = explained.decision.allowed_by.filter(|_| allowed).map(ToString::to_string);
    let considered = explained.considered.iter().map(told).collect();
    CheckResponse { allowed, policy, considered, reason }
}

fn told(policy: &spike_core::policy::Considered<'_>) -> Considered {
    Considered {
        name: policy.name.to_string(),
        spiffe_id_matches: policy.spiffe_id_matches,
        path_matches: policy.path_matches,
        missing: policy.missing.iter().map(|permission| permission.to_string()).collect(),
    }
}
