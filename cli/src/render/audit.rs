//! What was found in audit files.

use std::fmt::{self, Write};

use serde::Serialize;
use spike_audit::verify::{Expected, Kind, PublicKeys, Report};
use zeroize::Zeroizing;

use crate::{format::View, output::Paint};

/// What was found, by file.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Verified(Vec<File>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer that scripts ask for")]
struct File {
    #[serde(rename = "file")]
    name: String,
    clean: bool,
    /// Something was done to it; otherwise, if it isn't clean, nothing is proved of it.
    #[serde(skip)]
    changed: bool,
    lines: u64,
    last_seq: u64,
    /// False if no key was given: then signatures were not looked at.
    signatures_checked: bool,
    /// False if nothing said how far the log must reach: then its end could be cut off.
    end_checked: bool,
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
    /// Reports by file name, checked with those keys against what was expected.
    pub(crate) fn new(
        reports: Vec<(String, Report)>,
        keys: &PublicKeys,
        expected: &Expected,
    ) -> Self {
        let file = |(name, report)| File::new(name, &report, keys, expected);
        Self(reports.into_iter().map(file).collect())
    }
}

impl File {
    fn new(name: String, report: &Report, keys: &PublicKeys, expected: &Expected) -> Self {
        let finding =
            |f: &spike_audit::verify::Finding| Finding { line: f.line, what: f.kind.to_string() };
        let unproved = |kind: &Kind| matches!(kind, Kind::NotALog | Kind::Unsigned);
        Self {
            name,
            clean: report.is_clean(),
            changed: !report.findings.iter().all(|finding| unproved(&finding.kind)),
            lines: report.lines,
            last_seq: report.last_seq,
            signatures_checked: !keys.is_empty(),
            end_checked: expected.seq.is_some() || expected.head.is_some(),
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
    let verdict = match (file.clean, file.end_checked) {
        (true, true) => paint.good("as written"),
        (true, false) => paint.good("nothing wrong found"),
        (false, _) if file.changed => paint.bad("CHANGED"),
        (false, _) => paint.bad("NOT PROVED"),
    };
    writeln!(
        to,
        "{}: {verdict}; lines: {}, last number: {}",
        file.name, file.lines, file.last_seq
    )?;
    match (&file.signed_until, file.signatures_checked) {
        (_, false) => writeln!(to, "  no --key given: signatures were not checked")?,
        // What was found says it.
        (None, true) => {}
        (Some(time), true) => {
            writeln!(to, "  signed until {time}; lines after that: {}", file.unsigned)?;
        }
    }
    if file.clean && !file.end_checked {
        let end = "its end could be cut off; --seq or --head says how far it must reach";
        writeln!(to, "  {end}")?;
    }
    if let Some(number) = file.continues_after {
        writeln!(to, "  continues after number {number}, which is in another file")?;
    }
    if file.torn {
        writeln!(to, "  the last line is unfinished: a crash, or a write in progress")?;
    }
    for Finding { line, what } in &file.findings {
        match line {
            0 => writeln!(to, "  {what}")?,
            _ => writeln!(to, "  line {line}: {what}")?,
        }
    }
    match file.unnamed {
        0 => Ok(()),
        more => writeln!(to, "  and {more} more"),
    }
}
