//! The `spike-kubernetes` command.

use std::{
    future::pending,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::Command,
    select,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{check, cluster::Cluster, image, load, namespace, remote};

/// The image, by the name under which it is published: what installs Spike finds it in the cluster.
pub const IMAGE: &str = concat!("ghcr.io/spike-rs/spike:", env!("CARGO_PKG_VERSION"));

/// The same programs under a tag of their own: what a cluster is upgraded from.
pub const PREVIOUS: &str = "ghcr.io/spike-rs/spike:previous";

/// The same with a Keeper that runs and does nothing: an image that is no good, and doesn't say so.
pub const MUTE: &str = "ghcr.io/spike-rs/spike:mute";

/// How long the command may go on after it is told to end. A case that is ended takes a second.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// A Kubernetes of namespaces on this machine, for tests and for looking around.
#[derive(Debug, Parser)]
#[command(name = "spike-kubernetes", version)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a cluster that has Spike's image, run a command with KUBECONFIG set, stop the cluster
    Run {
        /// How many nodes
        #[arg(long, default_value_t = 2)]
        nodes: u8,
        /// The command; a shell if there is none
        #[arg(trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Say whether this machine can run a cluster, and if not, why
    Check,
    /// Write Spike's image as a tar file, from the programs beside this one
    Image {
        /// The image's name
        #[arg(long, default_value = IMAGE)]
        name: String,
        /// The file
        file: PathBuf,
    },
    /// Write the image of the tests' clients as a tar file
    LoadImage {
        /// The file
        file: PathBuf,
    },
}

impl Args {
    /// Does what was asked; what went wrong is told in one line.
    pub async fn run(self) -> ExitCode {
        self.obey().await.unwrap_or_else(|error| {
            eprintln!("spike-kubernetes: {error:#}");
            ExitCode::FAILURE
        })
    }

    async fn obey(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Run { nodes, command } => run(nodes, &command).await,
            Verb::Check => {
                check::machine()?;
                Ok(ExitCode::SUCCESS)
            }
            Verb::Image { name, file } => {
                let scratch = tempfile::tempdir()?;
                image::spike(&[&name], &file, scratch.path())?;
                Ok(ExitCode::SUCCESS)
            }
            Verb::LoadImage { file } => {
                let scratch = tempfile::tempdir()?;
                image::tester(load::IMAGE, load::PROGRAM, &file, scratch.path())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn run(nodes: u8, command: &[String]) -> anyhow::Result<ExitCode> {
    check::machine()?;
    let scratch = tempfile::tempdir()?;
    let mut cluster = Cluster::start(nodes, &images(scratch.path())?).await?;
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "sh".into());
    let mut words = command.iter();
    let mut child = Command::new(words.next().unwrap_or(&shell))
        .args(words)
        .env("KUBECONFIG", cluster.kubeconfig())
        .env(namespace::KUBECONFIG, cluster.kubeconfig())
        .env(remote::FOLDER, cluster.folder())
        .env("PATH", with_kubectl(Cluster::kubectl_folder()?)?)
        .kill_on_drop(true)
        .spawn()
        .context("run the command")?;
    let status = select! {
        status = child.wait() => Some(status?),
        served = remote::serve(&mut cluster) => { served?; None }
        () = told_to_stop() => None,
    };
    if let Some(pid) = child.id() {
        end(pid)?;
        // It may have something to say about it; if it has too much, it is killed.
        let _ = timeout(LAST_WORDS, child.wait()).await;
    }
    cluster.stop().await?;
    Ok(match status {
        Some(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Writes the images that tests name into a folder; their files.
fn images(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let [spike, postgres, load] =
        ["spike.tar", "postgres.tar", "load.tar"].map(|file| folder.join(file));
    image::for_tests(&[IMAGE, PREVIOUS], MUTE, &spike, folder)?;
    image::postgres(&postgres)?;
    image::tester(load::IMAGE, load::PROGRAM, &load, folder)?;
    Ok(vec![spike, postgres, load])
}

fn end(pid: u32) -> anyhow::Result<()> {
    let pid = Pid::from_raw(pid.try_into()?).context("a pid isn't 0")?;
    kill_process(pid, Signal::TERM).context("end the command")
}

/// Ctrl-C, or whatever else ends a program politely.
async fn told_to_stop() {
    let signal = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            // It can't be caught: then it ends us, and the cluster with us.
            Err(_) => pending().await,
        }
    };
    select! {
        () = signal(SignalKind::interrupt()) => (),
        () = signal(SignalKind::terminate()) => (),
        () = signal(SignalKind::hangup()) => (),
    }
}

/// `PATH`, so that the command finds the kubectl that fits the cluster.
fn with_kubectl(folder: PathBuf) -> anyhow::Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("PATH")
}
