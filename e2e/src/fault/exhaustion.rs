//! Other programs that take every connection of a server.

use anyhow::{bail, ensure};
use spike_testbed_postgres::Server;
use sqlx::{Connection, PgConnection};

/// Who they are.
const ROLE: &str = "others";

/// More rounds than it ever takes to be faster than Nexus.
const ROUNDS: usize = 200;

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
        for _ in 0..ROUNDS {
            while let Ok(connection) = PgConnection::connect(&url).await {
                others.0.push(connection);
            }
            ensure!(!others.0.is_empty(), "others can't connect at all");
            let cut_off = sqlx::raw_sql(CUT_OFF).fetch_all(&mut superuser).await?;
            if cut_off.is_empty() {
                superuser.close().await?;
                return Ok(others);
            }
        }
        bail!("Nexus was always faster")
    }
}
