//! `kubectl spike report`.

mod bundle;
mod collect;
mod redact;

use std::path::PathBuf;

use jiff::{Timestamp, tz::TimeZone};
use spike_cli::{CliError, output};

use crate::place::Place;
use bundle::Bundle;
use collect::Collector;

/// Collect what a bug report needs, in one file, without secrets.
///
/// In it: the cluster's resource and what is made of it, pods, events, logs, what each Nexus says of
/// itself, the operator's pods and logs, versions. Never in it: Secrets, values of environment
/// variables that nobody knows to be harmless, annotations of others, paths and principals of audit
/// lines; and what looks like a password, a token, a key or a recovery shard is replaced wherever it
/// stands. Look at it before you send it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The file to write [default: spike-report-NAMESPACE-NAME-TIME.tar.gz].
    #[arg(short, long, value_name = "FILE", conflicts_with = "dir")]
    output: Option<PathBuf>,
    /// A folder to write instead, which must not be there yet.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How many lines of each log.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    log_lines: i64,
    /// The operator's namespace.
    #[arg(long, value_name = "NAME", default_value = "spike-system")]
    operator_namespace: String,
}

const EXAMPLES: &str = "\
Examples:
  kubectl spike report -c demo
  kubectl spike report -c demo --dir report && less report/status.txt";

impl Args {
    /// Collects and writes it.
    pub(crate) async fn run(self, place: &Place) -> Result<(), CliError> {
        let Self { output, dir, log_lines, operator_namespace } = self;
        let collector = Collector { place, log_lines, operator_namespace: &operator_namespace };
        let bundle = collector.collect().await;
        let (to, written) = if let Some(dir) = dir {
            (dir.clone(), bundle.write_folder(&dir))
        } else {
            let file = output.unwrap_or_else(|| PathBuf::from(name(place, Timestamp::now())));
            (file.clone(), bundle.write_file(&file))
        };
        written.map_err(|error| {
            CliError::other(
                format!("cannot write {}: {error}", to.display()),
                "Name another place with --output or --dir.",
            )
        })?;
        output::print(&told(&bundle, &to.display().to_string()))
    }
}

fn name(place: &Place, now: Timestamp) -> String {
    let names = &place.names;
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ");
    format!("spike-report-{}-{}-{time}.tar.gz", names.namespace, names.cluster)
}

fn told(bundle: &Bundle, to: &str) -> String {
    let files = bundle.files();
    let mut text = format!("{to} has {files} files. Look at them before you send them.");
    if !bundle.unread().is_empty() {
        text.push_str("\nNot collected (in unread.txt, too):");
        for what in bundle.unread() {
            text.push_str("\n  ");
            text.push_str(what);
        }
    }
    text
}
