//! Which programs run, with which identities, ports and variables. Pure.

use std::path::{Path, PathBuf};

use spike_core::{Role, SpiffeId};
use spike_crds::{ValidatedCluster, cluster::BootstrapMode, validate::StoreKind};

use super::home::Home;
use crate::error::CliError;

/// SPIKE's port of a Keeper; each further one is two higher, its probes on the port between.
const KEEPER_PORT: u16 = 8443;

/// SPIKE's port of Nexus; each further one is ten higher.
pub(super) const NEXUS_PORT: u16 = 8553;

/// The largest shift of all ports: with it the hundredth Nexus still has one.
pub(super) const MAX_PORT_OFFSET: i64 = 50_000;

/// Everything that runs.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) cluster: ValidatedCluster,
    /// Keepers first: a Nexus asks them for its key.
    pub(super) programs: Vec<Program>,
    /// Makes the root key, once; none if the manifest forbids it or if there are no Keepers.
    pub(super) bootstrap: Option<Program>,
    /// Identities of people and workloads, by the name of their socket.
    pub(super) people: Vec<(String, SpiffeId)>,
}

/// What a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Keeper,
    Nexus,
}

/// One program.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) binary: PathBuf,
    pub(super) args: Vec<&'static str>,
    pub(super) env: Vec<(&'static str, String)>,
    pub(super) id: SpiffeId,
    /// Which shard a Keeper holds.
    pub(super) shard: Option<u8>,
    /// Where its API is; the probes are on the next port.
    pub(super) port: u16,
    pub(super) log: PathBuf,
    pub(super) audit: PathBuf,
}

impl Program {
    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(super) fn probe_port(&self) -> u16 {
        self.port + 1
    }
}

impl Plan {
    /// The programs of one kind.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Program> {
        self.programs.iter().filter(move |program| program.kind == kind)
    }

    /// What a client must know besides its socket, as variables.
    pub(super) fn client_env(&self) -> Vec<(&'static str, String)> {
        let url = self.of(Kind::Nexus).next().map(Program::url).unwrap_or_default();
        let mut env = trust_env(&self.cluster.trust_domain);
        env.push(("SPIKE_NEXUS_API_URL", url));
        env
    }
}

/// Plans a cluster in `home` of the programs in `binaries`.
pub(super) fn plan(
    cluster: ValidatedCluster,
    home: &Home,
    binaries: &Path,
    port_offset: u16,
) -> Result<Plan, CliError> {
    refuse_what_a_laptop_lacks(&cluster)?;
    let planner = Planner { cluster: &cluster, home, binaries, port_offset };
    let keepers: Vec<_> = (0..cluster.keepers()).map(|i| planner.keeper(i)).collect();
    let nexuses = (0..cluster.nexus_replicas).map(|i| planner.nexus(i, &keepers));
    let mut programs = keepers.clone();
    programs.extend(nexuses);
    let makes_keys = !keepers.is_empty() && cluster.bootstrap == BootstrapMode::IfEmpty;
    let bootstrap = makes_keys.then(|| planner.bootstrap(&keepers));
    let people = [
        ("superuser", Role::Superuser),
        ("recover", Role::Recover),
        ("restore", Role::Restore),
        ("lite", Role::Lite),
    ];
    let people = people.map(|(name, role)| (name.to_owned(), planner.id(role, None)));
    Ok(Plan { programs, bootstrap, people: people.to_vec(), cluster })
}

fn refuse_what_a_laptop_lacks(cluster: &ValidatedCluster) -> Result<(), CliError> {
    let refuse = |what: &str, next: &str| Err(CliError::usage(what, next));
    if !matches!(cluster.store, StoreKind::Sqlite | StoreKind::Memory) {
        return refuse(
            "spec.store: `spike dev` has sqlite and memory only",
            "Set spec.store to sqlite: {} and spec.nexus.replicas to 1.",
        );
    }
    if cluster.store == StoreKind::Memory && !cluster.recipients.is_empty() {
        return refuse(
            "spec.recovery.age: a store in memory has no recovery shards",
            "Remove spec.recovery from the manifest, or set spec.store to sqlite: {}.",
        );
    }
    if cluster.paused {
        return refuse("spec.paused is true", "Set spec.paused to false to start the cluster.");
    }
    Ok(())
}

struct Planner<'a> {
    cluster: &'a ValidatedCluster,
    home: &'a Home,
    binaries: &'a Path,
    port_offset: u16,
}

