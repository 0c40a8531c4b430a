//! The audit log: what it says, and that nobody changed it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    stage::{Stage, expect},
    tale::Seen,
};

/// What the demo wants to know of an audit line.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    seq: u64,
    pub(super) event: String,
    #[serde(default)]
    pub(super) op: String,
    #[serde(default)]
    principal: String,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    pub(super) path: String,
    #[serde(default)]
    pub(super) result: String,
}

/// What `spike audit verify` says of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    clean: bool,
    lines: u64,
    unsigned: u64,
    signatures_checked: bool,
}

fn log(stage: &Stage) -> PathBuf {
    stage.home().audit_of("nexus-0")
}

/// The audit lines of a program.
pub(super) fn lines(stage: &Stage, program: &str) -> Result<Vec<Line>, String> {
    let path = stage.home().audit_of(program);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    // A line that is being written has no end yet.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines: Result<_, _> = whole.lines().map(serde_json::from_str::<Line>).collect();
    lines.map_err(|e| format!("{}: {e}", path.display()))
}

/// The number of the line that says that this caller was denied the secret.
pub(super) fn denial_of(stage: &Stage, principal: &str) -> Result<Option<u64>, String> {
    let lines = lines(stage, "nexus-0")?;
    let denial = lines.iter().find(|line| {
        line.event == "denied"
            && line.decision == "deny"
            && line.principal == principal
            && line.path == super::secrets::PATH
    });
    Ok(denial.map(|line| line.seq))
}

pub(super) async fn verify(stage: &Stage) -> Seen {
    let keys = stage.nexus().await?.audit.keys;
    let honest = check(stage, &log(stage), &keys, 0).await?;
    expect(honest.clean && honest.lines > 0, "the audit log is not as it was written")?;
    expect(honest.signatures_checked, "the audit log's signatures were not checked")?;

    let copy = stage.home().audit_of("forged");
    let text = fs::read_to_string(log(stage)).map_err(|e| e.to_string())?;
    let forged = text.replace("workload/intruder", "workload/somebody");
    expect(forged != text, "the intruder is not in the audit log")?;
    fs::write(&copy, forged).map_err(|e| e.to_string())?;
    let forged = check(stage, &copy, &keys, 1).await?;
    expect(!forged.clean, "a forged audit log passes")?;
    Ok(vec![
        format!(
            "{} lines hold, all but the last {} under a signature",
            honest.lines, honest.unsigned
        ),
        "a copy with another name for the intruder does not".to_owned(),
    ])
}

async fn check(stage: &Stage, log: &Path, keys: &str, exit: i32) -> Result<Verified, String> {
    let log = log.display().to_string();
    let args = ["audit", "verify", log.as_str(), "--key", keys, "-f", "json"];
    let reports: Vec<Verified> = stage.run("superuser", &args).await?.exited(exit)?.json()?;
    reports.into_iter().next().ok_or("spike audit verify says nothing".to_owned())
}
