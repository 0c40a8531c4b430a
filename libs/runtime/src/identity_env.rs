//! Who this process is and whom it believes, from environment variables.

use std::path::PathBuf;

use spike_core::{Roles, TrustRoots, role::DEFAULT_TRUST_ROOT};
use spike_identity::Source;

use crate::Env;

/// Where SPIRE's agent listens unless it is told otherwise.
pub const DEFAULT_ENDPOINT: &str = "unix:///tmp/spire-agent/public/api.sock";

const INSTANCE: &str = "Use <namespace>/<name> of the SpikeCluster, such as team/spike.";

#[derive(Clone, Copy)]
enum Kind {
    WorkloadApi,
    Files,
    Kubernetes,
}

/// `SPIKE_IDENTITY`, and the variables of the source it names.
pub fn source(env: &mut Env) -> Source {
    let kinds = [
        ("workload-api", Kind::WorkloadApi),
        ("files", Kind::Files),
        ("kubernetes", Kind::Kubernetes),
    ];
    match env.choice("SPIKE_IDENTITY", Kind::WorkloadApi, &kinds) {
        Kind::WorkloadApi => Source::WorkloadApi { endpoint: endpoint(env) },
        Kind::Files => Source::Files {
            cert: needed(env, "SPIKE_IDENTITY_CERT_FILE"),
            key: needed(env, "SPIKE_IDENTITY_KEY_FILE"),
            bundle: needed(env, "SPIKE_IDENTITY_BUNDLE_FILE"),
        },
        Kind::Kubernetes => Source::Kubernetes {
            authority: authority(env),
            token: mounted(env, "SPIKE_IDENTITY_TOKEN_FILE"),
            bundle: mounted(env, "SPIKE_IDENTITY_BUNDLE_FILE"),
        },
    }
}

fn endpoint(env: &mut Env) -> String {
    let name = "SPIFFE_ENDPOINT_SOCKET";
    let raw = env.text(name, DEFAULT_ENDPOINT);
    let path = raw.strip_prefix("unix://").or_else(|| raw.strip_prefix("unix:"));
    let known = path.is_some_and(|path| path.starts_with('/')) || raw.starts_with("tcp://");
    if !known {
        env.refuse(name, "not a Workload API address", "Use unix:///run/spire/agent.sock.");
    }
    raw
}

const AUTHORITY: &str = "SPIKE_IDENTITY_AUTHORITY";

fn authority(env: &mut Env) -> String {
    let url = env.text(AUTHORITY, "");
    if url.is_empty() {
        env.refuse(AUTHORITY, "not set", "SPIKE_IDENTITY=kubernetes needs it: name its URL.");
    } else if !url.starts_with("https://") {
        env.refuse(
            AUTHORITY,
            "not an https URL",
            "Use https://spike-demo-authority.team.svc:8445.",
        );
    }
    url
}

/// A file that the kubelet brings and replaces.
fn mounted(env: &mut Env, name: &str) -> PathBuf {
    if !env.has(name) {
        env.refuse(name, "not set", "SPIKE_IDENTITY=kubernetes needs it: name a mounted file.");
    }
    env.file(name).unwrap_or_default()
}

fn needed(env: &mut Env, name: &str) -> PathBuf {
    if !env.has(name) {
        env.refuse(name, "not set", "SPIKE_IDENTITY=files needs it: name a PEM file.");
    }
    env.file(name).unwrap_or_default()
}

/// `SPIKE_TRUST_ROOT_*` and `SPIKE_INSTANCE`.
pub fn roles(env: &mut Env) -> Roles {
    Roles {
        roots: TrustRoots {
            nexus: domains(env, "SPIKE_TRUST_ROOT_NEXUS"),
            keeper: domains(env, "SPIKE_TRUST_ROOT_KEEPER"),
            bootstrap: domains(env, "SPIKE_TRUST_ROOT_BOOTSTRAP"),
            pilot: domains(env, "SPIKE_TRUST_ROOT_PILOT"),
            lite: domains(env, "SPIKE_TRUST_ROOT_LITE_WORKLOAD"),
            operator: domains(env, "SPIKE_TRUST_ROOT_OPERATOR"),
        },
        instance: env.parse_maybe("SPIKE_INSTANCE", INSTANCE),
    }
}

