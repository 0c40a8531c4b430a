//! Configurations, right and wrong.

use spike_audit::{Sink, Sync};
use spike_runtime::{ConfigErrors, Env};

use super::{Config, Mode};
use crate::stores::Place;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::read(owned.collect::<Env>(), |_| ())
}

fn refused(variables: &[(&str, &str)]) -> String {
    read(variables).expect_err("refused").to_string()
}

const PEERS: (&str, &str) =
    ("SPIKE_NEXUS_KEEPER_PEERS", "https://k-1:8443,https://k-2:8443,https://k-3:8443");

#[test]
fn three_keepers_and_nothing_else_is_spikes_default() {
    let config = read(&[PEERS]).expect("right");
    assert_eq!(config.mode, Mode::Full);
    assert!(matches!(config.store, Place::Sqlite(path) if path == "/var/lib/spike/spike.db"));
    assert_eq!((config.quorum.shares(), config.quorum.threshold()), (3, 2));
    assert_eq!((config.listen.port(), config.probes.port()), (8553, 8554));
    assert_eq!((config.bounds.max_versions, config.bounds.max_ciphertext), (10, 65_536));
    assert_eq!(config.audit, Sink::Stdout);
}

#[test]
fn memory_mode_needs_nothing_at_all() {
    for variable in [("SPIKE_NEXUS_BACKEND_STORE", "memory"), ("SPIKE_NEXUS_STORE_URL", "memory:")]
    {
        let config = read(&[variable]).expect("right");
        assert_eq!((config.mode, config.store.kind()), (Mode::Memory, "memory"));
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let text = refused(&[
        ("SPIKE_NEXUS_TLS_PORT", "8553"),
        ("SPIKE_NEXUS_SHAMIR_THRESHOLD", "4"),
        ("SPIKE_NEXUS_MAX_SECRET_VERSIONS", "0"),
        ("SPIKE_AUDIT", "syslog"),
        ("SPIKE_DRAIN", "20"),
    ]);
    for name in [
        "SPIKE_NEXUS_TLS_PORT",
        "SPIKE_NEXUS_SHAMIR_THRESHOLD",
        "SPIKE_NEXUS_MAX_SECRET_VERSIONS",
        "SPIKE_NEXUS_KEEPER_PEERS",
        "SPIKE_AUDIT",
        "SPIKE_DRAIN",
    ] {
        assert!(text.contains(name), "{name} is missing in:\n{text}");
    }
}

#[test]
fn fewer_keepers_than_shards_are_refused_before_anything_starts() {
    let text = refused(&[PEERS, ("SPIKE_NEXUS_SHAMIR_SHARES", "5")]);
    assert!(text.contains("3 Keepers for 5 shards"), "{text}");
    assert!(read(&[PEERS, ("SPIKE_NEXUS_SHAMIR_SHARES", "2")]).is_ok(), "more than shards is fine");
}

#[test]
fn a_list_of_keepers_that_can_not_be_read_is_one_problem() {
    let text = refused(&[("SPIKE_NEXUS_KEEPER_PEERS", "https://k-1:8443,http://k-2:8443")]);
    assert!(text.contains("SPIKE_NEXUS_KEEPER_PEERS"), "{text}");
    assert!(!text.contains("0 Keepers"), "{text}");
}

#[test]
fn a_threshold_of_one_has_to_be_asked_for() {
    let one = ("SPIKE_NEXUS_SHAMIR_THRESHOLD", "1");
    let text = refused(&[PEERS, one]);
    assert!(text.contains("SPIKE_BOOTSTRAP_ALLOW_THRESHOLD_ONE"), "{text}");
    assert!(read(&[PEERS, one, ("SPIKE_BOOTSTRAP_ALLOW_THRESHOLD_ONE", "true")]).is_ok());
}

#[test]
fn two_variables_that_name_different_stores_are_refused() {
    let url = ("SPIKE_NEXUS_STORE_URL", "sqlite:///data/spike.db");
    let backend = |name| ("SPIKE_NEXUS_BACKEND_STORE", name);
    assert!(refused(&[PEERS, url, backend("memory")]).contains("SPIKE_NEXUS_BACKEND_STORE"));
    assert!(
        refused(&[PEERS, ("SPIKE_NEXUS_STORE_URL", "memory:"), backend("sqlite")])
            .contains("SPIKE_NEXUS_BACKEND_STORE")
    );
    assert_eq!(read(&[PEERS, url, backend("sqlite")]).expect("the same").mode, Mode::Full);
    assert_eq!(read(&[PEERS, url, backend("lite")]).expect("in that store").mode, Mode::Lite);
}

#[test]
fn a_store_that_there_is_not_is_refused_without_repeating_its_credential() {
    let url = ("SPIKE_NEXUS_STORE_URL", "mysql://spike:hunter2@db/spike");
    let text = refused(&[PEERS, url]);
    assert!(text.contains("SPIKE_NEXUS_STORE_URL"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    for odd in ["sqlite://relative.db", "sqlite:///", "memory", "memory:x", "/var/lib/x"] {
        refused(&[PEERS, ("SPIKE_NEXUS_STORE_URL", odd)]);
    }
    for planned in ["s3", "plugin"] {
        let text = refused(&[PEERS, ("SPIKE_NEXUS_BACKEND_STORE", planned)]);
        assert!(text.contains("this version doesn't have that store"), "{text}");
    }
}

const POSTGRES: (&str, &str) = ("SPIKE_NEXUS_STORE_URL", "postgres://spike_nexus@db-1,db-2/spike");

#[test]
fn a_server_is_named_by_a_url_and_proved_by_files() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    let files = [("SPIKE_NEXUS_STORE_PASSWORD_FILE", path), ("SPIKE_NEXUS_STORE_CA_FILE", path)];
    for backend in [None, Some(("SPIKE_NEXUS_BACKEND_STORE", "postgres"))] {
        let variables: Vec<_> = files.into_iter().chain([PEERS, POSTGRES]).chain(backend).collect();
        let config = read(&variables).expect("right");
        assert_eq!((config.mode, config.store.kind()), (Mode::Full, "postgres"));
    }
    let both = ("SPIKE_NEXUS_STORE_URL", "postgres://spike_nexus:hunter2@db/spike");
    let text = refused(&[PEERS, both, files[0]]);
    assert!(
        text.contains("SPIKE_NEXUS_STORE_PASSWORD_FILE") && !text.contains("hunter2"),
        "{text}"
    );
    let gone = ("SPIKE_NEXUS_STORE_CA_FILE", "/no/such/file");
    assert!(refused(&[PEERS, POSTGRES, gone]).contains("SPIKE_NEXUS_STORE_CA_FILE"));
    assert!(refused(&[PEERS, files[1]]).contains("this store is no server"));
}

#[test]
fn a_server_that_is_not_fully_named_is_told_what_is_missing() {
    let backend = ("SPIKE_NEXUS_BACKEND_STORE", "postgres");
    let text = refused(&[PEERS, backend]);
    assert!(text.contains("SPIKE_NEXUS_STORE_URL: not set"), "{text}");
    let text = refused(&[PEERS, backend, ("SPIKE_NEXUS_STORE_URL", "sqlite:///data/spike.db")]);
    assert!(text.contains("SPIKE_NEXUS_BACKEND_STORE"), "{text}");
    for (url, told) in [
        ("postgres://db/spike", "no user"),
        ("postgres://spike@db/spike?sslrootcert=/ca.pem", "sslrootcert"),
        ("postgres://spike@db/spike?sslmode=prefer", "verify-full"),
    ] {
        let text = refused(&[PEERS, ("SPIKE_NEXUS_STORE_URL", url)]);
        assert!(text.contains("SPIKE_NEXUS_STORE_URL") && text.contains(told), "{text}");
        assert_eq!(text.lines().count(), 2, "one problem: {text}");
    }
}

#[test]
fn the_audit_goes_to_standard_output_or_to_a_file() {
    let file = ("SPIKE_AUDIT", "file:/var/log/spike.jsonl");
    let config = read(&[PEERS, file, ("SPIKE_AUDIT_SYNC", "os")]).expect("right");
    assert_eq!(config.audit, Sink::File { path: "/var/log/spike.jsonl".into(), sync: Sync::Os });
    for odd in ["file:relative", "store", "file", "stderr"] {
        refused(&[PEERS, ("SPIKE_AUDIT", odd)]);
    }
}

#[test]
fn a_log_level_that_there_is_not_is_named_once() {
    let text = refused(&[PEERS, ("SPIKE_SYSTEM_LOG_LEVEL", "loud")]);
    assert_eq!(text.matches("SPIKE_SYSTEM_LOG_LEVEL").count(), 1, "{text}");
}

#[test]
fn each_bad_custodian_is_named_by_its_place_and_none_is_repeated() {
    let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    let alice = custodian();
    let list = format!("{alice}\n{secret},age1x\n{alice}");
    let text = refused(&[PEERS, ("SPIKE_BOOTSTRAP_RECIPIENTS", &list)]);
    for told in ["recipient 2: it is a secret key", "recipient 3: it is damaged", "1 and 4 are"] {
        assert!(text.contains(told), "{told} is missing in:\n{text}");
    }
    assert!(!text.contains("1GQ9778VQXMM"), "{text}");
    let text = refused(&[PEERS, ("SPIKE_BOOTSTRAP_RECIPIENTS", &alice)]);
    assert!(text.contains("1 recipients are too few: any 2"), "{text}");
    let memory = ("SPIKE_NEXUS_BACKEND_STORE", "memory");
    let text = refused(&[memory, ("SPIKE_BOOTSTRAP_RECIPIENTS", &alice)]);
    assert!(text.contains("memory mode has no recovery shards"), "{text}");
}

#[test]
fn custodians_may_be_more_or_fewer_than_keepers_and_are_shown_by_their_number() {
    let (alice, bob) = (custodian(), custodian());
    let list = format!("{alice},{bob}");
    let config = read(&[PEERS, ("SPIKE_BOOTSTRAP_RECIPIENTS", &list)]).expect("right");
    assert_eq!(config.recipients.texts(), [alice, bob]);
    assert!(config.to_string().ends_with(", recovery shards for 2 custodians"), "{config}");
}

fn custodian() -> String {
    age::x25519::Identity::generate().to_public().to_string()
}

#[test]
fn what_is_shown_names_no_credential() {
    let shown = read(&[PEERS]).expect("right").to_string();
    assert_eq!(shown, "Full mode, sqlite store, listening on :8553, 2 of 3 with 3 Keepers");
}
