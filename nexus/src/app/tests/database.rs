//! A PostgreSQL server whose administrator may do anything to any row.

use std::sync::Arc;

use spike_store::Store;
use spike_store_postgres::{Options, PostgresStore, connect, schema};
use spike_testbed_postgres::Server;

/// The tables of the store.
const TABLES: [&str; 5] = ["epochs", "heads", "records", "documents", "write_keys"];

/// A server, and the store in it.
pub(crate) struct Database {
    server: Server,
    pub(crate) store: Arc<dyn Store>,
}

impl Database {
    /// An empty store.
    pub(crate) async fn new() -> Self {
        let server = Server::start(spike_testbed_postgres::Options::default());
        let server = server.await.expect("a server");
        let options = Options::parse(&server.url("spike")).expect("its own URL");
        let options = options.ca_file(server.ca_file());
        let mut owner = connect(&options).await.expect("a connection");
        schema::expand(&mut owner).await.expect("expanded");
        let store = Arc::new(PostgresStore::open(options).await.expect("it opens"));
        Self { server, store }
    }

    /// The administrator does this. Neither constraints nor triggers are in the way of one who may
    /// drop them.
    pub(crate) async fn edit(&self, sql: &str) {
        let sql = format!("SET session_replication_role = replica; {sql}");
        self.server.execute(sql).await.expect("edited");
    }

    /// Takes a copy of everything, the one that [`Self::restore`] puts back.
    pub(crate) async fn keep(&self) {
        let copy = |table| format!("CREATE TABLE kept.{table} AS TABLE spike.{table};");
        let copies: String = TABLES.into_iter().map(copy).collect();
        self.edit(&format!("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept; {copies}"))
            .await;
        let checks = "DO $$ DECLARE c record; BEGIN
            FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
                     WHERE connamespace = 'spike'::regnamespace AND contype = 'c'
            LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname); END LOOP;
        END $$";
        self.edit(checks).await;
    }

    /// Puts back what was kept.
    pub(crate) async fn restore(&self) {
        let back = |table| {
            format!(
                "DELETE FROM spike.{table};
                 INSERT INTO spike.{table} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{table};"
            )
        };
        self.edit(&TABLES.into_iter().map(back).collect::<String>()).await;
    }

    /// Every column of every table, as `table.column`.
    pub(crate) async fn columns(&self) -> Vec<String> {
        let all = "SELECT string_agg(table_name || '.' || column_name, ' ')
                   FROM information_schema.columns WHERE table_schema = 'spike'";
        let all = self.server.ask(all).await.expect("answered");
        all.split(' ').map(str::to_owned).collect()
    }
}
