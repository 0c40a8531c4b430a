//! One server: its folder, its port, its certificate, and what a test does to it.

use std::{
    fmt::Write,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use rustix::process::Signal;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    disk::{Disk, Mount},
    ports,
    postmaster::{PATIENCE, PAUSE, Postmaster},
    programs::Programs,
    tls,
};

/// Owns the cluster of databases.
const SUPERUSER: &str = "postgres";

/// The database that every server has, and the role that owns it.
const DATABASE: &str = "spike";

/// Who may come how: from this machine's users by the socket, else by password, encrypted or not.
const HOST_BASED_ACCESS: &str = "\
local all         all              trust
local replication all              trust
host  all         all 127.0.0.1/32 scram-sha-256
host  replication all 127.0.0.1/32 scram-sha-256
";

/// What a server is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many connections it takes, three of them for superusers.
    pub max_connections: u32,
    /// Where it keeps its files.
    pub disk: Disk,
    /// Neither the database nor its owner: for whoever makes them.
    pub bare: bool,
    /// More parameters.
    pub settings: Vec<(&'static str, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_connections: 60, disk: Disk::Shared, bare: false, settings: Vec::new() }
    }
}

/// A PostgreSQL server, running or not.
///
/// It has a database `spike` that the role `spike` owns; [`Server::password`] tells each role's
/// password. Dropping it ends the server and removes all it kept.
#[derive(Debug)]
pub struct Server {
    postmaster: Option<Postmaster>,
    pub(crate) port: u16,
    pub(crate) programs: Programs,
    pub(crate) options: Options,
    // After the postmaster: it has files open there.
    _disk: Option<Mount>,
    folder: TempDir,
}

