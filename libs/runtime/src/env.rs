//! Settings from environment variables: all read once, all problems told at once.
//!
//! A reader never stops at the first mistake and never falls back silently: it notes the problem,
//! returns the default so that reading goes on, and [`Env::finish`] refuses to start. It isn't a
//! configuration language: one variable is one value, and nothing is read from the process again.

mod duration;
mod known;
mod listen;
mod problem;
#[cfg(test)]
mod tests;
mod text;

use std::{collections::BTreeMap, fmt::Display, fs, path::PathBuf, str::FromStr, time::Duration};

use url::Url;
use zeroize::Zeroizing;

pub use duration::{InvalidDuration, parse_duration};
pub use known::Unknown;
pub use listen::{InvalidListen, Listen};
pub use problem::{ConfigErrors, Problem};

/// The environment of a process, and what was found wrong with it so far.
///
/// An empty variable counts as an absent one, as in SPIKE.
pub struct Env {
    variables: BTreeMap<String, Zeroizing<String>>,
    problems: Vec<Problem>,
}

impl Env {
    /// The environment of this process. Variables that aren't UTF-8 are noted as problems.
    pub fn from_process() -> Self {
        let mut env = Self::from_iter([]);
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| known::is_ours(name)) else { continue };
            match value.into_string() {
                Ok(value) => drop(env.variables.insert(name.to_owned(), value.into())),
                Err(_) => env.refuse(name, "it isn't UTF-8", "Set it to plain text."),
            }
        }
        env
    }

    /// Notes a problem that only the caller can see, such as two settings that contradict.
    ///
    /// `problem` and `remedy` are shown to the operator; neither may hold a secret.
    pub fn refuse(&mut self, name: &str, problem: impl Display, remedy: impl Display) {
        // A value with an `@` may be a URL with a password, wherever it was put.
        let shown = |value: &&str| !known::is_secret(name) && !value.contains('@');
        let value = self.raw(name).filter(shown).map(str::to_owned);
        self.problems.push(Problem {
            name: name.to_owned(),
            value,
            problem: problem.to_string(),
            remedy: remedy.to_string(),
        });
    }

    /// True if something was found wrong with the variable so far.
    pub fn is_refused(&self, name: &str) -> bool {
        self.problems.iter().any(|problem| problem.name == name)
    }

    /// True if the variable is set and not empty.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The variable's text, or the default.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.raw(name).unwrap_or(default).to_owned()
    }

    /// The variable's text, if it is set.
    pub fn maybe(&self, name: &str) -> Option<String> {
        self.raw(name).map(str::to_owned)
    }

    /// The variable as a `T`, if it is set (and right). `remedy` says what would be right.
    pub fn parse_maybe<T: FromStr<Err: Display>>(&mut self, name: &str, remedy: &str) -> Option<T> {
        self.parse_with(name, str::parse, remedy)
    }

    /// The variable through a parser of one's own.
    pub fn parse_with<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        remedy: &str,
    ) -> Option<T> {
        match parse(self.raw(name)?) {
            Ok(value) => Some(value),
            Err(error) => {
                let remedy = text::remedy(self.raw(name).unwrap_or_default(), remedy);
                self.refuse(name, error, remedy);
                None
            }
        }
    }

    /// A whole number between `least` and `most`.
    pub fn number(&mut self, name: &str, default: u64, least: u64, most: u64) -> u64 {
        let parse = |raw: &str| raw.parse().ok().filter(|n| (least..=most).contains(n)).ok_or(());
        let Some(raw) = self.raw(name) else { return default };
        parse(raw).unwrap_or_else(|()| {
            let remedy = format!("Use a whole number from {least} to {most}, such as {default}.");
            self.refuse(name, "not a number in range", remedy);
            default
        })
    }

    /// A Go duration such as `20s`, `500ms` or `1h2m3.5s`.
    pub fn duration(&mut self, name: &str, default: Duration) -> Duration {
        self.parse_with(name, parse_duration, text::DURATION).unwrap_or(default)
    }

    /// A Go listen address such as `:8553`, `127.0.0.1:8553` or `[::1]:8553`.
    pub fn listen(&mut self, name: &str, default: &str) -> Listen {
        let default = default.parse().expect("a default is a constant of the program");
        self.parse_with(name, str::parse, text::LISTEN).unwrap_or(default)
    }

    /// A boolean as Go reads it: `1`, `t`, `true`, `0`, `f`, `false`, also in capitals.
    pub fn boolean(&mut self, name: &str, default: bool) -> bool {
        self.parse_with(name, text::boolean, text::BOOLEAN).unwrap_or(default)
    }

    /// One of a few words, whatever their case.
    pub fn choice<T: Copy>(&mut self, name: &str, default: T, choices: &[(&str, T)]) -> T {
        let Some(raw) = self.raw(name) else { return default };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(raw));
        if let Some((_, value)) = found {
            return *value;
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        self.refuse(name, "not one of the choices", format!("Use one of {}.", words.join(", ")));
        default
    }

    /// One https URL.
    pub fn url(&mut self, name: &str, default: &str) -> Url {
        let default = Url::parse(default).expect("a default is a constant of the program");
        self.parse_with(name, text::https, text::URL).unwrap_or(default)
    }

    /// A comma-separated list of different https URLs, in order; empty if the variable is absent.
    pub fn urls(&mut self, name: &str) -> Vec<Url> {
        self.parse_with(name, text::https_list, text::URLS).unwrap_or_default()
    }

    /// A comma-separated list of words, trimmed; the default if the variable is absent.
    pub fn words(&self, name: &str, default: &[&str]) -> Vec<String> {
        match self.raw(name) {
            None => default.iter().map(|&word| word.to_owned()).collect(),
            Some(raw) => raw
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The path of a file that exists and can be read.
    pub fn file(&mut self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.raw(name)?);
        match fs::File::open(&path).and_then(|file| file.metadata()) {
            Ok(found) if found.is_file() => Some(path),
            Ok(_) => {
                self.refuse(name, "not a file", text::FILE);
                None
            }
            Err(error) => {
                self.refuse(name, format!("can't be read: {error}"), text::FILE);
                None
            }
        }
    }

    /// A value that may be secret: from the variable, or from the file that `<name>_FILE` names.
    ///
    /// A file's last line break is dropped. Both variables at once are refused: which one counts
    /// would be a guess.
    pub fn secret(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let by_file = format!("{name}_FILE");
        match (self.has(name), self.has(&by_file)) {
            (true, true) => {
                self.refuse(&by_file, format!("{name} is set as well"), "Unset one of them.");
                None
            }
            (true, false) => self.variables.get(name).cloned(),
            (false, true) => self.contents(&by_file),
            (false, false) => None,
        }
    }

    fn contents(&mut self, by_file: &str) -> Option<Zeroizing<String>> {
        let path = self.file(by_file)?;
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => {
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Some(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
            }
            Err(error) => {
                self.refuse(by_file, format!("can't be read: {error}"), text::FILE);
                None
            }
        }
    }

    /// The `SPIKE_*` variables that no Spike program reads, each with the name it may stand for.
    pub fn unknown(&self) -> Vec<Unknown> {
        self.variables.iter().filter_map(|(name, value)| known::unknown(name, value)).collect()
    }

    /// Warns of unknown `SPIKE_*` variables; then refuses if any value was wrong.
    ///
    /// Call it after the last variable was read and after logs are set up.
    pub fn finish(self) -> Result<(), ConfigErrors> {
        for unknown in self.unknown() {
            tracing::warn!("{unknown}");
        }
        ConfigErrors::of(self.problems)
    }

    fn raw(&self, name: &str) -> Option<&str> {
        debug_assert!(known::is_known(name), "{name} is missing in env/known.rs");
        self.variables.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Env {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name, value.into())).collect();
        Self { variables, problems: Vec::new() }
    }
}
