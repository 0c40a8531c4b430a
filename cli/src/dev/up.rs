//! `spike dev up`: starts the cluster and keeps it running until Ctrl-C, SIGTERM or
//! `spike dev stop`.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process,
};

use futures::future::join_all;
use spike_authority::dev::{Authority, AuthorityConfig};
use spike_crds::{ValidatedCluster, manifest, validate, validate::StoreKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Place, background, bringup, caution, checks,
    cluster::Cluster,
    console::Console,
    control,
    home::{self, Home, Locked},
    laptop, launch,
    plan::{Ground, Kind, MAX_PORT_OFFSET, Plan, Program, plan},
    ports,
    server::Server,
    shards,
};
use crate::error::{CliError, Exit};

/// The manifest of a directory that has none yet.
const QUICKSTART: &str = include_str!("../../../config/samples/quickstart.yaml");

/// Of the command's help.
pub(super) const EXAMPLES: &str = "\
Examples:
  spike dev up --background
  spike dev up --dir /tmp/second --port-offset 1000
  spike dev up -f cluster.yaml";

/// Arguments of `spike dev up`.
#[derive(Clone, Debug, clap::Args)]
// Flattened into another struct of this name, whose group clap would name alike.
#[group(skip)]
pub(super) struct Args {
    /// The `SpikeCluster` to run [default: the directory's own, at first a quickstart].
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) place: Place,
    /// Where `nexus` and `keeper` are [default: beside `spike`].
    #[arg(long, value_name = "DIR")]
    bin_dir: Option<PathBuf>,
    /// Add this to every port, for a second cluster beside another.
    #[arg(long, value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u16).range(..=MAX_PORT_OFFSET))]
    port_offset: u16,
    /// Return as soon as the cluster serves, and leave it running.
    #[arg(long)]
    pub(super) background: bool,
    /// This is the process in the background.
    #[arg(long, hide = true, conflicts_with = "background")]
    detached: bool,
}

/// A cluster that can start, in a directory that is ours.
pub(super) struct Prepared {
    pub(super) home: Home,
    pub(super) plan: Plan,
    /// The text that was planned from.
    manifest: String,
    locked: Locked,
}

impl Args {
    pub(super) async fn run(self) -> Result<(), CliError> {
        if self.background {
            return background::start(&self).await;
        }
        if self.detached {
            // A terminal that closes must not take the cluster along. This fails only for the
            // leader of a group, which nothing can take along.
            let _ = rustix::process::setsid();
        }
        let console = Console::from_process();
        let Prepared { home, plan, manifest, locked } = self.prepare()?;
        home::replace(&home.manifest(), manifest.as_bytes())?;
        let stop = stop_signals()?;
        let ended = Box::pin(serve(plan, home, stop, console)).await;
        drop(locked);
        ended
    }

    /// Looks for everything that would keep the cluster from starting.
    pub(super) fn prepare(&self) -> Result<Prepared, CliError> {
        let home = Home::at(&self.place.dir)?;
        let manifest = self.manifest_text(&home)?;
        let (binaries, server) = (self.binaries()?, Server::from_process());
        let port_offset = self.port_offset;
        let ground = Ground { home: &home, binaries: &binaries, port_offset, server: &server };
        let plan = plan(read(&manifest)?, ground)?;
        programs_exist(&plan)?;
        let locked = home.take()?;
        refuse_another_cluster(&home, &plan.cluster)?;
        refuse_lost_store(&home, &plan.cluster)?;
        ports_free(&plan)?;
        Ok(Prepared { home, plan, manifest, locked })
    }

    /// The arguments of the same in the background.
    pub(super) fn in_background(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = ["dev", "up", "--detached", "--dir"].map(Into::into).to_vec();
        args.push(self.place.dir.clone().into());
        args.push(format!("--port-offset={}", self.port_offset).into());
        for (flag, value) in [("--file", &self.file), ("--bin-dir", &self.bin_dir)] {
            args.extend(value.iter().flat_map(|value| [flag.into(), value.clone().into()]));
        }
        args
    }

    fn manifest_text(&self, home: &Home) -> Result<String, CliError> {
        let own = home.manifest();
        match &self.file {
            Some(file) => fs::read_to_string(file).map_err(|error| {
                CliError::usage(
                    format!("cannot read {}: {error}", file.display()),
                    "Name a file with one SpikeCluster in it, such as a copy of the quickstart.",
                )
            }),
            None if own.exists() => {
                fs::read_to_string(&own).map_err(|e| checks::file("read", &own, &e))
            }
            None => Ok(QUICKSTART.to_owned()),
        }
    }

    fn binaries(&self) -> Result<PathBuf, CliError> {
        if let Some(dir) = &self.bin_dir {
            return std::path::absolute(dir).map_err(|e| checks::file("find", dir, &e));
        }
        let own = env::current_exe().map_err(|e| checks::file("find", Path::new("spike"), &e))?;
        Ok(own.parent().expect("a program lies in a directory").to_owned())
    }
}

fn read(text: &str) -> Result<ValidatedCluster, CliError> {
    let next = "Correct the manifest, then run it again.";
    let cluster = manifest::read(text)
        .map_err(|error| CliError::usage(format!("the manifest: {error}"), next))?;
    let valid = validate(&cluster).map_err(|problems| {
        let all: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
        CliError::usage(format!("the manifest: {}", all.join("\n  ")), next)
    })?;
    laptop::refuse(&cluster.spec)?;
    Ok(valid)
}

