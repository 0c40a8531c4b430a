//! What may come next on the command line, for kubectl: it asks the program `kubectl_complete-spike`
//! when somebody presses Tab after `kubectl spike`, and takes one candidate per line, a description
//! behind a tab, and a last line with a directive.

use std::fmt::Write as _;

use clap::Command;
use spike_cli::{CliError, output};

use crate::args::command;

/// To kubectl: these are all, don't offer files.
const ONLY_THESE: &str = ":4\n";

/// To kubectl: offer what the shell would, that is files.
const FILES: &str = ":0\n";

/// Say what may come next.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is there already; the last word is the one to complete.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Args {
    /// Says it.
    pub(crate) fn run(self) -> Result<(), CliError> {
        output::print(&next(command(), &self.words))
    }
}

/// Candidates for the last word.
fn next(command: Command, words: &[String]) -> String {
    let Some((last, before)) = words.split_last() else { return ONLY_THESE.to_owned() };
    let mut here = command;
    // What `propagate` would do: every flag of the levels above counts, too.
    here.build();
    let mut reached = &here;
    let mut waits = false;
    for word in before {
        if std::mem::take(&mut waits) {
            continue;
        }
        if word.starts_with('-') {
            waits = takes_value(reached, word);
        } else if let Some(sub) = reached.find_subcommand(word) {
            reached = sub;
        }
    }
    if waits {
        return FILES.to_owned();
    }
    let mut text = String::new();
    for (candidate, about) in candidates(reached, last) {
        writeln!(text, "{candidate}\t{about}").expect("a String takes all text");
    }
    let files = text.is_empty() && !last.starts_with('-');
    text + if files { FILES } else { ONLY_THESE }
}

fn candidates(command: &Command, last: &str) -> Vec<(String, String)> {
    let line = |text: Option<&clap::builder::StyledStr>| {
        text.map(ToString::to_string).unwrap_or_default().lines().next().unwrap_or("").to_owned()
    };
    let mut all: Vec<(String, String)> = if last.starts_with('-') {
        let flags = command.get_arguments().filter(|flag| !flag.is_hide_set());
        let flags = flags.filter_map(|flag| Some((format!("--{}", flag.get_long()?), flag)));
        flags.map(|(name, flag)| (name, line(flag.get_help()))).collect()
    } else {
        let subs = command.get_subcommands().filter(|sub| !sub.is_hide_set());
        subs.map(|sub| (sub.get_name().to_owned(), line(sub.get_about()))).collect()
    };
    all.retain(|(name, _)| name.starts_with(last));
    all.sort();
    all
}

/// True of a flag whose value is the next word.
fn takes_value(command: &Command, word: &str) -> bool {
    let is = |flag: &&clap::Arg| match word.strip_prefix("--") {
        Some(long) => flag.get_long() == Some(long),
        None => flag.get_short().is_some_and(|short| word == format!("-{short}")),
    };
    let flag = command.get_arguments().find(is);
    flag.is_some_and(|flag| flag.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(line: &str) -> String {
        let words: Vec<_> = line.split(' ').map(ToOwned::to_owned).collect();
        next(command(), &words)
    }

    #[test]
    fn commands_flags_and_files_come_where_they_can() {
        assert!(
            after("re").starts_with("report\tCollect what a bug report needs"),
            "{}",
            after("re")
        );
        assert!(after("re").ends_with(":4\n"));
        let secrets = after("-c demo secret ");
        assert!(secrets.contains("get\t") && secrets.contains("undelete\t"), "{secrets}");
        assert!(after("status --out").starts_with("--output\t"), "{}", after("status --out"));
        assert!(after("secret get --clus").starts_with("--cluster\t"), "flags of every command");
        assert_eq!(after("restore --identity "), FILES);
        assert_eq!(after("restore spike.rec"), FILES);
        assert!(!after("").contains("man\t"), "what is hidden stays so");
    }
}
