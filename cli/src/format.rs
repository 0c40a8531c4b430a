//! Forms of output: for people, for scripts.

use clap::ValueEnum;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use zeroize::Zeroizing;

use crate::{
    error::CliError,
    output::{self, Paint},
};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[value(alias = "h")]
    Human,
    /// For people, never in colour.
    #[value(alias = "p")]
    Plain,
    /// JSON, keys sorted.
    #[value(alias = "j")]
    Json,
    /// YAML, keys sorted.
    #[value(alias = "y")]
    Yaml,
}

/// The flag that chooses a [`Format`].
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct FormatFlag {
    /// Output format: human/h/plain/p, json/j, or yaml/y.
    #[arg(short, long, value_enum, default_value = "human", hide_possible_values = true)]
    pub(crate) format: Format,
}

/// An answer that can be printed in every form.
pub(crate) trait View: Serialize {
    /// What JSON is indented with. SPIKE's `secret get` uses four spaces, all else two.
    const INDENT: &str = "  ";

    /// The text for people.
    fn human(&self, paint: Paint) -> Zeroizing<String>;
}

impl Format {
    /// Prints an answer.
    pub(crate) fn print<V: View>(self, view: &V) -> Result<(), CliError> {
        output::print(&self.render(view, Paint::of_stdout())?)
    }

    /// The text of an answer.
    pub(crate) fn render<V: View>(
        self,
        view: &V,
        paint: Paint,
    ) -> Result<Zeroizing<String>, CliError> {
        match self {
            Self::Human => Ok(view.human(paint)),
            Self::Plain => Ok(view.human(paint.plain())),
            Self::Json => json(view),
            Self::Yaml => serde_yaml::to_string(view).map(Zeroizing::new).map_err(unprintable),
        }
    }
}

fn json<V: View>(view: &V) -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(Vec::new());
    let pretty = PrettyFormatter::with_indent(V::INDENT.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut *text, pretty);
    view.serialize(&mut serializer).map_err(unprintable)?;
    String::from_utf8(std::mem::take(&mut *text)).map(Zeroizing::new).map_err(unprintable)
}

fn unprintable(error: impl std::fmt::Display) -> CliError {
    CliError::other(format!("cannot print the answer: {error}"), "Try another --format.")
}
