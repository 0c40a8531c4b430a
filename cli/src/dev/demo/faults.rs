//! Processes that die, and what happens without anyone doing anything.

use super::{
    audit, secrets,
    stage::{Stage, expect, until},
    tale::Seen,
};

/// The Keeper that dies.
const KEEPER: &str = "keeper-1";

/// How many shards rebuild the quickstart's root key.
const THRESHOLD: usize = 2;

pub(super) async fn kill_keeper(stage: &Stage) -> Seen {
    let current = stage.nexus().await?.keys.ok_or("Nexus has no key")?.set_id.to_string();
    let before = held(stage)?.ok_or("the Keeper has no shard")?;
    expect(before == current, "the Keeper holds another set than the current one")?;
    let killed = stage.kill(KEEPER).await?;
    let again = restarted(stage, KEEPER, killed).await?;
    let ready = async || Ok(stage.program(KEEPER).await?.ready.then_some(()));
    until("the Keeper is ready", ready).await?;
    let after = held(stage)?.ok_or("the Keeper is ready without a shard")?;
    expect(before == after, "the Keeper holds another set than before")?;
    Ok(vec![
        format!("{KEEPER} died as process {killed} and ran again as {again}, empty"),
        format!("Nexus gave it its shard back: set {after}, as before"),
    ])
}

/// The set whose shard the Keeper holds, by its own audit lines since its last start. What Nexus
/// saw of it a moment ago would be no proof.
fn held(stage: &Stage) -> Result<Option<String>, String> {
    let mut held = None;
    for line in audit::lines(stage, KEEPER)? {
        match (line.event.as_str(), line.op.as_str(), line.result.as_str()) {
            ("started", _, _) => held = None,
            ("shard", "shard.put", "ok") => held = Some(line.path),
            _ => {}
        }
    }
    Ok(held)
}

pub(super) async fn kill_nexus(stage: &Stage, password: &str) -> Seen {
    let before = shards_given(stage)?;
    let killed = stage.kill("nexus-0").await?;
    let again = restarted(stage, "nexus-0", killed).await?;
    let reads = async || secrets::read(stage, "billing", password).await.map(Some);
    until("the secret can be read", reads).await?;
    let given = shards_given(stage)? - before;
    expect(given >= THRESHOLD, "Nexus has its key, but not from the Keepers")?;
    Ok(vec![
        format!("nexus-0 died as process {killed} and ran again as {again}"),
        format!(
            "it rebuilt its key from {given} Keepers' shards; version 1 is there, and nobody \
            did anything"
        ),
    ])
}

/// How many shards the Keepers gave out so far, by their own audit lines.
fn shards_given(stage: &Stage) -> Result<usize, String> {
    let keepers = ["keeper-0", "keeper-1", "keeper-2"];
    let lines = keepers.iter().map(|keeper| audit::lines(stage, keeper));
    let lines: Vec<_> = lines.collect::<Result<_, _>>()?;
    let given = lines.iter().flatten().filter(|line| line.op == "shard.get" && line.result == "ok");
    Ok(given.count())
}

/// The new process of a program that was killed.
async fn restarted(stage: &Stage, name: &str, killed: u32) -> Result<u32, String> {
    until(&format!("{name} runs again"), async || {
        let program = stage.program(name).await?;
        Ok(program.pid.filter(|pid| *pid != killed && program.restarts > 0))
    })
    .await
}
