//! From an error of the Kubernetes API to two lines for a person.

use spike_cli::{CliError, Exit};
use spike_core::{Role, cause::innermost};
use spike_crds::names::Names;

/// What the API server said in words, if it did.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => innermost(other),
    }
}

/// True if the API server said no to who asks.
fn is_denial(error: &kube::Error) -> bool {
    code(error) == Some(403)
}

fn code(error: &kube::Error) -> Option<u16> {
    use kube::{Error, client::UpgradeConnectionError};
    match error {
        Error::Api(status) => Some(status.code),
        Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) => {
            Some(code.as_u16())
        }
        _ => None,
    }
}

/// Something that Kubernetes did not do.
pub(crate) fn of(doing: &str, error: &kube::Error) -> CliError {
    let (exit, next) = match code(error) {
        Some(401) => (Exit::Denied, "Kubernetes doesn't know you: log in again."),
        Some(403) => (Exit::Denied, "Ask whoever gives rights in that namespace for this one."),
        Some(404) => (Exit::Missing, "`kubectl spike status` shows what is there."),
        Some(_) => (Exit::Unavailable, "Try again; if it lasts, look at the API server."),
        None => (Exit::Unavailable, "See whether kubectl works with the same flags."),
    };
    CliError::new(exit, format!("cannot {doing}: {}", words(error)), next)
}

/// The `ClusterRole` that lets people have a role.
const fn cluster_role(role: Role) -> &'static str {
    match role {
        Role::Recover | Role::Restore => "spike-custodian",
        _ => "spike-superuser",
    }
}

/// The last word of a role's path.
pub(crate) fn name(role: Role) -> &'static str {
    role.path().rsplit('/').next().unwrap_or_default()
}

/// Who asks may not have a role, or not go the way to it.
pub(crate) fn of_role(role: Role, names: &Names, error: &kube::Error) -> CliError {
    on_the_way(&format!("get a token of {}", names.people(name(role))), role, names, error)
}

/// The same, of anything that has to be done to have the role.
pub(crate) fn on_the_way(doing: &str, role: Role, names: &Names, error: &kube::Error) -> CliError {
    if !is_denial(error) {
        return of(doing, error);
    }
    let (role, needed, namespace) = (name(role), cluster_role(role), &names.namespace);
    CliError::new(
        Exit::Denied,
        format!("you may not be {role} of {}: {}", names.instance(), words(error)),
        format!(
            "It takes the right to create spikeclusters/{role} in namespace {namespace}: have \
             ClusterRole {needed} bound to you there."
        ),
    )
}

/// The way to a pod is closed.
pub(crate) fn of_way(pod: &str, role: Role, names: &Names, error: &kube::Error) -> CliError {
    if !is_denial(error) {
        return of(&format!("reach pod {pod}"), error);
    }
    let (needed, namespace) = (cluster_role(role), &names.namespace);
    CliError::new(
        Exit::Denied,
        format!("you may not reach pod {pod}: {}", words(error)),
        format!(
            "It takes the rights to get and create pods/portforward in namespace {namespace}: have \
             ClusterRole {needed} bound to you there."
        ),
    )
}
