//! Secrets, their paths and their metadata.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use serde::Serialize;
use spike_core::wire::{
    SecretText, Time,
    v1::{Metadata, SecretMetadataResponse, VersionInfo},
};
use zeroize::Zeroizing;

use crate::{format::View, output::Paint};

/// All values of a secret.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub(crate) BTreeMap<String, SecretText>);

/// One value of a secret.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Value(pub(crate) SecretText);

/// Paths, sorted.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Paths(pub(crate) Vec<String>);

impl View for Secret {
    const INDENT: &str = "    ";

    fn human(&self, paint: Paint) -> Zeroizing<String> {
        let shown = |(key, value): (&String, &SecretText)| {
            (paint.harmless(key), paint.harmless(value.as_str()))
        };
        let shown: Vec<_> = self.0.iter().map(shown).collect();
        let length = shown.iter().map(|(key, value)| key.len() + value.len() + 3).sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        for (key, value) in &shown {
            text.extend([key.as_str(), ": ", value.as_str(), "\n"]);
        }
        text
    }
}

impl View for Value {
    const INDENT: &str = "    ";

    fn human(&self, paint: Paint) -> Zeroizing<String> {
        paint.harmless(self.0.as_str())
    }
}

impl View for Paths {
    fn human(&self, _: Paint) -> Zeroizing<String> {
        if self.0.is_empty() {
            return Zeroizing::new("No secrets found.".to_owned());
        }
        Zeroizing::new(self.0.iter().fold(String::new(), |text, path| text + "- " + path + "\n"))
    }
}

impl View for SecretMetadataResponse {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        let mut text = String::new();
        write_metadata(&mut text, self, paint).expect("a String takes all text");
        Zeroizing::new(text)
    }
}

fn write_metadata(to: &mut String, all: &SecretMetadataResponse, paint: Paint) -> fmt::Result {
    let rule = "-".repeat(50);
    let Metadata { current_version, oldest_version, created_time, updated_time, max_versions } =
        &all.metadata;
    writeln!(to, "{}\n{rule}", paint.bold("Metadata:"))?;
    writeln!(to, "Current Version : {current_version}")?;
    writeln!(to, "Oldest Version  : {oldest_version}")?;
    writeln!(to, "Created Time    : {}", shown(*created_time))?;
    writeln!(to, "Last Updated    : {}", shown(*updated_time))?;
    writeln!(to, "Max Versions    : {max_versions}\n{rule}")?;
    if all.versions.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n{}\n{rule}", paint.bold("Secret Versions:"))?;
    for (number, VersionInfo { created_time, deleted_time, .. }) in &all.versions {
        writeln!(to, "Version {number}:\n  Created: {}", shown(*created_time))?;
        if let Some(deleted) = deleted_time {
            writeln!(to, "  Deleted: {}", shown(*deleted))?;
        }
        writeln!(to, "{rule}")?;
    }
    Ok(())
}

fn shown(time: Time) -> impl fmt::Display {
    time.0.strftime("%Y-%m-%d %H:%M:%S UTC")
}

#[cfg(test)]
mod tests {
    use spike_core::wire;

    use super::*;
    use crate::format::Format;

    fn secret() -> Secret {
        let values = [("user", "root"), ("pass", "p\"1<&>")];
        Secret(values.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect())
    }

    fn render<V: View>(format: Format, view: &V) -> String {
        format.render(view, Paint::PLAIN).expect("printable").to_string()
    }

    #[test]
    fn a_secret_is_sorted_in_every_format() {
        assert_eq!(render(Format::Human, &secret()), "pass: p\"1<&>\nuser: root\n");
        assert_eq!(
            render(Format::Json, &secret()),
            "{\n    \"pass\": \"p\\\"1<&>\",\n    \"user\": \"root\"\n}"
        );
        assert_eq!(render(Format::Yaml, &secret()), "pass: p\"1<&>\nuser: root\n");
    }

    #[test]
    fn one_value_is_only_itself() {
        assert_eq!(render(Format::Human, &Value("p1".into())), "p1");
        assert_eq!(render(Format::Json, &Value("p\n1".into())), "\"p\\n1\"");
    }

    #[test]
    fn a_value_cannot_steer_a_terminal() {
        let all = Secret(BTreeMap::from([("k".to_owned(), "\x1b[2J".into())]));
        assert_eq!(all.human(Paint::TERMINAL).as_str(), "k: \\u{1b}[2J\n");
        let one = Value("\x1b[2J\n".into());
        for format in [Format::Human, Format::Plain] {
            let text = format.render(&one, Paint::TERMINAL).expect("printable");
            assert_eq!(text.as_str(), "\\u{1b}[2J\n");
        }
        assert_eq!(render(Format::Human, &one), "\x1b[2J\n", "a file gets what was put");
    }

    #[test]
    fn no_paths_are_an_empty_list_to_programs() {
        assert_eq!(render(Format::Json, &Paths(vec![])), "[]");
        assert_eq!(render(Format::Yaml, &Paths(vec![])), "[]\n");
        assert_eq!(render(Format::Human, &Paths(vec![])), "No secrets found.");
        assert_eq!(render(Format::Plain, &Paths(vec!["a".into(), "b".into()])), "- a\n- b\n");
    }

    #[test]
    fn metadata_lists_versions_by_number_and_tells_deletions() {
        let recorded = br#"{"versions":{
            "10":{"createdTime":"2026-11-21T08:24:20Z","version":10,"deletedTime":null},
            "2":{"createdTime":"2026-11-21T08:24:13.64Z","version":2,
                 "deletedTime":"2026-11-21T08:25:00Z"}},
            "metadata":{"currentVersion":10,"oldestVersion":10,
                "createdTime":"2026-11-21T08:24:13Z","updatedTime":"2026-11-21T08:24:20Z",
                "maxVersions":10}}"#;
        let metadata: SecretMetadataResponse = wire::decode(recorded).expect("valid");
        let text = render(Format::Human, &metadata);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("---")).collect();
        assert_eq!(
            lines,
            [
                "Metadata:",
                "Current Version : 10",
                "Oldest Version  : 10",
                "Created Time    : 2026-11-21 08:24:13 UTC",
                "Last Updated    : 2026-11-21 08:24:20 UTC",
                "Max Versions    : 10",
                "",
                "Secret Versions:",
                "Version 2:",
                "  Created: 2026-11-21 08:24:13 UTC",
                "  Deleted: 2026-11-21 08:25:00 UTC",
                "Version 10:",
                "  Created: 2026-11-21 08:24:20 UTC",
            ]
        );
    }
}
