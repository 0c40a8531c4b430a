//! What was found in audit files.

use std::fmt::{self, Write};

use serde::Serialize;
use spike_audit::verify::{PublicKeys, Report};
use zeroize::Zeroizing;

use crate::{format::View, output::Paint};

/// What was found, by file.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Verified(Vec<File>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(rename = "file")]
    name: String,
    clean: bool,
    lines: u64,
    last_seq: u64,
    /// False if no key was given: then signatures were not looked at.
    signatures_checked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_until: Option<String>,
    /// Lines behind the last good signature.
    unsigned: u64,
    torn: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    continues_after: Option<u64>,
    findings: Vec<Finding>,
    /// Findings that are not listed.
    unnamed: u64,
}

#[derive(Debug, Serialize)]
struct Finding {
    line: u64,
    what: String,
}

impl Verified {
    /// Reports by file name, checked with those keys.
    pub(crate) fn new(reports: Vec<(String, Report)>, keys: &PublicKeys) -> Self {
        Self(reports.into_iter().map(|(file, report)| File::new(file, &report, keys)).collect())
    }
}

impl File {
    fn new(name: String, report: &Report, keys: &PublicKeys) -> Self {
        let finding =
            |f: &spike_audit::verify::Finding| Finding { line: f.line, what: f.kind.to_string() };
        Self {
            name,
            clean: report.is_clean(),
            lines: report.lines,
            last_seq: report.last_seq,
            signatures_checked: !keys.is_empty(),
            signed_until: report.signed.map(|signed| signed.time.to_string()),
            unsigned: report.unsigned(),
            torn: report.torn,
            continues_after: report.continues,
            findings: report.findings.iter().map(finding).collect(),
            unnamed: report.unnamed,
        }
    }
}

impl View for Verified {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        let mut text = String::new();
        for file in &self.0 {
            write_file(&mut text, file, paint).expect("a String takes all text");
        }
        Zeroizing::new(text)
    }
}

fn write_file(to: &mut String, file: &File, paint: Paint) -> fmt::Result {
    let verdict = if file.clean { paint.good("as written") } else { paint.bad("CHANGED") };
    writeln!(
        to,
        "{}: {verdict}; lines: {}, last number: {}",
        file.name, file.lines, file.last_seq
    )?;
    match (&file.signed_until, file.signatures_checked) {
        (_, false) => writeln!(to, "  no --key given: signatures were not checked")?,
        (None, true) => writeln!(to, "  no signed head: nothing proves who wrote it")?,
        (Some(time), true) => {
            writeln!(to, "  signed until {time}; lines after that: {}", file.unsigned)?;
        }
    }
    if let Some(number) = file.continues_after {
        writeln!(to, "  continues after number {number}, which is in another file")?;
    }
    if file.torn {
        writeln!(to, "  the last line is unfinished: a crash, or a write in progress")?;
    }
    for Finding { line, what } in &file.findings {
        writeln!(to, "  line {line}: {what}")?;
    }
    match file.unnamed {
        0 => Ok(()),
        more => writeln!(to, "  and {more} more"),
    }
}
