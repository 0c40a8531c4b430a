//! `spike dev`: a cluster on a laptop starts, heals, stops and comes back, and leaves nothing behind.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use spike_e2e::program;
use spike_testbed_postgres::{Options, Server};
use tempfile::TempDir;

/// A cluster's directory and ports; what runs there is stopped with the test.
struct Laptop {
    temp: TempDir,
    offset: u16,
    spike: PathBuf,
    env: Vec<(&'static str, String)>,
}

impl Laptop {
    fn new() -> Self {
        let (temp, spike) = (TempDir::new().unwrap(), program("spike"));
        Self { temp, offset: free_offset(), spike, env: Vec::new() }
    }

    fn dir(&self) -> PathBuf {
        self.temp.path().join("cluster")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.spike);
        command.arg("dev").args(args).args(["--dir", self.dir().to_str().unwrap()]);
        command.env_remove("SPIKE_INSTANCE").envs(self.env.clone()).stdin(Stdio::null());
        command
    }

    fn dev(&self, args: &[&str], exit: i32) -> String {
        let out = self.command(args).output().unwrap();
        assert_eq!(out.status.code(), Some(exit), "spike dev {args:?}: {}", said(&out));
        said(&out)
    }

    fn up(&self, more: &[&str], exit: i32) -> String {
        let offset = format!("--port-offset={}", self.offset);
        self.dev(&[&["up", "--background", &offset], more].concat(), exit)
    }

    fn status(&self) -> Value {
        let out = self.command(&["status", "-f", "json"]).output().unwrap();
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", said(&out)))
    }

    fn pids(&self) -> Vec<u32> {
        let status = self.status();
        let programs = status["programs"].as_array().unwrap();
        let pids: Vec<_> = programs.iter().filter_map(|program| program["pid"].as_u64()).collect();
        assert_eq!(pids.len(), programs.len(), "{status}");
        pids.into_iter().chain(status["pid"].as_u64()).map(|pid| pid.try_into().unwrap()).collect()
    }

    /// Has a new set of recovery shards made, of which this is the number; the folder it is in.
    fn new_set(&self, number: u32) -> PathBuf {
        let folder = self.temp.path().join(format!("set-{number}"));
        let line = format!("operator recover --new-set --yes --dir {}", folder.display());
        let given = said(&self.shell("recover", &line));
        assert!(given.contains(&format!("This is set {number}")), "{given}");
        folder
    }

    /// Runs a line of shell in the environment of an identity.
    fn shell(&self, identity: &str, line: &str) -> Output {
        let env = self.dev(&["env", "--identity", identity], 0);
        let script = format!("{env}\n{} {line}", self.spike.display());
        Command::new("sh").args(["-euc", &script]).output().unwrap()
    }
}

