//! From started programs to a cluster that serves: the root key is made once, and given back from
//! the recovery shards at every later start.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    caution,
    cluster::Cluster,
    console::Console,
    launch::{self, last_words},
    plan::{Kind, Program},
    probe::{self, Answer},
    shards,
    supervise::{Supervised, end},
};
use crate::error::{CliError, Exit};

/// How long a program may take until it answers, and how long until it is ready: a debug build on
/// a busy laptop needs a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a Nexus with data may take to be ready before its key is taken for lost.
const UNSEALING: Duration = Duration::from_secs(10);

/// How often a program is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How long a subcommand of `nexus` may take that ends by itself.
const ONCE: Duration = Duration::from_mins(1);

/// Makes the schema that every Nexus needs to begin.
pub(super) async fn make_schema(
    cluster: &Cluster,
    stop: &CancellationToken,
    console: Console,
) -> Result<(), CliError> {
    let Some(schema) = &cluster.plan.schema else { return Ok(()) };
    if let Some(made) = stop.run_until_cancelled(run_once(schema)).await {
        made?;
        console.done("the store has its schema");
    }
    Ok(())
}

/// Waits until the cluster serves, making or restoring its key.
pub(super) async fn bring_up(cluster: &Cluster, console: Console) -> Result<(), CliError> {
    for supervised in &cluster.programs {
        until(supervised, Answer::is_alive, "no answer").await?;
    }
    let running = match cluster.programs.len() {
        1 => "1 program runs".to_owned(),
        n => format!("{n} programs run"),
    };
    console.done(running);
    if cluster.plan.of(Kind::Keeper).next().is_some() {
        give_keys(cluster, console).await?;
    }
    let shares = cluster.shares().await;
    let needed = |supervised: &&Supervised| !supervised.program.is_spare(shares);
    for supervised in cluster.programs.iter().filter(needed) {
        until(supervised, |answer| *answer == Answer::Ready, "not ready").await?;
    }
    cluster.started.store(true, Relaxed);
    Ok(())
}

async fn give_keys(cluster: &Cluster, console: Console) -> Result<(), CliError> {
    let recovery = cluster.home.recovery();
    let saved = shards::load(&recovery)?;
    if !saved.is_empty() {
        let nexus = cluster.client("restore").await?.nexus;
        let Some(why) = shards::restore(&nexus, saved).await? else {
            console.done("the root key is restored from recovery/");
            caution::custodians(&cluster.plan, &[], console);
            return Ok(());
        };
        console.warn(format_args!("recovery/ can't restore the root key: {why}"));
    }
    if let Some(bootstrap) = &cluster.plan.bootstrap {
        run_once(bootstrap).await?;
    }
    // A first start that was interrupted leaves data too, but its key was made just now.
    let known = !cluster.had_data || timeout(UNSEALING, unsealed(cluster)).await.is_ok();
    if known {
        for nexus in of_nexus(cluster) {
            until(nexus, |answer| *answer == Answer::Ready, "still without its key").await?;
        }
    } else {
        wait_for_people(cluster, console).await;
    }
    let set = shards::save(&cluster.client("recover").await?.nexus, &recovery).await?;
    cluster.custody.saved(set.number).await;
    console.done(if known {
        "a root key is made, and split between the Keepers"
    } else {
        "the root key is restored, and recovery/ has its shards again"
    });
    caution::custodians(&cluster.plan, &set.recipients(), console);
    Ok(())
}

/// Waits, as long as it takes, until someone who has recovery shards gives Nexus its key.
async fn wait_for_people(cluster: &Cluster, console: Console) {
    console.tell(&caution::sealed(&cluster.home));
    cluster.sealed.store(true, Relaxed);
    unsealed(cluster).await;
    cluster.sealed.store(false, Relaxed);
}

async fn unsealed(cluster: &Cluster) {
    for nexus in of_nexus(cluster) {
        while probe::ask(nexus.program.probe_port()).await != Answer::Ready {
            sleep(ASK_EVERY).await;
        }
    }
}

fn of_nexus(cluster: &Cluster) -> impl Iterator<Item = &Supervised> {
    cluster.programs.iter().filter(|supervised| supervised.program.kind == Kind::Nexus)
}

/// Waits for an answer. A program that ended before it gave one ends the wait.
async fn until(
    supervised: &Supervised,
    wanted: impl Fn(&Answer) -> bool,
    what: &str,
) -> Result<(), CliError> {
    let program = &supervised.program;
    let restarts = supervised.state().restarts;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = probe::ask(program.probe_port()).await;
        if wanted(&answer) {
            return Ok(());
        }
        if supervised.state().restarts > restarts {
            return Err(gave_up(program, "ended"));
        }
        if Instant::now() >= deadline {
            let why = match answer {
                Answer::NotReady(why) if !why.is_empty() => format!(": {why}"),
                _ => String::new(),
            };
            return Err(gave_up(program, &format!("{what} after {PATIENCE:?}{why}")));
        }
        sleep(ASK_EVERY).await;
    }
}

/// Runs a program to its end.
async fn run_once(program: &Program) -> Result<(), CliError> {
    let started = launch::start(program);
    let mut child = started.map_err(|e| gave_up(program, &format!("can't start: {e}")))?;
    match timeout(ONCE, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(gave_up(program, &status.to_string())),
        Ok(Err(error)) => Err(gave_up(program, &error.to_string())),
        Err(_) => {
            let ended = end(&mut child).await;
            Err(gave_up(program, &format!("was still at work after {ONCE:?} ({ended:?})")))
        }
    }
}

fn gave_up(program: &Program, how: &str) -> CliError {
    let (name, words) = (&program.name, last_words(&program.log));
    let what =
        if words.is_empty() { format!("{name}: {how}") } else { format!("{name}: {how}\n{words}") };
    CliError::new(Exit::Unavailable, what, format!("See {}.", program.log.display()))
}
