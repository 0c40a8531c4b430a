//! The door to one Nexus pod of a cluster, for the commands of `spike`.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use spike_cli::{CliError, Door, Exit, Opened};
use spike_core::{Role, Roles, TrustRoots};
use spike_crds::names::{Part, port};

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
        self.has_authority()?;
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
    fn has_authority(&self) -> Result<(), CliError> {
        let Place { cluster, names, .. } = &self.place;
        if cluster.spec.identity.builtin.is_some() {
            return Ok(());
        }
        let role = refusal::name(self.role);
        Err(CliError::new(
            Exit::Usage,
            format!(
                "the identities of {} come from SPIRE, which knows pods only",
                names.instance()
            ),
            format!(
                "Run `spike` in a pod with ServiceAccount {}: docs/kubectl-spike.md shows how.",
                names.people(role)
            ),
        ))
    }

    async fn pod(&self) -> Result<String, CliError> {
        let Self { place, role, pod } = self;
        let query = ListParams::default().labels(&place.names.query(Part::Nexus));
        let pods = place.api::<Pod>().list(&query).await;
        let pods =
            pods.map_err(|why| refusal::on_the_way("list pods", *role, &place.names, &why))?;
        pinned(&pods.items, pod.as_deref(), *role, &place.names)
    }

    fn roles(&self) -> Roles {
        let Place { cluster, names, .. } = &self.place;
        let nexus = vec![cluster.spec.trust_domain.clone()];
        let roots = TrustRoots { nexus, ..TrustRoots::default() };
        Roles { roots, instance: names.instance().parse().ok() }
    }
}