/// A directory with data keeps the quorum, store and trust domain it was made with.
fn refuse_another_cluster(home: &Home, wanted: &ValidatedCluster) -> Result<(), CliError> {
    if !home.database().exists() && shards::saved(&home.recovery())? == 0 {
        return Ok(());
    }
    let Some(made) = fs::read_to_string(home.manifest()).ok().and_then(|text| read(&text).ok())
    else {
        return Ok(());
    };
    let same = made.quorum == wanted.quorum
        && made.store == wanted.store
        && made.trust_domain == wanted.trust_domain;
    if same {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Conflict,
        format!(
            "{} has data of another cluster: {} Keepers, store {:?}, trust domain {}",
            home.root().display(),
            made.quorum,
            made.store,
            made.trust_domain
        ),
        "Choose another --dir, or delete this one with everything in it.",
    ))
}

/// Recovery shards open a store and make none: without it a Nexus would wait for ever.
fn refuse_lost_store(home: &Home, wanted: &ValidatedCluster) -> Result<(), CliError> {
    let store = home.database();
    let recovery = home.recovery();
    if wanted.store != StoreKind::Sqlite || store.exists() || shards::saved(&recovery)? == 0 {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Conflict,
        format!(
            "{} has the recovery shards of a store that is gone: {}",
            recovery.display(),
            store.display()
        ),
        "Put the store back from a backup; or move the shards away, and the start makes a new one.",
    ))
}

fn programs_exist(plan: &Plan) -> Result<(), CliError> {
    let missing = plan.programs.iter().map(|program| &program.binary).find(|path| !path.is_file());
    missing.map_or(Ok(()), |path| {
        Err(CliError::usage(
            format!("{} is missing", path.display()),
            "Build all programs (`make build`), or name their directory with --bin-dir.",
        ))
    })
}

fn ports_free(plan: &Plan) -> Result<(), CliError> {
    let ports = plan.programs.iter().flat_map(|program| {
        [program.port, program.probe_port()].map(|port| (program.name.as_str(), port))
    });
    for (name, port) in ports {
        let Err(error) = ports::free(port) else { continue };
        let (what, next) = match ports::owner(port) {
            _ if error.kind() != io::ErrorKind::AddrInUse => {
                (error.to_string(), "Check the network of this machine.".to_owned())
            }
            Some(owner) => (
                format!("process {} ({}) has it", owner.pid, owner.name),
                format!(
                    "Stop it (`spike dev stop --dir …` if it is a cluster, else `kill {}`), or \
                     choose other ports: --port-offset 1000.",
                    owner.pid
                ),
            ),
            None => (
                "another program has it".to_owned(),
                format!(
                    "Find it with `sudo ss -ltnp 'sport = :{port}'` and stop it, or choose other \
                     ports: --port-offset 1000."
                ),
            ),
        };
        return Err(CliError::new(
            Exit::Conflict,
            format!("port {port} of {name} is busy: {what}"),
            next,
        ));
    }
    Ok(())
}

/// Cancelled by the first Ctrl-C or SIGTERM. The second ends this process at once, and the kernel
/// its programs.
fn stop_signals() -> Result<CancellationToken, CliError> {
    let failed = |e: io::Error| checks::file("watch", Path::new("signals"), &e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    TaskTracker::new().spawn(async move {
        for exit in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if exit {
                process::exit(Exit::Other as i32);
            }
            stopped.cancel();
        }
    });
    Ok(stop)
}

async fn serve(
    plan: Plan,
    home: Home,
    asked: CancellationToken,
    console: Console,
) -> Result<(), CliError> {
    for program in plan.programs.iter().chain(&plan.schema).chain(&plan.bootstrap) {
        launch::rotate_log(&program.log).map_err(|e| checks::file("begin", &program.log, &e))?;
    }
    let config = AuthorityConfig::new(plan.cluster.trust_domain.clone(), home.identities());
    let authority = Authority::start(config).await.map_err(|error| {
        CliError::other(error.to_string(), "See whether the directory can be written.")
    })?;
    let listener = control::listen(&home.control())?;
    let cluster = Cluster::prepare(plan, home, authority, asked).await?;
    if let Err(error) = bringup::make_schema(&cluster, &cluster.asked, console).await {
        cluster.close().await;
        return Err(error);
    }
    // Everything runs inside this one task, on the process's first thread: see `launch::start`.
    let Cluster { asked, stop, .. } = &cluster;
    let keep = join_all(cluster.programs.iter().map(|program| program.keep(stop, console)));
    let story = async {
        let told = asked.run_until_cancelled(Box::pin(tell(&cluster, console))).await;
        if told.is_none() {
            console.note("stopping…");
            cluster.custody.end(&cluster, console).await;
        }
        stop.cancel();
        told.unwrap_or(Ok(()))
    };
    let (_, (), ended) = tokio::join!(keep, cluster.answer_requests(listener), story);
    cluster.close().await;
    if ended.is_ok() {
        console.done("stopped; nothing is left running");
    }
    ended
}

/// From nothing to a cluster that serves, and on until it is to stop or can't start.
async fn tell(cluster: &Cluster, console: Console) -> Result<(), CliError> {
    bringup::bring_up(cluster, console).await?;
    welcome(cluster, console);
    cluster.custody.keep(cluster, console).await;
    Ok(())
}

fn welcome(cluster: &Cluster, console: Console) {
    let dir = cluster.home.root().display();
    let url = cluster.plan.of(Kind::Nexus).next().map(Program::url).unwrap_or_default();
    console.done(format_args!("{} serves at {url}", cluster.plan.cluster.name));
    caution::tell(&cluster.plan, &cluster.home, console);
    console.note("In another terminal:");
    console.note(format_args!("  eval \"$(spike dev env --dir {dir})\""));
    console.note("  spike secret put tenants/acme/db user=root");
    console.note("  spike secret get tenants/acme/db");
}
