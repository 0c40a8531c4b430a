//! `spike dev env`: the environment of a client, for `eval`.

use super::{Place, control, home::Home};
use crate::{
    error::{CliError, Exit},
    output,
};

/// Of the command's help.
pub(super) const EXAMPLES: &str = "\
Examples:
  eval \"$(spike dev env)\"
  eval \"$(spike dev env --role recover)\" && spike operator recover --dir shards";

/// Arguments of `spike dev env`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// The identity to use: superuser, recover, restore, lite, or one that you added.
    #[arg(long, value_name = "NAME", default_value = "superuser", visible_alias = "role")]
    identity: String,
}

/// What the shell evaluates where there is no answer: without it, `eval` of nothing succeeds and the
/// next command goes to the cluster of before.
const NOWHERE: &str = "unset SPIFFE_ENDPOINT_SOCKET SPIKE_NEXUS_API_URL\nfalse";

impl Args {
    pub(super) async fn run(self) -> Result<(), CliError> {
        match self.exports().await {
            Ok(exports) => output::print(&exports),
            Err(error) => {
                output::print(NOWHERE)?;
                Err(error)
            }
        }
    }

    async fn exports(&self) -> Result<String, CliError> {
        let status = control::status(&Home::at(&self.place.dir)?).await?;
        let Some(served) = status.identities.iter().find(|served| served.name == self.identity)
        else {
            let names: Vec<_> = status.identities.iter().map(|s| s.name.as_str()).collect();
            return Err(CliError::new(
                Exit::Missing,
                format!("there is no identity {:?}", self.identity),
                format!("Use one of {}, or add it: `spike dev identity add`.", names.join(", ")),
            ));
        };
        let socket = ("SPIFFE_ENDPOINT_SOCKET".to_owned(), format!("unix://{}", served.socket));
        let variables = status.environment.into_iter().chain([socket]);
        let exports = variables.map(|(name, value)| format!("export {name}={}\n", quoted(&value)));
        let exports: Vec<_> = exports.collect();
        Ok(format!("# {}\nunset SPIKE_INSTANCE\n{}", served.id, exports.concat()))
    }
}

/// A word of a POSIX shell.
fn quoted(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:,@".contains(&b);
    if value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_to_a_shell() {
        assert_eq!(quoted("unix:///a/b.sock"), "unix:///a/b.sock");
        assert_eq!(quoted("/home/o'neill x"), r"'/home/o'\''neill x'");
    }
}
