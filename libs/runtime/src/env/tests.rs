//! The environment, from strange values to the text that an operator reads.

use std::{path::Path, time::Duration};

use proptest::prelude::*;

use super::*;

fn env<const N: usize>(variables: [(&str, &str); N]) -> Env {
    variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn all_problems_are_told_at_once_with_name_value_and_remedy() {
    let mut env = env([
        ("SPIKE_DRAIN", "20"),
        ("SPIKE_NEXUS_TLS_PORT", "8553"),
        ("SPIKE_NEXUS_SHAMIR_SHARES", "three"),
        ("SPIKE_REQUIRE_MLOCK", "yes"),
        ("SPIKE_NEXUS_KEEPER_PEERS", "https://a:8443,http://b:8443"),
        ("SPIKE_AUDIT_SYNC", "never"),
    ]);
    env.duration("SPIKE_DRAIN", Duration::from_secs(20));
    env.listen("SPIKE_NEXUS_TLS_PORT", ":8553");
    env.number("SPIKE_NEXUS_SHAMIR_SHARES", 3, 1, 255);
    env.boolean("SPIKE_REQUIRE_MLOCK", false);
    env.urls("SPIKE_NEXUS_KEEPER_PEERS");
    env.choice("SPIKE_AUDIT_SYNC", 1, &[("group", 1), ("os", 2)]);
    let errors = env.finish().expect_err("six are wrong");
    assert_eq!(
        errors.to_string(),
        "6 settings are wrong:\n  \
         SPIKE_DRAIN=\"20\": a duration needs a unit: 500ms, 5s or 2m. Use a Go duration such as 20s, 500ms or 1h30m.\n  \
         SPIKE_NEXUS_TLS_PORT=\"8553\": not an address to listen on. Use [host]:port such as :8553, 127.0.0.1:8553 or [::1]:8553.\n  \
         SPIKE_NEXUS_SHAMIR_SHARES=\"three\": not a number in range. Use a whole number from 1 to 255, such as 3.\n  \
         SPIKE_REQUIRE_MLOCK=\"yes\": not a boolean. Use true or false.\n  \
         SPIKE_NEXUS_KEEPER_PEERS=\"https://a:8443,http://b:8443\": http://b:8443/ isn't an https URL. List different https URLs, separated by commas: https://keeper-0:8443,https://keeper-1:8443.\n  \
         SPIKE_AUDIT_SYNC=\"never\": not one of the choices. Use one of group, os."
    );
}

#[test]
fn absent_and_empty_variables_are_the_default() {
    let mut env = env([("SPIKE_DRAIN", ""), ("SPIKE_NEXUS_KEEPER_PEERS", "")]);
    assert_eq!(env.duration("SPIKE_DRAIN", Duration::from_secs(20)), Duration::from_secs(20));
    assert_eq!(env.listen("SPIKE_NEXUS_TLS_PORT", ":8553").to_string(), ":8553");
    assert!(env.urls("SPIKE_NEXUS_KEEPER_PEERS").is_empty());
    assert!(env.finish().is_ok());
}

#[test]
fn a_secret_value_is_never_shown() {
    let mut env = env([("SPIKE_NEXUS_STORE_URL", "postgres://u:hunter2@db/x")]);
    env.refuse("SPIKE_NEXUS_STORE_URL", "not a store", "Use sqlite:///path.");
    let text = env.finish().expect_err("refused").to_string();
    assert_eq!(
        text,
        "1 setting is wrong:\n  SPIKE_NEXUS_STORE_URL: not a store. Use sqlite:///path."
    );
}

#[test]
fn a_credential_in_a_url_that_needs_none_is_refused_and_not_repeated() {
    let mut env = env([("SPIKE_NEXUS_API_URL", "http://admin:hunter2@nexus:8553")]);
    env.url("SPIKE_NEXUS_API_URL", "https://localhost:8553");
    let text = env.finish().expect_err("refused").to_string();
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_secret_comes_from_its_variable_or_its_file_but_not_from_both() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("url");
    std::fs::write(&path, "sqlite:///x\r\n").expect("written");
    let path = path.to_str().expect("UTF-8");
    let name = "SPIKE_NEXUS_STORE_URL";

    let mut plain = env([(name, "sqlite:///y")]);
    assert_eq!(plain.secret(name).expect("set").as_str(), "sqlite:///y");
    let mut by_file = env([("SPIKE_NEXUS_STORE_URL_FILE", path)]);
    assert_eq!(by_file.secret(name).expect("set").as_str(), "sqlite:///x");
    let mut both = env([(name, "sqlite:///y"), ("SPIKE_NEXUS_STORE_URL_FILE", path)]);
    assert!(both.secret(name).is_none());
    assert!(both.finish().is_err());
    let mut gone = env([("SPIKE_NEXUS_STORE_URL_FILE", "/nowhere/at/all")]);
    assert!(gone.secret(name).is_none());
    let text = gone.finish().expect_err("no such file").to_string();
    assert!(text.contains("/nowhere/at/all") && text.contains("No such file"), "{text}");
}

#[test]
fn an_unknown_variable_is_named_with_the_one_it_resembles() {
    let env = env([
        ("SPIKE_NEXUS_SHAMIR_TRESHOLD", "2"),
        ("SPIKE_COLOUR_OF_THE_SKY", "blue"),
        ("SPIKE_NEXUS_SHAMIR_SHARES", "3"),
        ("SPIKE_TRUST_ROOT", "spike.ist"),
        ("PATH", "/bin"),
    ]);
    let told: Vec<_> = env.unknown().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "nothing reads SPIKE_COLOUR_OF_THE_SKY",
            "nothing reads SPIKE_NEXUS_SHAMIR_TRESHOLD; did you mean SPIKE_NEXUS_SHAMIR_THRESHOLD?",
            "SPIKE_TRUST_ROOT has no effect in this version",
        ]
    );
}

