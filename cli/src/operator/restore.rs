//! `spike operator restore`.

use std::path::PathBuf;

use spike_core::Role;
use zeroize::Zeroizing;

use super::shard::{NotAShard, RecoveryShard};
use crate::{
    context::Context, error::CliError, explain::Doing, input, output, prompt, session::Session,
};

/// Restore SPIKE Nexus (do this if SPIKE Nexus cannot auto-recover).
///
/// Takes the shards that `spike operator recover` saved: from files, or one per line from standard
/// input, or typed one after the other without being shown. They are checked before anything
/// changes. Needs the role restore.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Files with one shard each.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Use SPIKE's own protocol, one call per shard: for a Nexus of SPIKE. All calls must reach the
    /// same replica.
    #[arg(long)]
    one_by_one: bool,
}

const EXAMPLES: &str = "\
Examples:
  spike operator restore spike.recovery.1.txt spike.recovery.3.txt
  spike operator restore                       # asks, shows nothing
  age -d shards.age | spike operator restore   # one shard per line";

impl Args {
    /// Restores it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let shards = self.shards()?;
        let session = context.nexus().await?;
        if self.one_by_one {
            one_by_one(&session, shards).await
        } else {
            all(&session, shards).await?;
            output::print(RESTORED)
        }
    }

    fn shards(&self) -> Result<Vec<RecoveryShard>, CliError> {
        let shards = match self.files.is_empty() {
            false => self.files.iter().map(|path| of_text(&input::file(path)?)).collect(),
            true if prompt::is_possible() => typed(),
            true => lines(&input::stdin()?),
        }?;
        let mut indices: Vec<_> = shards.iter().map(|shard| shard.index).collect();
        indices.sort_unstable();
        match indices.iter().zip(indices.iter().skip(1)).find(|(one, next)| one == next) {
            Some((twice, _)) => Err(CliError::usage(
                format!("shard {twice} is given twice"),
                "Give different shards, at least as many as the threshold.",
            )),
            None if indices.is_empty() => Err(CliError::usage(
                "no recovery shard given",
                "Give it the files that `spike operator recover` wrote, or their text.",
            )),
            None => Ok(shards),
        }
    }
}

const RESTORED: &str = "
  SPIKE is now restored and ready to use.
";

async fn all(session: &Session, shards: Vec<RecoveryShard>) -> Result<(), CliError> {
    let request = RecoveryShard::request(shards);
    let restored = session.nexus.restore_all(&request).await;
    restored.map_err(session.explain(&doing())).map(drop)
}

async fn one_by_one(session: &Session, shards: Vec<RecoveryShard>) -> Result<(), CliError> {
    for shard in shards {
        let answer = session.nexus.restore(shard.index, shard.bytes).await;
        let progress = answer.map_err(session.explain(&doing()))?;
        if progress.restored {
            return output::print(RESTORED);
        }
        output::print(&format!(
            "Shards collected: {}\nShards remaining: {}",
            progress.collected, progress.remaining
        ))?;
    }
    output::print("Run `spike operator restore --one-by-one` again with the remaining shards.")
}

fn doing() -> Doing {
    Doing::as_role(Role::Restore, "restore", "the root key")
        .mend("Give it enough shards of one and the same `spike operator recover`.")
        .conflict(
            "Nexus has its root key: there is nothing to restore",
            "`spike status` shows whether anything else is wrong.",
        )
}

fn of_text(text: &[u8]) -> Result<RecoveryShard, CliError> {
    let text = std::str::from_utf8(text).map_err(|_| refused(NotAShard::Form))?;
    RecoveryShard::parse(text).map_err(refused)
}

fn lines(text: &[u8]) -> Result<Vec<RecoveryShard>, CliError> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(of_text).collect()
}

/// Asks until an empty answer.
fn typed() -> Result<Vec<RecoveryShard>, CliError> {
    let mut shards = Vec::new();
    loop {
        let question = format!("Enter recovery shard {} (empty to end): ", shards.len() + 1);
        let answer: Zeroizing<String> = prompt::hidden(&question, "files")?;
        if answer.trim().is_empty() {
            return Ok(shards);
        }
        shards.push(of_text(answer.as_bytes())?);
    }
}

fn refused(why: NotAShard) -> CliError {
    CliError::usage(why.to_string(), "Give it what `spike operator recover` wrote.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_input_has_one_shard_per_line() {
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let text = format!("spike:1:{one}\r\n\n spike:2:{two}");
        let shards = lines(text.as_bytes()).expect("two shards");
        let indices: Vec<_> = shards.iter().map(|shard| shard.index.get()).collect();
        assert_eq!(indices, [1, 2]);
    }

    #[test]
    fn a_bad_shard_is_not_repeated_in_the_error() {
        let error = lines(b"spike:1:5ec2e7").expect_err("too short");
        assert!(!format!("{error:?}").contains("5ec2e7"), "{error:?}");
    }
}
