//! Scripts for `psql`, as an administrator runs them.

use std::path::Path;

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::server::Server;

impl Server {
    /// Runs a script as the superuser in the database `postgres`.
    pub async fn psql(&self, script: &Path) -> anyhow::Result<()> {
        let mut psql = Command::new(self.programs.path("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--username=postgres", "--dbname=postgres"]);
        psql.arg("--host").arg(self.folder()).arg("--port").arg(self.port.to_string());
        let out = psql.arg("--file").arg(script).kill_on_drop(true).output().await;
        let out = out.context("run psql")?;
        ensure!(out.status.success(), "psql: {}", String::from_utf8_lossy(&out.stderr));
        Ok(())
    }
}
