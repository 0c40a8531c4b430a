//! `spike audit verify`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use spike_audit::verify::{Expected, PublicKeys, Report, verify};

use crate::{
    error::{CliError, Exit},
    format::FormatFlag,
    render::audit::Verified,
};

/// Check whether audit files are as they were written.
///
/// Finds lines that were edited, deleted, moved or repeated, and those that were cut off if --seq or
/// --head says how far the log must reach. Ends with 0 if nothing is wrong and with 1 if something
/// is, or if keys are given and no head is signed under one of them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The logs of one replica each; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The public keys that sign heads, ID:HEX, separated by commas; `spike status` shows them.
    /// Without them no signature is checked, and whoever can write the file can make a new chain.
    #[arg(long, value_name = "ID:HEX,…")]
    key: Option<PublicKeys>,
    /// The number of a line that must be there, such as lastSeq of `spike status`.
    #[arg(long, value_name = "NUMBER")]
    seq: Option<u64>,
    /// A signed head that was kept elsewhere: the log must contain exactly this line.
    #[arg(long, value_name = "LINE")]
    head: Option<String>,
    /// The log was collected from standard output: each start begins a new chain.
    #[arg(long)]
    restarts: bool,
    #[command(flatten)]
    format: FormatFlag,
}

const EXAMPLES: &str = "\
Examples:
  spike audit verify audit.log --key \"$(spike status -f json | jq -r .audit.keys)\"
  kubectl logs nexus-0 | grep '\"prev\"' | spike audit verify - --restarts";

impl Args {
    /// Checks them.
    pub(crate) fn run(self) -> Result<(), CliError> {
        let keys = self.key.unwrap_or_default();
        let expected = Expected { seq: self.seq, head: self.head, restarts: self.restarts };
        let reports: Vec<(String, Report)> = self
            .files
            .iter()
            .map(|path| Ok((path.display().to_string(), check(path, &keys, &expected)?)))
            .collect::<Result<_, CliError>>()?;
        let clean = reports.iter().all(|(_, report)| report.is_clean());
        self.format.format.print(&Verified::new(reports, &keys, &expected))?;
        if clean { Ok(()) } else { Err(CliError::Verdict(Exit::Other)) }
    }
}

fn check(path: &Path, keys: &PublicKeys, expected: &Expected) -> Result<Report, CliError> {
    let log: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(|error| unreadable(path, &error))?))
    };
    verify(log, keys, expected).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::usage(
        format!("cannot read {}: {error}", path.display()),
        "Check the file and its permissions.",
    )
}
