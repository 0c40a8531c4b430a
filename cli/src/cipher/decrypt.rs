//! `spike cipher decrypt`.

use spike_core::wire::{self, Base64, v1::CipherDecryptRequest};
use zeroize::Zeroizing;

use super::{Files, write};
use crate::{
    context::Context,
    error::CliError,
    explain::Doing,
    input,
    output::{self, Paint},
    session::Session,
};

/// Decrypt file or stdin via SPIKE Nexus.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    files: Files,
    /// JSON mode: the input is what `spike cipher encrypt --json` printed.
    #[arg(long, conflicts_with = "parts")]
    json: bool,
    #[command(flatten)]
    parts: Option<Parts>,
}

/// JSON mode with the parts as flags.
#[derive(Debug, clap::Args)]
#[group(id = "parts", multiple = true, conflicts_with = "file")]
struct Parts {
    /// Version byte (0-255) for JSON mode.
    #[arg(long, value_name = "N", requires_all = ["nonce", "ciphertext"], required = false)]
    version: u8,
    /// Nonce (base64) for JSON mode.
    #[arg(long, value_name = "BASE64", requires_all = ["version", "ciphertext"], required = false)]
    nonce: String,
    /// Ciphertext (base64) for JSON mode.
    #[arg(long, value_name = "BASE64", requires_all = ["version", "nonce"], required = false)]
    ciphertext: String,
}

const EXAMPLES: &str = "\
Examples:
  spike cipher decrypt -f report.pdf.enc -o report.pdf
  spike cipher decrypt --json < token.json
  spike cipher decrypt --version 1 --nonce \"$NONCE\" --ciphertext \"$CIPHERTEXT\"";

impl Args {
    /// Decrypts it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), CliError> {
        let sealed = self.sealed()?;
        let session = context.nexus().await?;
        let plaintext = sealed.open(&session).await?;
        if self.files.out.is_none() && output::is_terminal() {
            return output::print(&shown(&plaintext, Paint::of_stdout())?);
        }
        write(self.files.out.as_deref(), &plaintext)
    }

    fn sealed(&self) -> Result<Sealed, CliError> {
        if let Some(parts) = &self.parts {
            return parts.request().map(Sealed::Parts);
        }
        let bytes = input::file_or_stdin(self.files.file.as_deref())?;
        if !self.json {
            return Ok(Sealed::Piece(bytes.to_vec()));
        }
        wire::decode(&bytes).map(Sealed::Parts).map_err(|why| {
            CliError::usage(
                format!("the input is not a JSON ciphertext: {why}"),
                "Give it what `spike cipher encrypt --json` printed, or leave --json out.",
            )
        })
    }
}

/// A ciphertext in one of its two forms.
enum Sealed {
    Piece(Vec<u8>),
    Parts(CipherDecryptRequest),
}

impl Sealed {
    async fn open(self, session: &Session) -> Result<Zeroizing<Vec<u8>>, CliError> {
        let doing = Doing::new("decrypt", "the data")
            .mend("Check that it is whole, in this form, and was encrypted by this cluster.");
        let opened = match self {
            Self::Piece(piece) => session.nexus.decrypt_stream(piece).await,
            Self::Parts(parts) => {
                session.nexus.decrypt(&parts).await.map(|p| p.as_slice().to_vec().into())
            }
        };
        opened.map_err(session.explain(&doing))
    }
}

impl Parts {
    fn request(&self) -> Result<CipherDecryptRequest, CliError> {
        Ok(CipherDecryptRequest {
            version: self.version,
            nonce: base64("--nonce", &self.nonce)?,
            ciphertext: base64("--ciphertext", &self.ciphertext)?,
            algorithm: String::new(),
        })
    }
}

/// A plaintext for a person. Whoever encrypted it chose its bytes.
fn shown(plaintext: &[u8], paint: Paint) -> Result<Zeroizing<String>, CliError> {
    std::str::from_utf8(plaintext).map(|text| paint.harmless(text)).map_err(|_| {
        CliError::usage("the data is not text, and would go to a terminal", "Use --out <file>.")
    })
}

fn base64(flag: &str, text: &str) -> Result<Base64, CliError> {
    Base64::from_base64(text).map_err(|why| {
        CliError::usage(format!("{flag}: {why}"), "Copy it whole, with its = at the end.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_text_and_nothing_that_steers_it() {
        let text = shown(b"a\x1b[2Jb\n", Paint::TERMINAL).expect("text");
        assert_eq!(text.as_str(), "a\\u{1b}[2Jb\n");
        let refused = shown(b"\xff\x00", Paint::TERMINAL).expect_err("bytes");
        assert!(refused.to_string().contains("not text"), "{refused}");
    }
}
