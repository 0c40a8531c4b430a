//! Which programs run, with which identities, ports and variables. Pure.

use std::path::{Path, PathBuf};

use spike_core::{Role, SpiffeId};
use spike_crds::{ValidatedCluster, cluster::BootstrapMode, validate::StoreKind};

use super::{home::Home, server::Server};
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
    /// Makes the store's schema, or brings it up to date; none if Nexus does so itself.
    pub(super) schema: Option<Program>,
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

    /// True of a Keeper that has no part in a split of so many shares.
    pub(super) fn is_spare(&self, shares: Option<u8>) -> bool {
        self.shard.zip(shares).is_some_and(|(shard, shares)| shard > shares)
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

/// What a plan needs to know of this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    pub(super) home: &'a Home,
    /// Where the programs are.
    pub(super) binaries: &'a Path,
    pub(super) port_offset: u16,
    /// What the environment says of a server.
    pub(super) server: &'a Server,
}

/// Plans a cluster.
pub(super) fn plan(cluster: ValidatedCluster, ground: Ground<'_>) -> Result<Plan, CliError> {
    refuse_what_a_laptop_lacks(&cluster)?;
    if cluster.store == StoreKind::Postgres {
        ground.server.require_address()?;
    }
    let planner = Planner { cluster: &cluster, ground };
    let keepers: Vec<_> = (0..cluster.keepers()).map(|i| planner.keeper(i)).collect();
    let nexuses = (0..cluster.nexus_replicas).map(|i| planner.nexus(i, &keepers));
    let mut programs = keepers.clone();
    programs.extend(nexuses);
    let makes_keys = !keepers.is_empty() && cluster.bootstrap == BootstrapMode::IfEmpty;
    let bootstrap = makes_keys.then(|| planner.once("bootstrap", &["bootstrap"], &keepers));
    let schema = (cluster.store == StoreKind::Postgres)
        .then(|| planner.once("schema", &["store", "schema", "expand"], &keepers));
    let people = [
        ("superuser", Role::Superuser),
        ("recover", Role::Recover),
        ("restore", Role::Restore),
        ("lite", Role::Lite),
    ];
    let people = people.map(|(name, role)| (name.to_owned(), planner.id(role, None)));
    Ok(Plan { programs, schema, bootstrap, people: people.to_vec(), cluster })
}

