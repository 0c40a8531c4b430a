//! `spike cipher encrypt`.

use spike_core::wire::{self, SecretBytes};

use super::{Files, write};
use crate::{context::Context, error::CliError, explain::Doing, input};

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
        let plaintext = match &self.plaintext {
            Some(base64) => SecretBytes::from_base64(base64).map_err(|why| {
                CliError::usage(format!("--plaintext: {why}"), "Use base64, or -f <file>.")
            })?,
            None => input::file_or_stdin(self.files.file.as_deref())?.into(),
        };
        let session = context.nexus().await?;
        let doing = Doing::new("encrypt", "the data");
        let out = self.files.out.as_deref();
        if self.json || self.plaintext.is_some() {
            let parts = session.nexus.encrypt(plaintext).await.map_err(session.explain(&doing))?;
            let mut json = wire::encode(&parts);
            json.push(b'\n');
            return write(out, &json);
        }
        let bytes = plaintext.as_slice().to_vec().into();
        let piece = session.nexus.encrypt_stream(bytes).await.map_err(session.explain(&doing))?;
        write(out, &piece)
    }
}
