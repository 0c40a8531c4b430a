//! The kinds of object that a cluster is made of.

use kube::api::ApiResource;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are Kubernetes' own names")]
pub enum Kind {
    ConfigMap,
    Secret,
    Service,
    ServiceAccount,
    PersistentVolumeClaim,
    Deployment,
    StatefulSet,
    Job,
    PodDisruptionBudget,
    NetworkPolicy,
    HorizontalPodAutoscaler,
    RoleBinding,
    ClusterRoleBinding,
    ClusterSpiffeId,
    PodMonitor,
    PrometheusRule,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::ConfigMap,
        Self::Secret,
        Self::Service,
        Self::ServiceAccount,
        Self::PersistentVolumeClaim,
        Self::Deployment,
        Self::StatefulSet,
        Self::Job,
        Self::PodDisruptionBudget,
        Self::NetworkPolicy,
        Self::HorizontalPodAutoscaler,
        Self::RoleBinding,
        Self::ClusterRoleBinding,
        Self::ClusterSpiffeId,
        Self::PodMonitor,
        Self::PrometheusRule,
    ];

    /// Its group and version, its name, its name in URLs.
    const fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        const RBAC: &str = "rbac.authorization.k8s.io";
        match self {
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::PersistentVolumeClaim => {
                ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims")
            }
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::PodDisruptionBudget => {
                ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
            }
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
            Self::HorizontalPodAutoscaler => {
                ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            }
            Self::RoleBinding => (RBAC, "v1", "RoleBinding", "rolebindings"),
            Self::ClusterRoleBinding => (RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings"),
            Self::ClusterSpiffeId => {
                ("spire.spiffe.io", "v1alpha1", "ClusterSPIFFEID", "clusterspiffeids")
            }
            Self::PodMonitor => ("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors"),
            Self::PrometheusRule => {
                ("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules")
            }
        }
    }

    /// As a manifest names it.
    pub fn name(self) -> &'static str {
        self.parts().2
    }

    /// Group and version, as a manifest has them.
    pub fn api_version(self) -> String {
        let (group, version, ..) = self.parts();
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
    }

    /// For the API.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.parts();
        ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: self.api_version(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    }

    /// One can be deleted and made anew, and nothing is lost meanwhile.
    pub fn is_replaceable(self) -> bool {
        matches!(
            self,
            Self::PodDisruptionBudget
                | Self::NetworkPolicy
                | Self::HorizontalPodAutoscaler
                | Self::RoleBinding
                | Self::ClusterRoleBinding
                | Self::ClusterSpiffeId
                | Self::PodMonitor
                | Self::PrometheusRule
        )
    }

    /// It lives in a namespace.
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Self::ClusterRoleBinding | Self::ClusterSpiffeId)
    }
}