#[test]
fn every_variable_that_is_known_is_read_by_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = String::new();
    for folder in ["libs/runtime/src", "nexus/src", "keeper/src", "cli/src", "operator/src"] {
        read_sources(&root.join(folder), &mut sources);
    }
    for name in known::KNOWN {
        let by_file = name.strip_suffix("_FILE").unwrap_or(name);
        let read = [name, by_file].iter().any(|name| sources.contains(&format!("\"{name}\"")));
        assert!(read, "nothing reads {name}: it belongs among the planned ones");
    }
}

/// Everything that may read a variable: not the list itself, and not those who set variables.
fn read_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of this workspace") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        match name {
            "known.rs" | "tests.rs" | "tests" | "dev" => {}
            _ if path.is_dir() => read_sources(&path, sources),
            _ => sources.push_str(&fs::read_to_string(&path).expect("a source file")),
        }
    }
}

#[test]
fn what_kubernetes_sets_for_services_is_not_unknown() {
    let env = env([
        ("SPIKE_NEXUS_SERVICE_HOST", "10.0.0.1"),
        ("SPIKE_NEXUS_SERVICE_PORT_HTTPS", "8553"),
        ("SPIKE_NEXUS_PORT", "tcp://10.0.0.1:8553"),
        ("SPIKE_NEXUS_PORT_8553_TCP_ADDR", "10.0.0.1"),
    ]);
    assert_eq!(env.unknown(), []);
}

#[test]
fn a_port_that_kubernetes_overwrote_is_refused_with_the_way_out() {
    let mut env = env([("SPIKE_NEXUS_TLS_PORT", "tcp://10.0.0.1:8553")]);
    env.listen("SPIKE_NEXUS_TLS_PORT", ":8553");
    let text = env.finish().expect_err("refused").to_string();
    assert!(text.contains("enableServiceLinks: false"), "{text}");
}

