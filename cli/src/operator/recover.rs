//! `spike operator recover`.

pub(crate) mod folder;
pub(crate) mod parcel;

use std::path::PathBuf;

use spike_client::ClientError;
use spike_core::{Role, wire::v2::escrow::RecoverRequest};

use crate::{context::Context, error::CliError, explain::Doing, input, output, prompt};
use folder::Folder;
use parcel::{Parcel, Set};

/// Save recovery shards (do this while SPIKE Nexus is healthy).
///
/// Writes one file per shard, readable by you alone. Any threshold of them brings the root key back
/// after everything else is lost. Where custodians were named, each shard is encrypted to its
/// custodian's age key: spike.recovery.INDEX.age, safe to send. Else it is in plain:
/// spike.recovery.INDEX.txt. The same shards come as often as you ask. Needs the role recover.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(long, value_name = "DIR", help = FOLDER)]
    dir: Option<PathBuf>,
    /// Make a new set. Nexus refuses the shards given out before from then on; collect and destroy
    /// them, since a threshold of them still makes the root key.
    #[arg(long)]
    new_set: bool,
    /// A custodian's age public key (age1…), once per custodian: the new set is for these [default:
    /// those of the last set].
    #[arg(long, value_name = "AGE_KEY", requires = "new_set")]
    recipient: Vec<String>,
    /// A file with the custodians' age public keys, between commas or line breaks.
    #[arg(long, value_name = "FILE", requires = "new_set", conflicts_with = "recipient")]
    recipients_file: Option<PathBuf>,
    /// Don't ask.
    #[arg(short, long)]
    yes: bool,
}

const FOLDER: &str = "The folder to write to, made if it is missing \
    [default: recover in SPIKE_PILOT_RECOVERY_DIR, or ~/.spike/recover]";

const EXAMPLES: &str = "\
Files that are there already are never overwritten: move them to a safe place first.

Examples:
  spike operator recover
  spike operator recover --dir /media/usb/spike
  spike operator recover --new-set --recipients-file custodians.txt --dir to-send";

impl Args {
    /// Saves them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        // Before a shard leaves Nexus there must be a place for it.
        let wanted = RecoverRequest { new_set: self.new_set, recipients: self.recipients()? };
        let folder = Folder::prepare(self.dir)?;
        if self.new_set && !self.yes {
            prompt::confirm("Make a new set? Nexus will refuse the shards of before.")?;
        }
        let session = context.nexus().await?;
        let shards = match &self.recipients_file {
            Some(file) => format!("recovery shards for the custodians in {}", file.display()),
            None => "recovery shards".to_owned(),
        };
        let doing = Doing::as_role(&[Role::Recover], "take", shards)
            .mend("Correct the list of custodians: one age public key (age1…) for each of them.");
        let given = session.nexus.recover(&wanted).await.map_err(|error| match error {
            // Nothing of the request without custodians can be wrong.
            ClientError::BadRequest { code, detail } if wanted.recipients.is_empty() => {
                ClientError::Conflict { code, detail }
            }
            error => error,
        });
        let set = Set::of(given.map_err(session.explain(&doing))?);
        folder.save(&set.parcels)?;
        output::print(&told(&set, &folder))
    }

    fn recipients(&self) -> Result<Vec<String>, CliError> {
        let recipients = self.named()?;
        match recipients.iter().position(|given| is_secret(given)) {
            None => Ok(recipients),
            Some(at) => Err(CliError::usage(
                format!("{} is a secret key; nothing was sent", self.nth(at + 1)),
                "Give its public one (`age-keygen -y` shows it), and make another: this one was \
                 written where it doesn't belong.",
            )),
        }
    }

    fn nth(&self, number: usize) -> String {
        match &self.recipients_file {
            Some(file) => format!("{}: recipient {number}", file.display()),
            None => format!("recipient {number}"),
        }
    }

    fn named(&self) -> Result<Vec<String>, CliError> {
        let Some(path) = &self.recipients_file else { return Ok(self.recipient.clone()) };
        let bytes = input::file(path)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let recipients: Vec<_> = entries(text).map(str::to_owned).collect();
        if recipients.is_empty() {
            return Err(CliError::usage(
                format!("{} names no custodian", path.display()),
                "Write the age public keys (age1…) between commas or line breaks.",
            ));
        }
        Ok(recipients)
    }
}

/// Nexus would refuse it too, but then it has left this machine.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("age-secret-key-") || key.starts_with("age-plugin-")
}

/// As Nexus reads `SPIKE_BOOTSTRAP_RECIPIENTS`.
fn entries(list: &str) -> impl Iterator<Item = &str> {
    let lines = list.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|entry| !entry.is_empty())
}

fn told(set: &Set, folder: &Folder) -> String {
    let file = |parcel: &Parcel| match parcel {
        Parcel::Plain(_) => folder.file(parcel).display().to_string(),
        Parcel::For { recipient, .. } => {
            format!("{} for {recipient}", folder.file(parcel).display())
        }
    };
    let files: Vec<_> = set.parcels.iter().map(file).collect();
    let Set { number, shares, threshold, .. } = set;
    format!(
        "
  SPIKE Recovery shards saved to the recovery directory:
  {}

  This is set {number}: any {threshold} of these {shares} shards restore SPIKE Nexus.
  It refuses those of every other set.

  One shard per file:
    {}

{}
  If you lose these shards, you will not be able to recover
  SPIKE Nexus in the unlikely event of a total system crash.
",
        folder.path().display(),
        files.join("\n    "),
        if set.is_encrypted() { SEND } else { HIDE }
    )
}

const HIDE: &str = "  Please make sure that:
    1. You encrypt these shards and keep them safe.
    2. Securely erase the shards from the
       recovery directory after you encrypt them
       and save them to a safe location.
";

const SEND: &str = "  Each file can be read by its custodian alone. Please make sure that:
    1. Every custodian gets and keeps their own file.
    2. Every custodian tries it from time to time:
       spike operator drill --each --identity KEY FILE
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custodians_are_listed_as_for_a_bootstrap() {
        let list = "# the board, since May\n age1a , age1b,\n\nage1c\r\n#age1d,age1e";
        assert_eq!(entries(list).collect::<Vec<_>>(), ["age1a", "age1b", "age1c"]);
    }
}
