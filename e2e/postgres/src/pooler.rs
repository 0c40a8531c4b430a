//! PgBouncer before a server.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    ports,
    postmaster::{PATIENCE, PAUSE},
    server::Server,
};

/// Where Debian installs it.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A running PgBouncer, without TLS.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Whether this machine has it; a test that needs it says that it skips if not.
    pub fn is_installed() -> bool {
        Path::new(PROGRAM).exists()
    }

    /// Starts one, pooling by `session` or `transaction`. If it `drops_settings`, it takes sessions
    /// with settings of their own and ignores those; otherwise it refuses them.
    pub async fn start(server: &Server, mode: &str, drops_settings: bool) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("spike-pooler-")?;
        server.programs.give(folder.path())?;
        let port = ports::free()?;
        let ignored =
            if drops_settings { "extra_float_digits,options" } else { "extra_float_digits" };
        let [users, settings] = ["users", "ini"].map(|name| folder.path().join(name));
        fs::write(&users, format!("\"spike\" \"{}\"\n", Server::password("spike")))?;
        let text = format!(
            "[databases]\nspike = host=127.0.0.1 port={} dbname=spike\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = plain\nauth_file = {}\npool_mode = {mode}\n\
             ignore_startup_parameters = {ignored}\n",
            server.port(),
            users.display(),
        );
        fs::write(&settings, text)?;
        for file in [&users, &settings] {
            server.programs.give(file)?;
        }
        let mut command = server.programs.command(PROGRAM);
        command.arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().context("start pgbouncer")?;
        let pooler = Self { process, port, _folder: folder };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(Instant::now() < end, "pgbouncer doesn't listen");
            sleep(PAUSE).await;
        }
        Ok(pooler)
    }

    /// Where to connect as this role, in clear.
    pub fn url(&self, role: &str) -> String {
        format!("postgres://{role}:{}@127.0.0.1:{}/spike", Server::password(role), self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