fn domains(env: &mut Env, name: &str) -> Vec<String> {
    let domains = env.words(name, &[DEFAULT_TRUST_ROOT]);
    let valid = |domain: &String| {
        !domain.is_empty()
            && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    };
    if domains.is_empty() || !domains.iter().all(valid) {
        let remedy = "List trust domains without spiffe://, separated by commas: spike.ist.";
        env.refuse(name, "not a list of trust domains", remedy);
    }
    domains
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<const N: usize>(variables: [(&str, &str); N]) -> Env {
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn without_variables_it_is_spires_agent_and_spikes_trust_domain() {
        let mut env = env([]);
        let endpoint = DEFAULT_ENDPOINT.to_owned();
        assert_eq!(source(&mut env), Source::WorkloadApi { endpoint });
        assert_eq!(roles(&mut env), Roles::default());
        assert!(env.finish().is_ok());
    }

    #[test]
    fn files_must_be_named_and_there() {
        let mut env = env([
            ("SPIKE_IDENTITY", "Files"),
            ("SPIKE_IDENTITY_CERT_FILE", "/nowhere/cert.pem"),
            ("SPIKE_IDENTITY_BUNDLE_FILE", "/"),
        ]);
        source(&mut env);
        let errors = env.finish().expect_err("three are wrong");
        let told: Vec<_> = errors.problems().iter().map(|p| (&*p.name, &*p.problem)).collect();
        assert_eq!(
            told,
            [
                (
                    "SPIKE_IDENTITY_CERT_FILE",
                    "can't be read: No such file or directory (os error 2)"
                ),
                ("SPIKE_IDENTITY_KEY_FILE", "not set"),
                ("SPIKE_IDENTITY_BUNDLE_FILE", "not a file"),
            ]
        );
    }

    #[test]
    fn in_kubernetes_a_token_a_bundle_and_an_authority_are_named() {
        let mut env = env([("SPIKE_IDENTITY", "kubernetes")]);
        source(&mut env);
        let errors = env.finish().expect_err("three are missing");
        let named: Vec<_> = errors.problems().iter().map(|problem| &*problem.name).collect();
        let all =
            ["SPIKE_IDENTITY_AUTHORITY", "SPIKE_IDENTITY_TOKEN_FILE", "SPIKE_IDENTITY_BUNDLE_FILE"];
        assert_eq!(named, all);
    }

    #[test]
    fn each_role_has_its_own_trust_domains() {
        let mut env = env([
            ("SPIKE_TRUST_ROOT_NEXUS", "a.example, b.example"),
            ("SPIKE_TRUST_ROOT", "ignored.example"),
            ("SPIKE_INSTANCE", "team/a"),
        ]);
        let roles = roles(&mut env);
        assert_eq!(roles.roots.nexus, ["a.example", "b.example"]);
        assert_eq!(roles.roots.keeper, [DEFAULT_TRUST_ROOT]);
        assert_eq!(roles.instance.map(|instance| instance.to_string()).as_deref(), Some("team/a"));
        assert!(env.finish().is_ok());
    }

    #[test]
    fn what_is_no_instance_is_refused_with_an_example() {
        let mut env = env([("SPIKE_INSTANCE", "bad")]);
        roles(&mut env);
        let text = env.finish().expect_err("no instance").to_string();
        assert!(text.contains("team/spike"), "{text}");
    }

    #[test]
    fn what_is_no_trust_domain_is_refused() {
        for wrong in ["spiffe://spike.ist", ",", "a/b", "a b"] {
            let mut env = env([("SPIKE_TRUST_ROOT_KEEPER", wrong)]);
            roles(&mut env);
            assert!(env.finish().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address_and_not_a_path() {
        for (endpoint, right) in [
            ("unix:///run/agent.sock", true),
            ("unix:/run/agent.sock", true),
            ("tcp://127.0.0.1:8081", true),
            ("/run/agent.sock", false),
            ("unix://run/agent.sock", false),
        ] {
            let mut env = env([("SPIFFE_ENDPOINT_SOCKET", endpoint)]);
            source(&mut env);
            assert_eq!(env.finish().is_ok(), right, "{endpoint}");
        }
    }
}
