//! The door to one Nexus pod of a cluster, for the commands of `spike`.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use spike_cli::{CliError, Door, Exit, Opened};
use spike_core::{Role, Roles, TrustRoots};
use spike_crds::{
    SpikeCluster,
    names::{Names, Part, port},
};

use crate::{forward::Forward, person::Person, place::Place, pods::pinned, refusal};

/// Every call of a command goes to the same pod: a restore of several calls has to.
pub(crate) struct Pinned {
    /// Of which cluster.
    pub(crate) place: Place,
    /// As whom.
    pub(crate) role: Role,
    /// Which pod, if somebody wishes one.
    pub(crate) pod: Option<String>,
}

#[async_trait]
impl Door for Pinned {
    async fn open(&self) -> Result<Opened, CliError> {
        let Self { place, role, .. } = self;
        has_authority(&place.cluster, &place.names, *role)?;
        // Who may not be it learns that first.
        let person = Person::with(*role, place).await?;
        let pod = self.pod().await?;
        let way = Forward::open(place.api::<Pod>(), &pod, port::NEXUS).await;
        let way = way.map_err(|why| refusal::of_way(&pod, *role, &place.names, &why))?;
        let url = format!("https://{}", way.address()).parse().expect("an address is a host");
        Ok(Opened {
            identity: person.identity.clone(),
            url,
            roles: self.roles(),
            held: Box::new((person, way)),
        })
    }
}

impl Pinned {
    async fn pod(&self) -> Result<String, CliError> {
        let Self { place, role, pod } = self;
        let pods = place.pods(Part::Nexus).await;
        let pods =
            pods.map_err(|why| refusal::on_the_way("list pods", *role, &place.names, &why))?;
        pinned(&pods, pod.as_deref(), *role, &place.names)
    }

    fn roles(&self) -> Roles {
        let Place { cluster, names, .. } = &self.place;
        let nexus = vec![cluster.spec.trust_domain.clone()];
        let roots = TrustRoots { nexus, ..TrustRoots::default() };
        Roles { roots, instance: names.instance().parse().ok() }
    }
}

/// With SPIRE nobody gives a person outside the cluster an identity.
fn has_authority(cluster: &SpikeCluster, names: &Names, role: Role) -> Result<(), CliError> {
    if cluster.spec.identity.builtin.is_some() {
        return Ok(());
    }
    let account = names.people(refusal::name(role));
    Err(CliError::new(
        Exit::Usage,
        format!("the identities of {} come from SPIRE, which knows pods only", names.instance()),
        format!(
            "Run `spike` in a pod with ServiceAccount {account}: docs/kubectl-spike.md shows how."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(identity: &str) -> Result<(), CliError> {
        let text = format!(
            "apiVersion: spike.ist/v1alpha1\nkind: SpikeCluster\nmetadata: {{name: demo}}\nspec:\n  \
             trustDomain: example.org\n  identity: {{{identity}: {{}}}}\n  store: {{sqlite: {{}}}}\n  \
             nexus: {{replicas: 1}}\n"
        );
        let cluster = spike_crds::manifest::read(&text).expect("a manifest");
        let names = Names { namespace: "team".to_owned(), cluster: "demo".to_owned() };
        has_authority(&cluster, &names, Role::Recover)
    }

    #[test]
    fn who_would_need_an_identity_of_spire_is_told_where_to_get_one() {
        assert_eq!(asked("builtin"), Ok(()));
        let Err(CliError::Told { exit, what, next }) = asked("spire") else { panic!("refused") };
        assert_eq!(exit, Exit::Usage);
        assert!(what.contains("team/demo come from SPIRE"), "{what}");
        assert!(next.contains("ServiceAccount spike-demo-recover"), "{next}");
    }
}
