//! `nexus store schema`: brings a database to what a version of Nexus needs, apart from serving.
//!
//! It runs as the owner of the tables, which no serving Nexus is, and needs nothing but the store:
//! no identity, no Keepers.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use spike_runtime::env::parse_duration;
use spike_store_postgres::{
    PgConnection, connect,
    schema::{self, Status},
};
use tokio::time::timeout;

use crate::stores::Place;

const EXAMPLES: &str = "\
Examples:
  Before the first start, and before each new version, as the owner of the tables:
    export SPIKE_NEXUS_STORE_URL=postgres://spike_owner@db.example/spike
    export SPIKE_NEXUS_STORE_PASSWORD_FILE=/run/secrets/owner-password
    nexus store schema expand --grant spike_nexus

  Once every Nexus is of the new version:
    nexus store schema contract";

/// What to do with the schema, and how long that may take.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    command: SchemaCommand,
    /// Give up after this; what was begun is undone
    #[arg(long, global = true, value_name = "TIME", default_value = "15m", value_parser = parse_duration)]
    timeout: Duration,
}

/// What to do with the schema.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Say what is there and what this version needs
    Status,
    /// Add what this version needs; Nexus of earlier versions go on working
    Expand {
        /// The role that Nexus serves as: gets the rights that this takes, and no others
        #[arg(long, value_name = "ROLE")]
        grant: Option<String>,
    },
    /// Remove what only earlier versions need; they are refused from then on
    Contract,
}

/// Does it, or says why not.
pub(crate) async fn run(args: SchemaArgs, place: Place) -> anyhow::Result<()> {
    let Place::Postgres(options) = place else {
        bail!("the {} store brings its schema up to date by itself", place.kind());
    };
    let SchemaArgs { command, timeout: longest } = args;
    let mut connection = connect(&options).await?;
    // Most likely another change goes on, for which this one waits; or the server is silent.
    let done = timeout(longest, change(command, &mut connection)).await.with_context(|| {
        format!(
            "the schema is as it was: not done within {longest:?}, as when another change of it goes on; \
             see pg_stat_activity, then run this again"
        )
    });
    let status = done??;
    let servers = schema::servers(&mut connection).await.context("it isn't known who may serve")?;
    announce(status, &servers);
    Ok(())
}

async fn change(command: SchemaCommand, connection: &mut PgConnection) -> anyhow::Result<Status> {
    let done = match command {
        SchemaCommand::Status => schema::status(connection).await,
        SchemaCommand::Contract => schema::contract(connection).await,
        SchemaCommand::Expand { grant } => {
            if let Some(role) = &grant {
                needs_role(connection, role).await?;
            }
            let status = schema::expand(connection).await.context("not expanded")?;
            if let Some(role) = grant {
                let granted = schema::grant(connection, &role).await;
                granted.with_context(|| format!("expanded, but nothing granted to {role}"))?;
            }
            Ok(status)
        }
    };
    done.context("the schema is as it was")
}

/// Before anything is changed: a name that is wrong is most likely not the only thing.
async fn needs_role(connection: &mut PgConnection, role: &str) -> anyhow::Result<()> {
    ensure!(
        schema::has_role(connection, role).await.context("nothing was changed")?,
        "the server has no role {role:?}, and nothing was changed: make the role first \
         (config/postgres/roles.sql shows how), or correct --grant"
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the answer to a question")]
fn announce(status: Status, servers: &[String]) {
    println!("{}", described(status, servers));
}

fn described(status: Status, servers: &[String]) -> String {
    let Status { present, min_reader, wanted } = status;
    let next = if status.can_expand() {
        "; next: nexus store schema expand --grant ROLE, for the role that Nexus serves as"
    } else if status.can_contract() {
        "; once every Nexus is of this version: nexus store schema contract"
    } else {
        ""
    };
    if present == 0 {
        return format!("There is no schema, this version needs {wanted}{next}");
    }
    format!(
        "The schema is {present}, understood by versions from {min_reader} on; this version needs \
         {wanted}{next}\n{}",
        served(servers)
    )
}

fn served(servers: &[String]) -> String {
    match servers {
        [] => "No role may serve but the owner; next: nexus store schema expand --grant ROLE, for the \
               role that Nexus serves as"
            .to_owned(),
        roles => format!("Beside the owner, {} may serve", roles.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPAND: &str =
        "nexus store schema expand --grant ROLE, for the role that Nexus serves as";

    #[test]
    fn each_state_says_what_comes_next() {
        let contract = "once every Nexus is of this version: nexus store schema contract";
        for (present, wanted, next) in [
            (1, 1, String::new()),
            (1, 2, format!("; next: {EXPAND}")),
            (2, 2, format!("; {contract}")),
        ] {
            let told = format!(
                "The schema is {present}, understood by versions from 1 on; this version needs \
                 {wanted}{next}\nBeside the owner, a, b may serve"
            );
            let status = Status { present, min_reader: 1, wanted };
            assert_eq!(described(status, &["a".to_owned(), "b".to_owned()]), told);
        }
        let none = Status { present: 0, min_reader: 0, wanted: 1 };
        let told = format!("There is no schema, this version needs 1; next: {EXPAND}");
        assert_eq!(described(none, &[]), told);
    }

    #[test]
    fn a_schema_that_only_its_owner_may_use_says_how_another_role_may() {
        let told = described(Status { present: 1, min_reader: 1, wanted: 1 }, &[]);
        assert!(told.ends_with(&format!("\nNo role may serve but the owner; next: {EXPAND}")));
    }
}
