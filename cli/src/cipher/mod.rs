//! `spike cipher`.

mod decrypt;
mod encrypt;

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Subcommand;

use crate::{context::Context, error::CliError, output};

/// Of the group's help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  spike cipher encrypt -f report.pdf -o report.pdf.enc
  spike cipher decrypt -f report.pdf.enc -o report.pdf";

/// Commands that encrypt and decrypt without storing anything.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Encrypt(encrypt::Args),
    Decrypt(decrypt::Args),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Encrypt(args) => args.run(context).await,
            Self::Decrypt(args) => args.run(context).await,
        }
    }
}

/// From where and to where.
#[derive(Debug, clap::Args)]
struct Files {
    /// Input file (default: stdin).
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Output file, readable by you alone if it is new (default: stdout).
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Algorithm hint of SPIKE; Nexus doesn't look at it.
    #[arg(long, hide = true)]
    algorithm: Option<String>,
}

impl Files {
    /// Refuses to write bytes to a terminal, before anything is read or asked.
    fn not_to_a_terminal(&self, terminal: bool) -> Result<(), CliError> {
        match &self.out {
            None if terminal => Err(CliError::usage(
                "the result is bytes, and would go to a terminal",
                "Use --out <file>, a pipe, or --json.",
            )),
            _ => Ok(()),
        }
    }
}

/// Writes a result; nothing is touched before there is one.
fn write(file: Option<&Path>, bytes: &[u8]) -> Result<(), CliError> {
    let Some(path) = file else { return output::write(bytes) };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| {
        CliError::other(
            format!("cannot write {}: {error}", path.display()),
            "Check the folder and its permissions, or choose another --out.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_to_files_and_pipes_only() {
        let to =
            |out: Option<&str>| Files { file: None, out: out.map(PathBuf::from), algorithm: None };
        assert!(to(None).not_to_a_terminal(true).is_err());
        assert_eq!(to(None).not_to_a_terminal(false), Ok(()));
        assert_eq!(to(Some("x.enc")).not_to_a_terminal(true), Ok(()));
    }
}
