//! `spike cipher encrypt`.

use spike_core::wire::{self, SecretBytes};
use zeroize::Zeroizing;

use super::{Files, write};
use crate::{context::Context, error::CliError, explain::Doing, input, output, session::Session};

/// Encrypt file or stdin via SPIKE Nexus.
///
/// The result is bytes (version, nonce, ciphertext with its tag) or, in JSON mode, their parts in
/// base64. `spike cipher decrypt` takes both.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// JSON mode: print version, nonce and ciphertext.
    #[arg(long)]
    json: bool,
    /// Base64 plaintext, JSON mode. Other users may see it in the list of processes: for a real
    /// secret use --json and a file or stdin.
    #[arg(long, value_name = "BASE64", conflicts_with = "file")]
    plaintext: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  spike cipher encrypt -f report.pdf -o report.pdf.enc
  printf %s \"$TOKEN\" | spike cipher encrypt --json > token.json";

impl Args {
    /// Encrypts it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        if !self.json && self.plaintext.is_none() {
            self.files.not_to_a_terminal(output::is_terminal())?;
        }
        let plain = self.plain()?;
        let session = context.nexus().await?;
        let sealed = plain.seal(&session).await?;
        write(self.files.out.as_deref(), &sealed)
    }

    fn plain(&self) -> Result<Plain, CliError> {
        if let Some(base64) = &self.plaintext {
            return SecretBytes::from_base64(base64).map(Plain::Parts).map_err(|why| {
                CliError::usage(format!("--plaintext: {why}"), "Use base64, or -f <file>.")
            });
        }
        let bytes = input::file_or_stdin(self.files.file.as_deref())?;
        Ok(if self.json { Plain::Parts(bytes.into()) } else { Plain::Piece(bytes) })
    }
}

/// A plaintext, by the form that its ciphertext shall have.
enum Plain {
    Piece(Zeroizing<Vec<u8>>),
    Parts(SecretBytes),
}

impl Plain {
    async fn seal(self, session: &Session) -> Result<Vec<u8>, CliError> {
        let doing = Doing::new("encrypt", "the data").mend(
            "It may be too long: SPIKE_NEXUS_CRYPTO_MAX_CIPHERTEXT_SIZE of Nexus is the limit.",
        );
        let sealed = match self {
            Self::Piece(bytes) => session.nexus.encrypt_stream(bytes).await,
            Self::Parts(bytes) => session.nexus.encrypt(bytes).await.map(|parts| {
                let json = wire::encode(&parts);
                [json.as_slice(), b"\n"].concat()
            }),
        };
        sealed.map_err(session.explain(&doing))
    }
}
