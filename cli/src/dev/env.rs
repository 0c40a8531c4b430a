//! `spike dev env`: the environment of a client, for `eval`.

use super::{Place, control, home::Home};
use crate::{
    error::{CliError, Exit},
    output,
};

/// Arguments of `spike dev env`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// The identity to use: superuser, recover, restore, lite, or one that you added.
    #[arg(long, value_name = "NAME", default_value = "superuser", alias = "role")]
    identity: String,
}

impl Args {
    pub(super) async fn run(self) -> Result<(), CliError> {
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
        let export = |(name, value): (String, String)| match name.as_str() {
            "SPIFFE_ENDPOINT_SOCKET" => {
                format!("export {name}=unix://{}\n", quoted(&served.socket))
            }
            _ => format!("export {name}={}\n", quoted(&value)),
        };
        let exports: Vec<_> = status.environment.into_iter().map(export).collect();
        output::print(&format!("# {}\nunset SPIKE_INSTANCE\n{}", served.id, exports.concat()))
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