impl Planner<'_> {
    fn id(&self, role: Role, part: Option<&str>) -> SpiffeId {
        let base = role.id(&self.cluster.trust_domain);
        let id = part.map_or(base.clone(), |part| format!("{base}/{part}"));
        id.parse().expect("a valid trust domain and our own segments")
    }

    fn keeper(&self, ordinal: u8) -> Program {
        let name = format!("keeper-{ordinal}");
        let port = KEEPER_PORT + self.port_offset + 2 * u16::from(ordinal);
        let mut program = self.program(Kind::Keeper, Role::Keeper, name, port);
        program.shard = Some(ordinal + 1);
        program.env.extend([
            ("SPIKE_KEEPER_TLS_PORT", format!("127.0.0.1:{port}")),
            ("SPIKE_KEEPER_PROBE_PORT", format!("127.0.0.1:{}", port + 1)),
            ("SPIKE_KEEPER_INDEX", (ordinal + 1).to_string()),
        ]);
        program
    }

    fn nexus(&self, ordinal: u16, keepers: &[Program]) -> Program {
        let port = NEXUS_PORT + self.port_offset + 10 * ordinal;
        let name = format!("nexus-{ordinal}");
        let mut program = self.program(Kind::Nexus, Role::Nexus, name, port);
        program.env.extend([
            ("SPIKE_NEXUS_TLS_PORT", format!("127.0.0.1:{port}")),
            ("SPIKE_NEXUS_PROBE_PORT", format!("127.0.0.1:{}", port + 1)),
        ]);
        program.env.extend(self.keys_and_store(keepers));
        program
    }

    fn bootstrap(&self, keepers: &[Program]) -> Program {
        let name = "bootstrap".to_owned();
        let mut program = self.program(Kind::Nexus, Role::Bootstrap, name, 0);
        program.id = self.id(Role::Bootstrap, None);
        program.args = vec!["bootstrap"];
        // As in production: the configuration of a Nexus. It writes to a file beside that one's.
        let audit = self.home.audit_of("nexus-0");
        program.env.retain(|(variable, _)| *variable != "SPIKE_AUDIT");
        program.env.push(("SPIKE_AUDIT", format!("file:{}", audit.display())));
        program.env.extend(self.keys_and_store(keepers));
        program
    }

    fn program(&self, kind: Kind, role: Role, name: String, port: u16) -> Program {
        let binary = self.binaries.join(match kind {
            Kind::Keeper => "keeper",
            Kind::Nexus => "nexus",
        });
        let (log, audit) = (self.home.log_of(&name), self.home.audit_of(&name));
        let socket = self.home.socket_of(&name);
        let mut env = trust_env(&self.cluster.trust_domain);
        env.extend([
            ("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", socket.display())),
            // As in a pod: the audit log names its writer as everything else here does.
            ("HOSTNAME", name.clone()),
            ("SPIKE_AUDIT", format!("file:{}", audit.display())),
            ("SPIKE_SYSTEM_LOG_LEVEL", self.cluster.log_level.to_string()),
        ]);
        let id = self.id(role, Some(&name));
        Program { name, kind, binary, args: vec!["serve"], env, id, shard: None, port, log, audit }
    }

    /// What `serve` and `bootstrap` must agree on.
    fn keys_and_store(&self, keepers: &[Program]) -> Vec<(&'static str, String)> {
        let quorum = self.cluster.quorum;
        let store = match self.cluster.store {
            StoreKind::Memory => ("SPIKE_NEXUS_BACKEND_STORE", "memory".to_owned()),
            _ => ("SPIKE_NEXUS_STORE_URL", format!("sqlite://{}", self.home.database().display())),
        };
        let mut env = vec![store];
        if !keepers.is_empty() {
            let peers: Vec<_> = keepers.iter().map(Program::url).collect();
            env.extend([
                ("SPIKE_NEXUS_KEEPER_PEERS", peers.join(",")),
                ("SPIKE_NEXUS_SHAMIR_SHARES", quorum.shares().to_string()),
                ("SPIKE_NEXUS_SHAMIR_THRESHOLD", quorum.threshold().to_string()),
                ("SPIKE_NEXUS_SHAMIR_GENERATION", self.cluster.generation.to_string()),
            ]);
            let recipients = &self.cluster.recipients;
            env.extend(
                (!recipients.is_empty())
                    .then(|| ("SPIKE_BOOTSTRAP_RECIPIENTS", recipients.join(","))),
            );
        }
        env
    }
}

