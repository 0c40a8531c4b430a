//! The `spike-kubernetes` command.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::{process::Command, select, signal};

use crate::{cluster::Cluster, image, load, namespace, remote};

/// The image, by the name under which it is published: what installs Spike finds it in the cluster.
pub const IMAGE: &str = concat!("ghcr.io/spike-rs/spike:", env!("CARGO_PKG_VERSION"));

/// The same programs under a tag of their own: what a cluster is upgraded from.
pub const PREVIOUS: &str = "ghcr.io/spike-rs/spike:previous";

/// The same with a Keeper that runs and does nothing: an image that is no good, and doesn't say so.
pub const MUTE: &str = "ghcr.io/spike-rs/spike:mute";

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
    /// Does what was asked.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.verb {
            Verb::Run { nodes, command } => run(nodes, &command).await,
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
        _ = signal::ctrl_c() => None,
    };
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

/// `PATH`, so that the command finds the kubectl that fits the cluster.
fn with_kubectl(folder: PathBuf) -> anyhow::Result<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("PATH")
}
