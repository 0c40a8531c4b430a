//! Wrong settings are told all at once, each with its variable and its remedy.

use spike_e2e::program;
use tokio::process::Command;

async fn check(name: &str, env: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(program(name));
    command.arg("--check-config").env_clear().envs(env.iter().copied());
    let out = command.output().await.expect("it runs");
    let said =
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.code().unwrap_or(-1), said)
}

#[tokio::test]
async fn every_wrong_setting_of_a_nexus_is_named_at_once() {
    let wrong = [
        ("SPIKE_NEXUS_TLS_PORT", "eighty"),
        ("SPIKE_NEXUS_KEEPER_PEERS", "http://keeper:8443"),
        ("SPIKE_NEXUS_SHAMIR_SHARES", "0"),
        ("SPIKE_NEXUS_KEEPER_UPDATE_INTERVAL", "soon"),
        ("SPIKE_NEXUS_MAX_SECRET_VERSIONS", "-1"),
        ("SPIKE_NEXUS_STORE_URL", "mysql://db"),
        ("SPIKE_INSTANCE", "nobody"),
        ("SPIKE_SYSTEM_LOG_LEVEL", "loud"),
    ];
    let (exit, said) = check("nexus", &wrong).await;
    assert_eq!(exit, 1, "{said}");
    for (name, _) in wrong {
        assert!(said.contains(name), "{name} isn't named: {said}");
    }
    assert!(!said.contains("backtrace"), "{said}");
}

#[tokio::test]
async fn right_settings_are_told_to_be_right() {
    let peers = "https://k1:8443,https://k2:8443,https://k3:8443";
    let right = [("SPIKE_NEXUS_KEEPER_PEERS", peers)];
    let (exit, said) = check("nexus", &right).await;
    assert_eq!(exit, 0, "{said}");
    let (exit, said) = check("keeper", &[("SPIKE_KEEPER_INDEX", "3")]).await;
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("shard 3"), "{said}");
}

#[tokio::test]
async fn the_help_of_a_server_names_every_variable_of_the_reference() {
    let reference = include_str!("../../docs/configuration.md");
    for (name, title) in [("nexus", "Nexus"), ("keeper", "Keeper")] {
        let out = Command::new(program(name)).arg("--help").output().await.expect("it runs");
        let help = String::from_utf8_lossy(&out.stdout);
        let chapters = reference.split("\n## ");
        let chapters = chapters.filter(|text| text.starts_with(title) || text.starts_with("Both"));
        let rows = chapters.flat_map(str::lines).filter(|line| line.starts_with("| `SP"));
        let variables: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        assert!(variables.len() > 10, "{variables:?}");
        for variable in variables {
            assert!(help.contains(variable), "{name} --help doesn't name {variable}");
        }
    }
}