impl Server {
    /// Makes a server and starts it.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let mut server = Self::prepare(options)?;
        server.initdb().await?;
        server.secure(&["localhost", "127.0.0.1"])?;
        server.configure()?;
        server.start_again().await?;
        let password = Self::password(SUPERUSER);
        server.execute_in(SUPERUSER, format!("ALTER ROLE postgres PASSWORD '{password}'")).await?;
        if !server.options.bare {
            server.add_role(DATABASE).await?;
            let database = format!("CREATE DATABASE {DATABASE} OWNER {DATABASE}");
            server.execute_in(SUPERUSER, database).await?;
        }
        Ok(server)
    }

    /// A folder and a port, and nothing in them yet.
    pub(crate) fn prepare(options: Options) -> anyhow::Result<Self> {
        let programs = Programs::find()?;
        let folder = TempDir::with_prefix("spike-postgres-")?;
        programs.give(folder.path())?;
        let disk = folder.path().join("disk");
        fs::create_dir(&disk)?;
        let mount = match options.disk {
            Disk::Shared => None,
            Disk::Data(mib) | Disk::Wal(mib) => Some(Mount::at(&disk, mib)?),
        };
        programs.give(&disk)?;
        let port = ports::free()?;
        Ok(Self { postmaster: None, port, programs, options, _disk: mount, folder })
    }

    /// Where to connect as this role, with its first password; TLS as `verify-full`.
    pub fn url(&self, role: &str) -> String {
        self.url_with(role, &Self::password(role))
    }

    /// Where to connect as this role, with this password; TLS as `verify-full`.
    pub fn url_with(&self, role: &str, password: &str) -> String {
        format!("postgres://{role}:{password}@localhost:{}/{DATABASE}", self.port)
    }

    /// The port it listens on, at 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The password that a role of [`Self::add_role`] begins with.
    pub fn password(role: &str) -> String {
        format!("hunter2-{role}")
    }

    /// The file with the certificate of the authority of [`Self::secure`].
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The folder of its [`Disk`], if that isn't shared.
    pub fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`], and waits until it answers.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        ensure!(self.postmaster.is_none(), "it runs");
        let postmaster =
            Postmaster::start(&self.programs, self.folder.path(), &self.data()).await?;
        let end = Instant::now() + PATIENCE;
        while self.ask("SELECT 1").await.is_err()
            && self.ask_in(SUPERUSER, "SELECT 1").await.is_err()
        {
            let waits = !postmaster.has_exited() && Instant::now() < end;
            ensure!(waits, "postgres isn't ready:\n{}", self.log());
            sleep(PAUSE).await;
        }
        self.postmaster = Some(postmaster);
        Ok(())
    }

    /// SIGKILL, as a power cut; returns when no process of it is left.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.postmaster.take().context("it isn't running")?.kill().await
    }

    /// Stops it in order, cutting off its clients.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.postmaster.take().context("it isn't running")?.stop().await
    }

    /// Stops and starts it.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    /// Freezes all of it: its sockets stay open, and nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.running()?.signal_all(Signal::STOP)
    }

    /// Freezes the processes that serve clients; new connections are answered.
    pub fn pause_backends(&self) -> anyhow::Result<()> {
        self.running()?.signal_backends("127.0.0.1(", Signal::STOP);
        Ok(())
    }

    /// Ends [`Self::pause`] and [`Self::pause_backends`].
    pub fn resume(&self) -> anyhow::Result<()> {
        self.running()?.signal_all(Signal::CONT)
    }

    /// A connection as the superuser, by the socket.
    pub async fn superuser(&self) -> anyhow::Result<PgConnection> {
        self.superuser_in(DATABASE).await
    }

    /// Executes statements as the superuser.
    pub async fn execute(&self, sql: impl Into<String>) -> anyhow::Result<()> {
        self.execute_in(DATABASE, sql.into()).await
    }

    /// The text of the first column of the first row, asked by the superuser; empty if it is null.
    pub async fn ask(&self, sql: impl Into<String>) -> anyhow::Result<String> {
        self.ask_in(DATABASE, sql).await
    }

    /// Adds a role that may log in with [`Self::password`].
    pub async fn add_role(&self, role: &str) -> anyhow::Result<()> {
        let password = Self::password(role);
        let role = format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'");
        self.execute_in(SUPERUSER, role).await
    }

    /// Gives a role another password.
    pub async fn set_password(&self, role: &str, password: &str) -> anyhow::Result<()> {
        self.execute_in(SUPERUSER, format!("ALTER ROLE {role} PASSWORD '{password}'")).await
    }

    /// Sets a parameter that needs no restart, and waits until it holds for new connections.
    pub async fn set(&self, parameter: &str, value: &str) -> anyhow::Result<()> {
        self.execute_in(SUPERUSER, format!("ALTER SYSTEM SET {parameter} = '{value}'")).await?;
        self.reload().await
    }

    /// Makes a new authority, and a certificate of it for these names. A running server presents it
    /// after [`Self::reload`].
    pub fn secure(&self, names: &[&str]) -> anyhow::Result<()> {
        let issued = tls::issue(names)?;
        fs::write(self.ca_file(), issued.ca)?;
        for (name, text) in [("server.crt", issued.certificate), ("server.key", issued.key)] {
            let path = self.data().join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            self.programs.give(&path)?;
        }
        Ok(())
    }

    /// Has it read its files again, and waits until it has.
    pub async fn reload(&self) -> anyhow::Result<()> {
        let loaded = "SELECT pg_conf_load_time()::text";
        let before = self.ask_in(SUPERUSER, loaded).await?;
        self.running()?.signal(Signal::HUP)?;
        let end = Instant::now() + PATIENCE;
        while self.ask_in(SUPERUSER, loaded).await? == before {
            ensure!(Instant::now() < end, "it didn't reload");
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Writes its settings, which are also those of the copies that standbys begin as.
    pub(crate) fn configure(&self) -> anyhow::Result<()> {
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\n\
             port = {}\n\
             unix_socket_directories = '{}'\n\
             max_connections = {}\n\
             shared_buffers = 32MB\n\
             wal_keep_size = 64MB\n\
             ssl = on\n",
            self.port,
            self.folder.path().display(),
            self.options.max_connections,
        );
        for (parameter, value) in &self.options.settings {
            writeln!(text, "{parameter} = '{value}'")?;
        }
        let file = self.data().join("test.conf");
        fs::write(&file, text)?;
        self.programs.give(&file)
    }

    pub(crate) fn data(&self) -> PathBuf {
        match self.options.disk {
            Disk::Data(_) => self.folder.path().join("disk/data"),
            Disk::Shared | Disk::Wal(_) => self.folder.path().join("data"),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn initdb(&self) -> anyhow::Result<()> {
        let data = format!("--pgdata={}", self.data().display());
        let wal = format!("--waldir={}", self.folder.path().join("disk/wal").display());
        let mut args = vec![
            data.as_str(),
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=icu",
            "--icu-locale=en",
            // What matters is synced by the server, later.
            "--no-sync",
        ];
        if matches!(self.options.disk, Disk::Wal(_)) {
            args.push(&wal);
        }
        self.programs.run("initdb", &args).await?;
        let data = self.data();
        fs::write(data.join("pg_hba.conf"), HOST_BASED_ACCESS)?;
        let file = data.join("postgresql.conf");
        let text = fs::read_to_string(&file)?;
        fs::write(&file, format!("{text}\ninclude 'test.conf'\n")).context("write its settings")
    }

    fn running(&self) -> anyhow::Result<&Postmaster> {
        self.postmaster.as_ref().context("it isn't running")
    }

    async fn superuser_in(&self, database: &str) -> anyhow::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(self.folder.path())
            .port(self.port)
            .username(SUPERUSER)
            .database(database)
            .disable_statement_logging();
        options.connect().await.context("connect as the superuser")
    }

    async fn execute_in(&self, database: &str, sql: String) -> anyhow::Result<()> {
        let mut connection = self.superuser_in(database).await?;
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await.context(sql)?;
        Ok(connection.close().await?)
    }

    async fn ask_in(&self, database: &str, sql: impl Into<String>) -> anyhow::Result<String> {
        let mut connection = self.superuser_in(database).await?;
        let row = sqlx::raw_sql(AssertSqlSafe(sql.into())).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(row.try_get_unchecked::<Option<String>, _>(0)?.unwrap_or_default())
    }
}
