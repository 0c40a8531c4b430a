//! The command line as a whole.

use std::{process::ExitCode, sync::Arc};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use spike_cli::{CliError, Context, Patience, Remote, man};
use spike_core::Role;

use crate::{
    complete, completion,
    door::Pinned,
    place::{Place, Target},
    report, restore, status,
};

/// Spike's clusters in Kubernetes, by name.
///
/// A command for secrets, policies, encryption or recovery shards is the one that `spike` has. It
/// runs as superuser (or as recover or restore, where it needs that) if Kubernetes lets you create
/// spikeclusters/superuser in the cluster's namespace: then you get a token for ten minutes, and the
/// cluster's own authority makes an identity of it. Tokens and keys stay in this process.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-spike",
    bin_name = "kubectl spike",
    version,
    propagate_version = false,
    after_help = EXAMPLES,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    patience: Patience,
    /// The role to have, instead of the one that the command needs.
    #[arg(long, global = true, value_name = "ROLE", help_heading = "Global options")]
    as_role: Option<PersonRole>,
    /// The Nexus pod to speak to [default: one that serves; for restore one that runs].
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pod: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Exit status:
  0 done  1 failed  2 usage  3 denied  4 missing  5 conflict  6 unavailable
  of status also: 7 degraded, 8 needs someone

Examples:
  kubectl spike status -c demo
  kubectl spike -c demo secret put db/password value=@password.txt
  kubectl spike -c demo secret get db/password value
  kubectl spike restore -c demo --identity alice.key spike.recovery.*.age
  kubectl spike report -c demo";

/// A role of people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PersonRole {
    /// Secrets, policies, keys.
    Superuser,
    /// Takes recovery shards out.
    Recover,
    /// Puts recovery shards back.
    Restore,
}

impl From<PersonRole> for Role {
    fn from(role: PersonRole) -> Self {
        match role {
            PersonRole::Superuser => Self::Superuser,
            PersonRole::Recover => Self::Recover,
            PersonRole::Restore => Self::Restore,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Args),
    Restore(restore::Args),
    Report(report::Args),
    #[command(flatten)]
    Remote(Remote),
    Completion(completion::Args),
    #[command(hide = true)]
    Complete(complete::Args),
    #[command(hide = true)]
    Man(man::Args),
}

impl Args {
    /// Reads the command line; ends the process if it is wrong.
    pub fn read() -> Self {
        Self::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// Does what was asked and says how it ended.
    pub async fn run(self) -> ExitCode {
        spike_identity::install_crypto();
        match Box::pin(self.done()).await {
            Ok(status) => status,
            Err(error) => ours(error).report(),
        }
    }

    async fn done(self) -> Result<ExitCode, CliError> {
        let Self { target, patience, as_role, pod, command } = self;
        let door = |place: &Place, needed: Role| {
            let role = as_role.map_or(needed, Role::from);
            let door = Pinned { place: place.clone(), role, pod: pod.clone() };
            Context::through(Arc::new(door), &patience)
        };
        match command {
            Command::Status(args) => return args.run(&target.find().await?).await,
            Command::Restore(args) => {
                let place = target.find().await?;
                args.run(&place, &door(&place, Role::Restore)).await?;
            }
            Command::Report(args) => args.run(&target.find().await?).await?,
            Command::Remote(remote) => {
                let place = target.find().await?;
                let context = door(&place, remote.role());
                remote.run(&context).await?;
            }
            Command::Completion(args) => args.run()?,
            Command::Complete(args) => args.run()?,
            Command::Man(args) => args.run(self::command())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An error of a command of `spike`, in the words of this program.
fn ours(error: CliError) -> CliError {
    let CliError::Told { exit, what, next } = error else { return error };
    let next = next.replace("`spike ", "`kubectl spike ");
    let next = match next.split_once("/spike/pilot/role/") {
        // The first of several will do.
        Some((_, role)) => {
            let name = role.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
            format!("Run it with --as-role {name}.")
        }
        None if next.contains("SPIKE_") => {
            "`kubectl spike status` shows whether its pods run and what the cluster waits for."
                .to_owned()
        }
        None => next,
    };
    CliError::Told { exit, what, next }
}

/// The command line, in which the commands of `spike` are this program's.
pub(crate) fn command() -> clap::Command {
    reword(<Args as CommandFactory>::command())
}

fn reword(mut command: clap::Command) -> clap::Command {
    if let Some(help) = command.get_after_help() {
        let text = help.to_string();
        let lines = text.lines().map(|line| match line.strip_prefix("  spike ") {
            Some(rest) => format!("  kubectl spike {rest}"),
            None => line.replace("| spike ", "| kubectl spike "),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        command = command.after_help(text);
    }
    command.mut_subcommands(reword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example_that_is_ours() {
        fn look(command: &clap::Command, path: &str) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("xamples:") || command.is_hide_set(), "{path}");
            assert!(!help.contains("\n  spike "), "{path}: {help}");
            for sub in command.get_subcommands() {
                look(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        look(&command(), "kubectl spike");
    }

    #[test]
    fn what_helps_is_something_that_this_program_can_do() {
        let next = |next: &str| match ours(CliError::usage("x", next)) {
            CliError::Told { next, .. } => next,
            other => panic!("{other:?}"),
        };
        assert_eq!(next("See `spike status`."), "See `kubectl spike status`.");
        assert_eq!(
            next("Run it as spiffe://<trust domain>/spike/pilot/role/recover."),
            "Run it with --as-role recover."
        );
        let several =
            "Run it as spiffe://x/spike/pilot/role/superuser or spiffe://x/spike/operator.";
        assert_eq!(next(several), "Run it with --as-role superuser.");
        assert!(next("Set --url or SPIKE_NEXUS_API_URL.").contains("shows whether its pods run"));
    }

    fn role(line: &str) -> Role {
        match Args::try_parse_from(line.split(' ')).expect("a command").command {
            Command::Remote(remote) => remote.role(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_command_has_the_role_that_it_needs() {
        assert_eq!(role("kubectl-spike -c demo secret get db/password"), Role::Superuser);
        assert_eq!(role("kubectl-spike operator recover -c demo"), Role::Recover);
        assert_eq!(role("kubectl-spike operator drill a.txt"), Role::Recover);
        assert_eq!(role("kubectl-spike operator restore a.txt"), Role::Restore);
        assert_eq!(
            role("kubectl-spike -n team operator reshare --shares 5 --threshold 3"),
            Role::Superuser
        );
    }
}
