//! A server with databases to test in: owned by one role, served as another.
#![allow(dead_code, reason = "each test program uses its part")]

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU32, Ordering},
};

use spike_store::Result;
use spike_store_postgres::{Options, PostgresStore, schema};
use spike_testbed_postgres::{Options as ServerOptions, Server};
use sqlx::{
    AssertSqlSafe, ConnectOptions, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::sync::Mutex;

/// Owns databases and schemas.
pub(crate) const OWNER: &str = "spike";

/// Serves requests, and may do no more than that takes.
pub(crate) const RUNTIME: &str = "nexus";

/// What every database begins as.
const BLANK: &str = "blank";

/// A server with an expanded database to copy.
pub(crate) struct World {
    pub(crate) server: Server,
}

impl World {
    /// A server of one's own, to be done anything to.
    pub(crate) async fn new() -> Self {
        Self::with(ServerOptions::default()).await
    }

    /// The same, made like that.
    pub(crate) async fn with(options: ServerOptions) -> Self {
        let server = Server::start(options).await.expect("a server");
        let world = Self { server };
        world.server.add_role(RUNTIME).await.expect("a role");
        world.create(BLANK, "template0").await;
        let mut owner = world.connect(BLANK, OWNER).await;
        schema::expand(&mut owner).await.expect("expanded");
        schema::grant(&mut owner, RUNTIME).await.expect("granted");
        sqlx::Connection::close(owner).await.expect("closed");
        world
    }

    /// A server that tests share, as long as one of them needs it.
    pub(crate) async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<World>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(world) = shared.upgrade() {
            return world;
        }
        let world = Arc::new(Self::new().await);
        *shared = Arc::downgrade(&world);
        world
    }

    /// A database of one's own, expanded and empty; its name.
    pub(crate) async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("d{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.create(&name, BLANK).await;
        name
    }

    /// A database like another one.
    pub(crate) async fn create(&self, name: &str, template: &str) {
        let create = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}");
        self.server.execute(create).await.expect("a database");
    }

    /// How a role reaches a database.
    pub(crate) fn options(&self, database: &str, role: &str) -> Options {
        let url = self.server.url(role);
        let (server, _) = url.rsplit_once('/').expect("a URL");
        let options = Options::parse(&format!("{server}/{database}?connections=9")).expect("ours");
        options.ca_file(self.server.ca_file())
    }

    /// Opens the store in a database.
    pub(crate) async fn open(&self, database: &str) -> Result<PostgresStore> {
        PostgresStore::open(self.options(database, RUNTIME)).await
    }

    /// A connection that belongs to no store.
    pub(crate) async fn connect(&self, database: &str, role: &str) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.server.port())
            .username(role)
            .password(&Server::password(role))
            .database(database)
            .ssl_mode(PgSslMode::Disable);
        options.disable_statement_logging().connect().await.expect("a connection")
    }

    /// Executes statements as a role.
    pub(crate) async fn execute(&self, database: &str, role: &str, sql: &str) -> sqlx::Result<()> {
        let mut connection = self.connect(database, role).await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
        sqlx::Connection::close(connection).await
    }
}