fn refuse_what_a_laptop_lacks(cluster: &ValidatedCluster) -> Result<(), CliError> {
    let refuse = |what: &str, next: &str| Err(CliError::usage(what, next));
    if !matches!(cluster.store, StoreKind::Postgres | StoreKind::Sqlite | StoreKind::Memory) {
        return refuse(
            "spec.store: `spike dev` has postgres, sqlite and memory only",
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
    ground: Ground<'a>,
}

impl Planner<'_> {
    fn id(&self, role: Role, part: Option<&str>) -> SpiffeId {
        let base = role.id(&self.cluster.trust_domain);
        let id = part.map_or(base.clone(), |part| format!("{base}/{part}"));
        id.parse().expect("a valid trust domain and our own segments")
    }

    fn keeper(&self, ordinal: u8) -> Program {
        let name = format!("keeper-{ordinal}");
        let port = KEEPER_PORT + self.ground.port_offset + 2 * u16::from(ordinal);
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
        let port = NEXUS_PORT + self.ground.port_offset + 10 * ordinal;
        let name = format!("nexus-{ordinal}");
        let mut program = self.program(Kind::Nexus, Role::Nexus, name, port);
        program.env.extend([
            ("SPIKE_NEXUS_TLS_PORT", format!("127.0.0.1:{port}")),
            ("SPIKE_NEXUS_PROBE_PORT", format!("127.0.0.1:{}", port + 1)),
        ]);
        program.env.extend(self.keys_and_store(keepers));
        program
    }

    /// A subcommand of `nexus` that ends by itself.
    fn once(&self, name: &str, args: &[&'static str], keepers: &[Program]) -> Program {
        let mut program = self.program(Kind::Nexus, Role::Bootstrap, name.to_owned(), 0);
        program.id = self.id(Role::Bootstrap, None);
        program.args = args.to_vec();
        // As in production: the configuration of a Nexus. It writes to a file beside that one's.
        let audit = self.ground.home.audit_of("nexus-0");
        program.env.retain(|(variable, _)| *variable != "SPIKE_AUDIT");
        program.env.push(("SPIKE_AUDIT", format!("file:{}", audit.display())));
        program.env.extend(self.keys_and_store(keepers));
        program
    }

    fn program(&self, kind: Kind, role: Role, name: String, port: u16) -> Program {
        let binary = self.ground.binaries.join(match kind {
            Kind::Keeper => "keeper",
            Kind::Nexus => "nexus",
        });
        let home = self.ground.home;
        let (log, audit) = (home.log_of(&name), home.audit_of(&name));
        let socket = home.socket_of(&name);
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
        let database = self.ground.home.database();
        let mut env = match self.cluster.store {
            StoreKind::Postgres => self.ground.server.variables(),
            StoreKind::Memory => vec![("SPIKE_NEXUS_BACKEND_STORE", "memory".to_owned())],
            _ => vec![("SPIKE_NEXUS_STORE_URL", format!("sqlite://{}", database.display()))],
        };
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

    const POSTGRES: &str = include_str!("../../../config/samples/postgres.yaml");

    fn planned(from: &str, to: &str) -> Result<Plan, CliError> {
        plan_of(&QUICKSTART.replace(from, to), &[])
    }

    fn plan_of(manifest: &str, env: &[(&str, &str)]) -> Result<Plan, CliError> {
        let cluster = spike_crds::manifest::read(manifest).expect("readable");
        let home = Home::at(Path::new("/home/me/.spike")).expect("absolute");
        let said = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into());
        let (binaries, server) = (Path::new("/opt/spike"), Server::read(said));
        let ground = Ground { home: &home, binaries, port_offset: 0, server: &server };
        plan(spike_crds::validate(&cluster).expect("valid"), ground)
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
        let recovery = "  recovery: {age: {recipients: [age1a, age1b]}}\n  nexus:";
        let plan = planned("  nexus:", recovery).expect("fits a laptop");
        let bootstrap = plan.bootstrap.expect("makes a key");
        assert_eq!(variable(&bootstrap, "SPIKE_BOOTSTRAP_RECIPIENTS"), Some("age1a,age1b"));
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
    fn a_server_that_the_environment_names_is_shared_by_three_nexus() {
        let url = ("SPIKE_NEXUS_STORE_URL", "postgres://spike@db/spike");
        let file = ("SPIKE_NEXUS_STORE_PASSWORD_FILE", "/run/password");
        let plan = plan_of(POSTGRES, &[url, file, ("PGPASSWORD", "x")]).expect("fits a laptop");
        let nexuses: Vec<_> = plan.of(Kind::Nexus).collect();
        let ports: Vec<_> = nexuses.iter().map(|program| program.port).collect();
        assert_eq!(ports, [8553, 8563, 8573]);
        let schema = plan.schema.as_ref().expect("someone has to make it");
        assert_eq!(schema.args, ["store", "schema", "expand"]);
        for program in nexuses.into_iter().chain(&plan.bootstrap).chain([schema]) {
            assert_eq!(variable(program, url.0), Some(url.1), "{}", program.name);
            assert_eq!(variable(program, file.0), Some(file.1), "{}", program.name);
            assert_eq!(variable(program, "PGPASSWORD"), None, "{}", program.name);
        }
        assert!(plan.of(Kind::Keeper).all(|keeper| variable(keeper, url.0).is_none()));

        let refused = plan_of(POSTGRES, &[file]).expect_err("where is it?").to_string();
        assert!(refused.starts_with("spec.store.postgres: "), "{refused}");
    }

    #[test]
    fn a_store_of_the_directory_listens_to_no_environment() {
        let url = ("SPIKE_NEXUS_STORE_URL", "postgres://spike@db/spike");
        let plan = plan_of(QUICKSTART, &[url]).expect("fits a laptop");
        let nexus = plan.of(Kind::Nexus).next().expect("there is one");
        let own = "sqlite:///home/me/.spike/data/spike.db";
        assert_eq!(variable(nexus, url.0), Some(own));
        assert!(plan.schema.is_none());
    }

    #[test]
    fn what_a_laptop_lacks_is_refused_with_what_to_write_instead() {
        for (from, to, what) in [
            ("  nexus:", "  paused: true\n  nexus:", "spec.paused is true"),
            (
                "sqlite: {}",
                "memory: {}\n  recovery: {age: {recipients: [age1a, age1b]}}",
                "spec.recovery.age: ",
            ),
        ] {
            let refused = planned(from, to).expect_err(what).to_string();
            assert!(refused.starts_with(what), "{refused}");
        }
    }
}
