//! `key=value` arguments, and where their values come from.

use std::{collections::BTreeMap, convert::Infallible, fmt, path::PathBuf, str::FromStr};

use spike_core::{name, wire::SecretText};
use zeroize::Zeroizing;

use crate::{error::CliError, input, prompt};

/// One argument: a key, and where its value comes from.
///
/// Parsing never fails, so that an error message can't repeat a secret: what is wrong with a key is
/// told by [`read_all`].
#[derive(Clone)]
pub(crate) struct Assignment {
    key: String,
    from: From,
}

#[derive(Clone)]
enum From {
    /// `k=v`, and `k=@@v` for a text that starts with `@`.
    Text(Zeroizing<String>),
    /// `k=@file`.
    File(PathBuf),
    /// `k=-`.
    Stdin,
    /// `k`.
    Prompt,
}

impl FromStr for Assignment {
    type Err = Infallible;

    fn from_str(raw: &str) -> Result<Self, Infallible> {
        let Some((key, value)) = raw.split_once('=') else {
            return Ok(Self { key: raw.to_owned(), from: From::Prompt });
        };
        let from = match value.strip_prefix('@') {
            Some(text) if text.starts_with('@') => From::Text(text.to_owned().into()),
            Some(file) => From::File(file.into()),
            None if value == "-" => From::Stdin,
            None => From::Text(value.to_owned().into()),
        };
        Ok(Self { key: key.to_owned(), from })
    }
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Reads every value. Nothing is read before all keys are right.
pub(crate) fn read_all(
    arguments: Vec<Assignment>,
) -> Result<BTreeMap<String, SecretText>, CliError> {
    check(&arguments)?;
    arguments
        .into_iter()
        .map(|Assignment { key, from }| from.read(&key).map(|value| (key, value)))
        .collect()
}

fn check(arguments: &[Assignment]) -> Result<(), CliError> {
    let mut seen = Vec::new();
    for Assignment { key, .. } in arguments {
        name::check(key).map_err(|wrong| {
            CliError::usage(
                format!("a key is not a name: {wrong}"),
                "Write each value as <key>=<value>; quote it if the shell would split it.",
            )
        })?;
        if seen.contains(&key) {
            return Err(CliError::usage(format!("the key {key} is given twice"), "Keep one."));
        }
        seen.push(key);
    }
    match arguments.iter().filter(|argument| matches!(argument.from, From::Stdin)).count() {
        0 | 1 => Ok(()),
        _ => Err(CliError::usage(
            "standard input can give one value only",
            "Use <key>=@<file> for the others.",
        )),
    }
}

impl From {
    fn read(self, key: &str) -> Result<SecretText, CliError> {
        match self {
            Self::Text(mut text) => Ok(std::mem::take(&mut *text).into()),
            Self::File(path) => text(key, &input::file(&path)?),
            Self::Stdin => text(key, &input::stdin()?),
            Self::Prompt => {
                prompt::hidden(&format!("{key}: "), &format!("{key}=@<file> or {key}=-"))
                    .map(|mut answer| std::mem::take(&mut *answer).into())
            }
        }
    }
}

fn text(key: &str, bytes: &[u8]) -> Result<SecretText, CliError> {
    std::str::from_utf8(bytes).map(SecretText::from).map_err(|_| {
        CliError::usage(
            format!("the value of {key} is not UTF-8 text"),
            "Encode it first, such as with base64.",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(arguments: &[&str]) -> Result<BTreeMap<String, String>, CliError> {
        let parsed = arguments.iter().map(|raw| raw.parse().expect("infallible")).collect();
        let values = read_all(parsed)?;
        Ok(values.into_iter().map(|(key, value)| (key, value.as_str().to_owned())).collect())
    }

    fn one(argument: &str) -> Result<String, CliError> {
        Ok(read(&[argument])?.into_values().collect())
    }

    #[test]
    fn a_value_may_have_equals_signs_and_be_empty() {
        assert_eq!(one("k=a=b="), Ok("a=b=".to_owned()));
        assert_eq!(one("k="), Ok(String::new()));
    }

    #[test]
    fn a_second_at_sign_is_a_literal_one() {
        assert_eq!(one("k=@@home"), Ok("@home".to_owned()));
        assert_eq!(one("k=a@b"), Ok("a@b".to_owned()));
    }

    #[test]
    fn a_file_is_taken_to_the_last_byte() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all("pass\nwörd\n".as_bytes()).expect("written");
        let argument = format!("k=@{}", file.path().display());
        assert_eq!(one(&argument), Ok("pass\nwörd\n".to_owned()));

        file.write_all(b"\xff").expect("written");
        assert!(one(&argument).is_err_and(|e| e.to_string().contains("not UTF-8")));
    }

    #[test]
    fn no_error_repeats_what_may_be_a_secret() {
        for arguments in [["hunter2/=x", "a=b"], ["k=hunter2", "k=hunter2"]] {
            let error = read(&arguments).expect_err("a wrong key");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
        let argument: Assignment = "k=hunter2".parse().expect("infallible");
        assert_eq!(format!("{argument:?}"), "[redacted]");
    }

    #[test]
    fn standard_input_is_read_once() {
        assert!(read(&["a=-", "b=-"]).is_err_and(|e| e.to_string().contains("one value only")));
    }
}