/// Where an identity comes from, and whom to believe. No `SPIKE_INSTANCE`: the cluster has the
/// development authority's trust domain to itself, and stock SPIKE clients know no instances.
fn trust_env(trust_domain: &str) -> Vec<(&'static str, String)> {
    let mut env = vec![("SPIKE_IDENTITY", "workload-api".to_owned())];
    let roots = [
        "SPIKE_TRUST_ROOT_NEXUS",
        "SPIKE_TRUST_ROOT_KEEPER",
        "SPIKE_TRUST_ROOT_BOOTSTRAP",
        "SPIKE_TRUST_ROOT_PILOT",
        "SPIKE_TRUST_ROOT_LITE_WORKLOAD",
        "SPIKE_TRUST_ROOT_OPERATOR",
    ];
    env.extend(roots.map(|root| (root, trust_domain.to_owned())));
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICKSTART: &str = include_str!("../../../config/samples/quickstart.yaml");

    fn planned(from: &str, to: &str) -> Result<Plan, CliError> {
        let cluster = spike_crds::manifest::read(&QUICKSTART.replace(from, to)).expect("readable");
        let home = Home::at(Path::new("/home/me/.spike")).expect("absolute");
        plan(spike_crds::validate(&cluster).expect("valid"), &home, Path::new("/opt/spike"), 0)
    }

    fn variable<'a>(program: &'a Program, name: &str) -> Option<&'a str> {
        let mut env = program.env.iter();
        env.find(|(variable, _)| *variable == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_quickstart_is_three_keepers_then_a_nexus_that_knows_them() {
        let plan = planned("", "").expect("fits a laptop");
        let names: Vec<_> = plan.programs.iter().map(|program| program.name.as_str()).collect();
        assert_eq!(names, ["keeper-0", "keeper-1", "keeper-2", "nexus-0"]);
        let ports: Vec<_> = plan.programs.iter().map(|program| program.port).collect();
        assert_eq!(ports, [8443, 8445, 8447, 8553]);
        let peers = "https://127.0.0.1:8443,https://127.0.0.1:8445,https://127.0.0.1:8447";
        for program in [&plan.programs[3], plan.bootstrap.as_ref().expect("makes a key")] {
            assert_eq!(variable(program, "SPIKE_NEXUS_KEEPER_PEERS"), Some(peers));
            assert_eq!(variable(program, "SPIKE_NEXUS_SHAMIR_THRESHOLD"), Some("2"));
            let url = "sqlite:///home/me/.spike/data/spike.db";
            assert_eq!(variable(program, "SPIKE_NEXUS_STORE_URL"), Some(url));
        }
        assert_eq!(variable(&plan.programs[2], "SPIKE_KEEPER_INDEX"), Some("3"));
        assert_eq!(plan.programs[2].shard, Some(3));
        assert_eq!(variable(&plan.programs[2], "HOSTNAME"), Some("keeper-2"));
        assert!(plan.programs.iter().all(|program| variable(program, "SPIKE_INSTANCE").is_none()));
    }

    #[test]
    fn every_identity_has_its_role() {
        let plan = planned("spike.ist\n", "dev.example\n").expect("fits a laptop");
        let roots = vec!["dev.example".to_owned()];
        let roots = spike_core::TrustRoots {
            nexus: roots.clone(),
            keeper: roots.clone(),
            bootstrap: roots.clone(),
            pilot: roots.clone(),
            lite: roots.clone(),
            operator: roots,
        };
        let roles = spike_core::Roles { roots, instance: None };
        for program in &plan.programs {
            let role = if program.kind == Kind::Nexus { Role::Nexus } else { Role::Keeper };
            assert_eq!(roles.of(&program.id), Some(role), "{}", program.name);
        }
        assert_eq!(plan.bootstrap.and_then(|program| roles.of(&program.id)), Some(Role::Bootstrap));
        let people: Vec<_> = plan.people.iter().filter_map(|(_, id)| roles.of(id)).collect();
        assert_eq!(people, [Role::Superuser, Role::Recover, Role::Restore, Role::Lite]);
    }

    #[test]
    fn custodians_are_known_to_the_bootstrap() {
        let recovery = "  recovery: {age: {recipients: [a, b]}}\n  nexus:";
        let plan = planned("  nexus:", recovery).expect("fits a laptop");
        let bootstrap = plan.bootstrap.expect("makes a key");
        assert_eq!(variable(&bootstrap, "SPIKE_BOOTSTRAP_RECIPIENTS"), Some("a,b"));
        let without = planned("", "").expect("fits a laptop").bootstrap.expect("makes a key");
        assert_eq!(variable(&without, "SPIKE_BOOTSTRAP_RECIPIENTS"), None);
    }

    #[test]
    fn memory_has_no_keepers_and_no_bootstrap() {
        let plan = planned("sqlite", "memory").expect("fits a laptop");
        assert_eq!(plan.programs.len(), 1);
        assert!(plan.bootstrap.is_none());
        assert_eq!(variable(&plan.programs[0], "SPIKE_NEXUS_KEEPER_PEERS"), None);
    }

    #[test]
    fn what_a_laptop_lacks_is_refused_with_what_to_write_instead() {
        for (from, to, what) in [
            ("sqlite: {}", "postgres: {clusterRef: {name: db}}", "spec.store: "),
            ("  nexus:", "  paused: true\n  nexus:", "spec.paused is true"),
            (
                "sqlite: {}",
                "memory: {}\n  recovery: {age: {recipients: [a, b]}}",
                "spec.recovery.age: ",
            ),
        ] {
            let refused = planned(from, to).expect_err(what).to_string();
            assert!(refused.starts_with(what), "{refused}");
        }
    }
}
