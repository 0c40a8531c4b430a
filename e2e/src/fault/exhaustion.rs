//! Other programs that take every connection of a server.

use std::time::Duration;

use anyhow::{bail, ensure};
use spike_testbed_postgres::Server;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

/// Who they are.
const ROLE: &str = "others";

/// More rounds than it ever takes to be faster than Nexus.
const ROUNDS: usize = 200;

/// So often in a row Nexus has to be seen without a connection: one that is being made has no user yet.
const LOOKS: usize = 5;

/// Between two of them.
const LOOK: Duration = Duration::from_millis(100);

/// Cuts off Nexus.
const CUT_OFF: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'spike'";

/// Connections that do nothing but be there.
pub(super) struct Others(Vec<PgConnection>);

impl Others {
    /// Takes what is free, cuts off Nexus, and takes that too, until Nexus has none left.
    pub(super) async fn take_all(server: &Server) -> anyhow::Result<Self> {
        server.add_role(ROLE).await?;
        // Whom they talk to is not their concern.
        let url = format!("{}?sslmode=require", server.url(ROLE));
        // Kept: soon not even a superuser gets another one.
        let mut superuser = server.superuser().await?;
        let mut others = Self(Vec::new());
        let mut without = 0;
        for _ in 0..ROUNDS {
            while let Ok(connection) = PgConnection::connect(&url).await {
                others.0.push(connection);
            }
            ensure!(!others.0.is_empty(), "others can't connect at all");
            let cut_off = sqlx::raw_sql(CUT_OFF).fetch_all(&mut superuser).await?;
            without = if cut_off.is_empty() { without + 1 } else { 0 };
            if without == LOOKS {
                superuser.close().await?;
                return Ok(others);
            }
            sleep(LOOK).await;
        }
        bail!("Nexus was always faster")
    }
}