impl Drop for Laptop {
    fn drop(&mut self) {
        let _ = self.command(&["stop"]).output();
    }
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// A shift of all ports under which every port of a cluster is free.
fn free_offset() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 97).unwrap() * 200;
    for _ in 0..200 {
        let offset = (1000 + first + NEXT.fetch_add(200, Relaxed)) % 40_000;
        let mut ports = (8443..8449).chain(8553..8575).map(|port| port + offset);
        if ports.all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return offset;
        }
    }
    panic!("no ports are free");
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn gone_within(pids: &[u32], patience: Duration) {
    let end = Instant::now() + patience;
    while pids.iter().any(|pid| alive(*pid)) {
        assert!(Instant::now() < end, "{pids:?} still run after {patience:?}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_supervisor_leaves_nothing_running_and_the_next_start_has_the_secrets() {
    let laptop = Laptop::new();
    laptop.up(&[], 0);
    let put = laptop.shell("superuser", "secret put tenants/acme/db user=root");
    assert!(put.status.success(), "{}", said(&put));

    let pids = laptop.pids();
    kill(*pids.last().unwrap(), Signal::KILL);
    gone_within(&pids, Duration::from_secs(5));

    let again = laptop.up(&[], 0);
    assert!(again.contains("DEVELOPMENT ONLY: 3 recovery shards lie in plain files"), "{again}");
    let got = laptop.shell("superuser", "secret get tenants/acme/db user");
    assert_eq!(said(&got).trim(), "root", "restored from the recovery shards");
    let pids = laptop.pids();
    laptop.dev(&["stop"], 0);
    gone_within(&pids, Duration::from_secs(1));
    laptop.dev(&["stop"], 0);
    laptop.dev(&["status"], 6);
}

#[test]
fn without_its_recovery_shards_a_cluster_waits_sealed_until_people_bring_them() {
    let laptop = Laptop::new();
    laptop.up(&[], 0);
    let put = laptop.shell("superuser", "secret put tenants/acme/db user=root");
    assert!(put.status.success(), "{}", said(&put));
    laptop.dev(&["stop"], 0);
    let (recovery, away) = (laptop.dir().join("recovery"), laptop.temp.path().join("away"));
    fs::rename(&recovery, &away).unwrap();

    let sealed = laptop.up(&[], 6);
    assert!(sealed.contains("the cluster runs, but sealed"), "{sealed}");
    assert!(sealed.contains("spike dev env --role restore"), "{sealed}");
    assert_eq!(laptop.status()["sealed"], true);
    let status = laptop.dev(&["status"], 6);
    assert!(status.contains("spike dev env --role restore"), "{status}");
    let shard = |n: u8| away.join(format!("spike.recovery.{n}.txt")).display().to_string();
    let line = format!("operator restore {} {}", shard(1), shard(3));
    let restored = laptop.shell("restore", &line);
    assert!(restored.status.success(), "{}", said(&restored));

    let end = Instant::now() + Duration::from_mins(1);
    while laptop.status()["started"] != true {
        assert!(Instant::now() < end, "it doesn't go on: {}", laptop.status());
        sleep(Duration::from_millis(100));
    }
    assert_eq!(laptop.status()["sealed"], false);
    let got = laptop.shell("superuser", "secret get tenants/acme/db user");
    assert_eq!(said(&got).trim(), "root");
    assert_eq!(fs::read_dir(&recovery).unwrap().count(), 3, "for the next start");

    laptop.dev(&["stop"], 0);
    fs::remove_dir_all(laptop.dir().join("data")).unwrap();
    let gone = laptop.up(&[], 5);
    assert!(gone.contains("has the recovery shards of a store that is gone"), "{gone}");
}

#[test]
fn whoever_has_new_recovery_shards_made_does_not_disarm_the_next_start() {
    let laptop = Laptop::new();
    laptop.up(&[], 0);
    let put = laptop.shell("superuser", "secret put tenants/acme/db user=root");
    assert!(put.status.success(), "{}", said(&put));
    laptop.new_set(2);
    laptop.dev(&["stop"], 0);
    laptop.up(&[], 0);

    // Without a stop in which to look once more.
    let newer = laptop.new_set(3);
    let text = |folder: &Path| fs::read_to_string(folder.join("spike.recovery.3.txt")).unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while text(&laptop.dir().join("recovery")) != text(&newer) {
        assert!(Instant::now() < end, "recovery/ still has the older set");
        sleep(Duration::from_millis(100));
    }
    let pids = laptop.pids();
    kill(*pids.last().unwrap(), Signal::KILL);
    gone_within(&pids, Duration::from_secs(5));
    laptop.up(&[], 0);
    let got = laptop.shell("superuser", "secret get tenants/acme/db user");
    assert_eq!(said(&got).trim(), "root");
}

#[test]
fn a_keeper_that_rightly_holds_nothing_is_no_fault_and_keeps_no_start_waiting() {
    let laptop = Laptop::new();
    laptop.up(&[], 0);
    let reshare = "operator reshare --shares 2 --threshold 2 --yes --wait 1m";
    let reshared = laptop.shell("superuser", reshare);
    assert!(reshared.status.success(), "{}", said(&reshared));
    let end = Instant::now() + Duration::from_mins(1);
    while !said(&laptop.command(&["status"]).output().unwrap()).contains("as it should") {
        assert!(Instant::now() < end, "{}", laptop.status());
        sleep(Duration::from_millis(100));
    }
    laptop.dev(&["status"], 0);
    laptop.dev(&["stop"], 0);
    laptop.up(&[], 0);
    assert!(laptop.dev(&["status"], 0).contains("holds nothing, as it should"));
}

#[test]
fn another_user_is_told_that_only_the_owner_can_see_what_runs() {
    let laptop = Laptop::new();
    laptop.up(&["-f", &memory_manifest(&laptop)], 0);
    let own = fs::metadata(laptop.dir()).unwrap();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(laptop.temp.path(), open).unwrap();
    let root = own.uid() == 0;
    if !root {
        // Nobody else is at hand: a directory that its owner may not enter either.
        fs::set_permissions(laptop.dir(), fs::Permissions::from_mode(0o000)).unwrap();
    }
    for command in ["status", "stop", "env"] {
        let mut other = laptop.command(&[command]);
        if root {
            other.uid(65_534).gid(65_534);
        }
        let out = other.output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{command}: {}", said(&out));
        let whose = format!("belongs to the user with the number {}", own.uid());
        assert!(said(&out).contains(&whose), "{command}: {}", said(&out));
    }
    fs::set_permissions(laptop.dir(), own.permissions()).unwrap();
    laptop.dev(&["status"], 0);
}

#[test]
fn shards_of_an_older_set_leave_a_cluster_sealed_until_people_bring_the_newer_ones() {
    let laptop = Laptop::new();
    laptop.up(&[], 0);
    let put = laptop.shell("superuser", "secret put tenants/acme/db user=root");
    assert!(put.status.success(), "{}", said(&put));
    let shards =
        || [1, 2, 3].map(|n| laptop.dir().join(format!("recovery/spike.recovery.{n}.txt")));
    let older = shards().map(|path| fs::read_to_string(path).unwrap());
    let newer = laptop.new_set(2);
    laptop.dev(&["stop"], 0);
    for (path, text) in shards().iter().zip(older) {
        fs::write(path, text).unwrap();
    }

    let sealed = laptop.up(&[], 6);
    assert!(sealed.contains("the cluster runs, but sealed"), "{sealed}");
    let log = fs::read_to_string(laptop.dir().join("logs/dev.log")).unwrap();
    assert!(log.contains("recovery/ can't restore the root key"), "{log}");
    assert!(log.contains("is not of set 2"), "{log}");
    let shard = |n: u8| newer.join(format!("spike.recovery.{n}.txt")).display().to_string();
    let restored = laptop.shell("restore", &format!("operator restore {} {}", shard(1), shard(2)));
    assert!(restored.status.success(), "{}", said(&restored));
    let end = Instant::now() + Duration::from_mins(1);
    while laptop.status()["started"] != true {
        assert!(Instant::now() < end, "it doesn't go on: {}", laptop.status());
        sleep(Duration::from_millis(100));
    }
    laptop.dev(&["stop"], 0);
    laptop.up(&[], 0);
    let got = laptop.shell("superuser", "secret get tenants/acme/db user");
    assert_eq!(said(&got).trim(), "root", "from the newer shards, which recovery/ has now");
}

/// The quickstart with a store in memory: one program.
fn memory_manifest(laptop: &Laptop) -> String {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/samples/quickstart.yaml");
    let manifest = fs::read_to_string(sample).unwrap().replace("sqlite: {}", "memory: {}");
    let file = laptop.temp.path().join("memory.yaml");
    fs::write(&file, manifest).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_cluster_in_memory_says_that_nothing_is_kept() {
    let laptop = Laptop::new();
    let up = laptop.up(&["-f", &memory_manifest(&laptop)], 0);
    assert!(up.contains("DEVELOPMENT ONLY: secrets are in memory alone"), "{up}");
    let log = fs::read_to_string(laptop.dir().join("logs/dev.log")).unwrap();
    assert!(log.contains("1 program runs"), "{log}");
}

#[test]
fn an_environment_that_is_not_there_leaves_none_to_the_next_command() {
    let laptop = Laptop::new();
    let spike = laptop.spike.display();
    let script = format!(
        "SPIFFE_ENDPOINT_SOCKET=unix:///of/before; SPIKE_NEXUS_API_URL=https://before
        eval \"$({spike} dev env --dir {})\" && exit 9
        echo \"[$SPIFFE_ENDPOINT_SOCKET$SPIKE_NEXUS_API_URL]\"",
        laptop.dir().display()
    );
    let out = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "[]\n");
}

#[test]
fn a_running_directory_is_refused_and_names_its_process() {
    let laptop = Laptop::new();
    laptop.up(&[], 0);
    let supervisor = laptop.status()["pid"].as_u64().unwrap();
    let refused = laptop.up(&[], 5);
    assert!(refused.contains(&format!("running already, as process {supervisor}")), "{refused}");
}

#[test]
fn a_busy_port_is_named_with_who_has_it() {
    let laptop = Laptop::new();
    let port = 8445 + laptop.offset;
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let refused = laptop.up(&[], 5);
    let expected = format!("port {port} of keeper-1 is busy: process {} ", std::process::id());
    assert!(refused.contains(&expected), "{refused}");
    assert!(refused.contains("--port-offset"), "{refused}");
}

#[test]
fn an_added_identity_is_served_at_once_and_after_the_next_start() {
    let laptop = Laptop::new();
    laptop.up(&[], 0);
    laptop.dev(&["identity", "add", "billing", "spiffe://spike.ist/workload/billing"], 0);
    laptop.dev(&["identity", "add", "billing", "spiffe://spike.ist/workload/billing"], 0);
    let other = ["identity", "add", "billing", "spiffe://spike.ist/workload/other"];
    let taken = laptop.dev(&other, 5);
    assert!(taken.contains("billing is spiffe://spike.ist/workload/billing already"), "{taken}");
    laptop.dev(&["identity", "add", "keeper-0", "spiffe://spike.ist/workload/x"], 5);
    laptop.dev(&["identity", "remove", "superuser"], 5);
    laptop.dev(&["identity", "remove", "nobody"], 4);
    assert!(!laptop.status().to_string().contains("unix://"), "a socket is its identity's");
    let foreign = laptop.dev(&["identity", "add", "thief", "spiffe://evil.ist/x"], 1);
    assert!(foreign.contains("spiffe://evil.ist/x"), "{foreign}");
    assert_eq!(laptop.shell("billing", "secret get a/b").status.code(), Some(3), "known, denied");
    laptop.dev(&["stop"], 0);
    laptop.up(&[], 0);
    assert_eq!(laptop.shell("billing", "secret get a/b").status.code(), Some(3));
    laptop.dev(&["identity", "remove", "billing"], 0);
    laptop.dev(&["env", "--identity", "billing"], 4);
}

#[test]
fn what_dies_is_started_again_and_ctrl_c_stops_all_in_order() {
    let laptop = Laptop::new();
    let offset = format!("--port-offset={}", laptop.offset);
    let log = fs::File::create(laptop.temp.path().join("console")).unwrap();
    let mut up = laptop.command(&["up", &offset]).stderr(log).spawn().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while laptop.command(&["status"]).output().unwrap().status.code() != Some(0) {
        assert!(Instant::now() < end, "it doesn't start");
        sleep(Duration::from_millis(100));
    }
    kill(laptop.pids()[0], Signal::KILL);
    let healed = |status: &Value| {
        let keeper = &status["programs"][0];
        keeper["restarts"] == 1 && keeper["ready"] == true
    };
    while !healed(&laptop.status()) {
        assert!(Instant::now() < end, "the Keeper isn't whole again: {}", laptop.status());
        sleep(Duration::from_millis(200));
    }
    let pids = laptop.pids();
    kill(up.id(), Signal::INT);
    assert!(up.wait().unwrap().success());
    gone_within(&pids[..4], Duration::ZERO);
    let told = fs::read_to_string(laptop.temp.path().join("console")).unwrap();
    assert!(told.contains("! keeper-0: signal: 9 (SIGKILL); starting it again"), "{told}");
    assert!(told.contains("DEVELOPMENT ONLY"), "{told}");
    for name in ["keeper-0", "nexus-0"] {
        let audit = fs::read_to_string(laptop.dir().join(format!("audit/{name}.jsonl"))).unwrap();
        assert!(audit.contains(r#""event":"stopped""#), "{name} was drained: {audit}");
        assert!(audit.contains(&format!(r#""replica":"{name}""#)), "{name}: {audit}");
    }
}

#[test]
fn a_manifest_that_cannot_work_is_refused_before_anything_is_made() {
    let laptop = Laptop::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/samples/quickstart.yaml");
    let quickstart = fs::read_to_string(sample).unwrap();
    let file = laptop.temp.path().join("cluster.yaml");
    for (from, to, told) in [
        ("threshold: 2", "treshold: 2", "unknown field spec.shamir.treshold"),
        ("threshold: 2", "threshold: 4", "spec.shamir.threshold (4) must not exceed"),
        ("replicas: 1", "replicas: 2", "set spec.nexus.replicas to 1 (is 2)"),
        (
            "sqlite: {}",
            "postgres: {clusterRef: {name: db}}",
            "spec.store.postgres: SPIKE_NEXUS_STORE_URL says where the server is",
        ),
        ("sqlite: {}", "postgres: {}", "needs exactly one of host, serviceRef, clusterRef"),
        ("builtin: {}", "spire: {}", "spec.identity.spire: identities come from its own authority"),
    ] {
        fs::write(&file, quickstart.replace(from, to)).unwrap();
        let refused = laptop.dev(&["up", "-f", file.to_str().unwrap()], 2);
        assert!(refused.contains(told), "{refused}");
        assert!(!laptop.dir().exists(), "{refused}");
    }
}

#[test]
fn three_nexus_on_one_server_are_one_cluster_that_comes_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(Options::default())).unwrap();
    let mut laptop = Laptop::new();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/samples/postgres.yaml");
    let sample = ["-f", sample.to_str().unwrap()];
    let refused = laptop.up(&sample, 2);
    assert!(refused.contains("nothing says where the server is"), "{refused}");

    laptop.env = vec![
        ("SPIKE_NEXUS_STORE_URL", format!("{}?connections=6", server.url("spike"))),
        ("SPIKE_NEXUS_STORE_CA_FILE", server.ca_file().display().to_string()),
    ];
    laptop.up(&sample, 0);
    let status = laptop.status();
    let programs = status["programs"].as_array().unwrap();
    let nexuses = programs.iter().filter(|p| p["name"].as_str().unwrap().starts_with("nexus-"));
    let urls: Vec<_> = nexuses.map(|nexus| nexus["url"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 3, "{status}");
    assert_eq!(status["environment"].to_string().matches(urls[0]).count(), 1, "{status}");

    let put = laptop.shell("superuser", &format!("--url {} secret put a/b v=1", urls[0]));
    assert!(put.status.success(), "{}", said(&put));
    for url in &urls {
        let got = laptop.shell("superuser", &format!("--url {url} secret get a/b v"));
        assert_eq!(said(&got).trim(), "1", "of {url}");
    }
    let first = programs.iter().find(|program| program["name"] == "nexus-0").unwrap();
    kill(first["pid"].as_u64().unwrap().try_into().unwrap(), Signal::KILL);
    let got = laptop.shell("superuser", &format!("--url {} secret get a/b v", urls[1]));
    assert_eq!(said(&got).trim(), "1", "while another is away");

    laptop.dev(&["stop"], 0);
    laptop.up(&[], 0);
    let got = laptop.shell("superuser", "secret get a/b v");
    assert_eq!(said(&got).trim(), "1", "restored from the recovery shards");
}

/// The demo, with one program replaced by `true`.
fn demo_without(replaced: &str) -> (Output, bool) {
    let temp = TempDir::new().unwrap();
    for name in ["spike", "nexus", "keeper"] {
        let from = if name == replaced { PathBuf::from("/bin/true") } else { program(name) };
        fs::copy(from, temp.path().join(name)).unwrap();
    }
    let report = temp.path().join("report");
    let offset = format!("--port-offset={}", free_offset());
    let out = Command::new(temp.path().join("spike"))
        .args(["dev", "demo", &offset, "--report", report.to_str().unwrap()])
        .output()
        .unwrap();
    (out, report.exists())
}

#[test]
fn the_demo_holds_and_fails_without_any_one_program() {
    let started = Instant::now();
    let (out, reported) = demo_without("none");
    assert!(out.status.success() && reported, "{}", said(&out));
    assert!(said(&out).contains("All 8 steps hold"), "{}", said(&out));
    assert!(started.elapsed() < Duration::from_mins(2));
    for name in ["nexus", "keeper"] {
        let (out, reported) = demo_without(name);
        assert_eq!((out.status.code(), reported), (Some(1), false), "{name}: {}", said(&out));
    }
    let (_, reported) = demo_without("spike");
    assert!(!reported, "make looks for the report: a program that does nothing writes none");
}
