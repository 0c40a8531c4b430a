//! Secrets, and who may read them.

use std::collections::BTreeMap;

use super::{
    audit,
    stage::{Stage, expect, until},
    tale::Seen,
};

pub(super) const PATH: &str = "tenants/acme/db";
pub(super) const INTRUDER: &str = "spiffe://spike.ist/workload/intruder";
const BILLING: &str = "spiffe://spike.ist/workload/billing";

pub(super) async fn write_and_read(stage: &Stage, password: &str) -> Seen {
    let value = format!("password={password}");
    stage.run("superuser", &["secret", "put", PATH, "user=root", &value]).await?.succeeded()?;
    read(stage, "superuser", password).await?;
    Ok(vec![format!("{PATH}, version 1, comes back as it was written")])
}

/// Reads version 1 under an identity; anything else than what was written is an error.
pub(super) async fn read(stage: &Stage, who: &str, password: &str) -> Result<(), String> {
    let get = ["secret", "get", PATH, "--version", "1", "-f", "json"];
    let secret: BTreeMap<String, String> = stage.run(who, &get).await?.succeeded()?.json()?;
    let is = |key: &str, value: &str| secret.get(key).is_some_and(|found| found == value);
    let whole = is("user", "root") && is("password", password) && secret.len() == 2;
    expect(whole, "the secret is not what was written")
}

pub(super) async fn allow(stage: &Stage, password: &str) -> Seen {
    stage.dev(&["identity", "add", "billing", BILLING]).await?.succeeded()?;
    let policy = [
        "policy",
        "create",
        "--name=billing-reads-acme",
        r"--spiffeid-pattern=^spiffe://spike\.ist/workload/billing$",
        "--path-pattern=^tenants/acme/.*$",
        "--permissions=read",
    ];
    stage.run("superuser", &policy).await?.succeeded()?;
    read(stage, "billing", password).await?;
    Ok(vec![format!("{BILLING} reads it")])
}

pub(super) async fn deny(stage: &Stage, password: &str) -> Seen {
    stage.dev(&["identity", "add", "intruder", INTRUDER]).await?.succeeded()?;
    let denied = stage.run("intruder", &["secret", "get", PATH]).await?.exited(3)?;
    expect(!denied.text().contains(password), "a denied answer holds the secret")?;
    let line =
        until("an audit line of the denial", async || audit::denial_of(stage, INTRUDER)).await?;
    Ok(vec![format!("{INTRUDER} is refused, exit 3"), format!("audit line {line} says so")])
}