#[test]
fn peers_keep_their_order_and_none_is_listed_twice() {
    let name = "SPIKE_NEXUS_KEEPER_PEERS";
    let mut right = env([(name, "https://b:8443, https://a:8443")]);
    let hosts: Vec<_> =
        right.urls(name).iter().filter_map(|u| u.host_str().map(str::to_owned)).collect();
    assert_eq!(hosts, ["b", "a"]);
    let mut twice = env([(name, "https://a:8443,https://a:8443/")]);
    assert!(twice.urls(name).is_empty());
    assert!(twice.finish().is_err());
}

#[test]
fn durations_are_gos() {
    let nanos = Duration::from_nanos;
    for (raw, right) in [
        ("0", nanos(0)),
        ("20s", nanos(20_000_000_000)),
        ("1h2m3.5s", nanos(3_723_500_000_000)),
        ("500ms", nanos(500_000_000)),
        (".5s", nanos(500_000_000)),
        ("1.s", nanos(1_000_000_000)),
        ("+1m", nanos(60_000_000_000)),
        ("-0s", nanos(0)),
        ("1µs", nanos(1_000)),
        ("1μs", nanos(1_000)),
        ("1us1ns", nanos(1_001)),
        ("0.1h", nanos(360_000_000_000)),
        ("0.9223372036854775807h", nanos(3_320_413_933_267)),
        ("2562047h47m16.854775807s", nanos(i64::MAX.unsigned_abs())),
    ] {
        assert_eq!(parse_duration(raw), Ok(right), "{raw}");
    }
    for (raw, why) in [
        ("", InvalidDuration::Syntax),
        ("s", InvalidDuration::Syntax),
        (".s", InvalidDuration::Syntax),
        ("1x", InvalidDuration::Syntax),
        ("1 s", InvalidDuration::Syntax),
        ("1s ", InvalidDuration::Syntax),
        ("--1s", InvalidDuration::Syntax),
        ("١s", InvalidDuration::Syntax),
        ("20", InvalidDuration::Unit),
        ("1s20", InvalidDuration::Unit),
        ("-1s", InvalidDuration::Negative),
        ("2562047h47m16.854775808s", InvalidDuration::Range),
        ("99999999999999999999999999999999999999999h", InvalidDuration::Range),
    ] {
        assert_eq!(parse_duration(raw), Err(why), "{raw}");
    }
}

#[test]
fn listen_addresses_are_gos() {
    for right in [":8553", "127.0.0.1:8553", "[::1]:8553", "localhost:0", "[::]:65535"] {
        assert_eq!(right.parse::<Listen>().map(|l| l.to_string()).as_deref(), Ok(right));
    }
    for (raw, why) in [
        ("8553", InvalidListen::Syntax),
        ("", InvalidListen::Syntax),
        (":", InvalidListen::Port),
        (":+1", InvalidListen::Port),
        (":65536", InvalidListen::Port),
        (":https", InvalidListen::Port),
        ("::1:8553", InvalidListen::Host),
        ("[::1:8553", InvalidListen::Host),
        ("[a]:8553", InvalidListen::Host),
        ("http://x:8553", InvalidListen::Host),
        ("a b:8553", InvalidListen::Host),
    ] {
        assert_eq!(raw.parse::<Listen>(), Err(why), "{raw}");
    }
}

#[tokio::test]
async fn a_port_without_a_host_takes_ipv4() {
    let listener = ":0".parse::<Listen>().expect("valid").bind().await.expect("bound");
    let port = listener.local_addr().expect("bound").port();
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(raw in "\\PC{0,40}") {
        let _ = parse_duration(&raw);
        let _ = raw.parse::<Listen>();
        let _ = text::https_list(&raw);
    }

    #[test]
    fn a_duration_survives_gos_notation(h in 0u64..1000, m in 0u64..60, ms in 0u64..60_000) {
        let raw = format!("{h}h{m}m{}.{:03}s", ms / 1000, ms % 1000);
        let right = Duration::from_millis((h * 60 + m) * 60_000 + ms);
        prop_assert_eq!(parse_duration(&raw), Ok(right));
    }
}
