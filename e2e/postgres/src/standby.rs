//! Standbys: copies that follow a primary until they are promoted.

use anyhow::ensure;
use tokio::time::{Instant, sleep};

use crate::{
    disk::Disk,
    postmaster::{PATIENCE, PAUSE},
    server::{Options, Server},
};

/// When the primary answers a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// At once; the standby has it later.
    Asynchronous,
    /// When the standby has it on its disk.
    Synchronous,
}

impl Server {
    /// A standby that streams from this server and shares its authority.
    ///
    /// With [`Replication::Synchronous`] no commit returns any more while the standby is away.
    pub async fn standby(&self, replication: Replication) -> anyhow::Result<Self> {
        let options = Options { disk: Disk::Shared, ..self.options.clone() };
        let mut standby = Self::prepare(options)?;
        let name = format!("standby_{}", standby.port);
        let from = format!(
            "host={} port={} user=postgres application_name={name}",
            self.folder().display(),
            self.port,
        );
        let to = standby.data();
        let to = format!("--pgdata={}", to.display());
        let copy = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", &from];
        standby.programs.run("pg_basebackup", &[&copy[..], &[&to]].concat()).await?;
        std::fs::copy(self.ca_file(), standby.ca_file())?;
        standby.configure()?;
        standby.start_again().await?;
        if replication == Replication::Synchronous {
            self.set("synchronous_standby_names", &name).await?;
        }
        self.until_replicating(&name, replication).await?;
        Ok(standby)
    }

    /// Makes a standby the primary of its copy; who else believes to be one is the caller's affair.
    pub async fn promote(&self) -> anyhow::Result<()> {
        let seconds = PATIENCE.as_secs();
        let promoted = self.ask(format!("SELECT pg_promote(true, {seconds})")).await?;
        ensure!(promoted == "t", "it wasn't promoted:\n{}", self.log());
        Ok(())
    }

    async fn until_replicating(&self, name: &str, replication: Replication) -> anyhow::Result<()> {
        let state = match replication {
            Replication::Asynchronous => "async",
            Replication::Synchronous => "sync",
        };
        let streams = format!(
            "SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' \
             AND state = 'streaming' AND sync_state = '{state}'"
        );
        let end = Instant::now() + PATIENCE;
        while self.ask(&streams).await? != "1" {
            ensure!(Instant::now() < end, "no standby {name}:\n{}", self.log());
            sleep(PAUSE).await;
        }
        Ok(())
    }
}
