//! The laws of the store contract, put to a PostgreSQL server, as a role that may alter nothing.

mod world;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use spike_store::{Result, conformance::Harness};
use spike_store_postgres::PostgresStore;
use tokio::sync::OnceCell;

use self::world::{OWNER, World};

/// A database for each space, on a server that laws share.
#[derive(Default)]
struct Databases {
    world: OnceCell<Arc<World>>,
    names: Mutex<HashMap<String, String>>,
}

impl Databases {
    async fn world(&self) -> &World {
        self.world.get_or_init(World::shared).await
    }

    async fn of(&self, space: &str) -> String {
        let known = self.names.lock().expect("whole").get(space).cloned();
        if let Some(name) = known {
            return name;
        }
        let name = self.world().await.database().await;
        self.names.lock().expect("whole").insert(space.to_owned(), name.clone());
        name
    }
}

impl Harness for Databases {
    type Store = PostgresStore;

    async fn open(&self, space: &str) -> Result<PostgresStore> {
        let database = self.of(space).await;
        self.world().await.open(&database).await
    }

    /// Of this process: its connections end without a word. See `crash.rs` for the server's.
    async fn crash(&self, space: &str, store: PostgresStore) {
        drop(store);
        let ended = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.of(space).await
        );
        self.world().await.server.execute(ended).await.expect("terminated");
    }

    async fn modernise(&self, space: &str) {
        let later = "UPDATE spike.epochs SET schema = 99, min_reader = 99";
        let database = self.of(space).await;
        self.world().await.execute(&database, OWNER, later).await.expect("a later schema");
    }
}

spike_store::conformance! {
    harness: Databases::default(),
    restart: yes,
    crash: yes,
    schemas: yes,
}
