//! `nexus store schema`: brings a database to what a version of Nexus needs, apart from serving.
//!
//! It runs as the owner of the tables, which no serving Nexus is, and needs nothing but the store:
//! no identity, no Keepers.

use anyhow::{Context, bail};
use clap::Subcommand;
use spike_store_postgres::{
    Options, connect,
    schema::{self, Status},
};

use crate::stores::Place;

const EXAMPLES: &str = "\
Examples:
  Before the first start, and before each new version, as the owner of the tables:
    export SPIKE_NEXUS_STORE_URL=postgres://spike_owner@db.example/spike
    export SPIKE_NEXUS_STORE_PASSWORD_FILE=/run/secrets/owner-password
    nexus store schema expand --grant spike_nexus

  Once every Nexus is of the new version:
    nexus store schema contract";

/// What to do with the schema.
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
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
pub(crate) async fn run(command: SchemaCommand, place: Place) -> anyhow::Result<()> {
    let Place::Postgres(options) = place else {
        bail!("the {} store brings its schema up to date by itself", place.kind());
    };
    let status = change(command, &options).await?;
    announce(status);
    Ok(())
}

async fn change(command: SchemaCommand, options: &Options) -> anyhow::Result<Status> {
    let mut connection = connect(options).await.context("no store")?;
    let done = match command {
        SchemaCommand::Status => schema::status(&mut connection).await,
        SchemaCommand::Contract => schema::contract(&mut connection).await,
        SchemaCommand::Expand { grant } => {
            let status = schema::expand(&mut connection).await.context("not expanded")?;
            if let Some(role) = grant {
                let granted = schema::grant(&mut connection, &role).await;
                granted.with_context(|| format!("expanded, but nothing granted to {role}"))?;
            }
            Ok(status)
        }
    };
    done.context("the schema is as it was")
}

#[expect(clippy::print_stdout, reason = "the answer to a question")]
fn announce(status: Status) {
    println!("{}", described(status));
}

fn described(status: Status) -> String {
    let Status { present, min_reader, wanted } = status;
    let next = if status.can_expand() {
        "; next: nexus store schema expand"
    } else if status.can_contract() {
        "; once every Nexus is of this version: nexus store schema contract"
    } else {
        ""
    };
    if present == 0 {
        format!("There is no schema, this version needs {wanted}{next}")
    } else {
        format!(
            "The schema is {present}, understood by versions from {min_reader} on; this version \
             needs {wanted}{next}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_says_what_comes_next() {
        for (present, min_reader, wanted, told) in [
            (0, 0, 1, "There is no schema, this version needs 1; next: nexus store schema expand"),
            (1, 1, 1, "The schema is 1, understood by versions from 1 on; this version needs 1"),
            (
                1,
                1,
                2,
                "The schema is 1, understood by versions from 1 on; this version needs 2; next: \
                 nexus store schema expand",
            ),
            (
                2,
                1,
                2,
                "The schema is 2, understood by versions from 1 on; this version needs 2; once \
                 every Nexus is of this version: nexus store schema contract",
            ),
        ] {
            assert_eq!(described(Status { present, min_reader, wanted }), told);
        }
    }
}
