//! Documents whose commands are run as they are written, and print what they say.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// A command of the document and the lines that it is said to print.
#[derive(Debug)]
pub struct Step {
    /// What is typed.
    pub command: String,
    /// Lines of its output; `…` in them stands for anything.
    pub printed: Vec<String>,
}

/// The commands in the document's `console` blocks: `$` begins one, `>` and an indent continue it.
pub fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => read(line, &mut steps),
            _ => {}
        }
    }
    steps
}

fn read(line: &str, steps: &mut Vec<Step>) {
    if let Some(command) = line.strip_prefix("$ ") {
        steps.push(Step { command: command.to_owned(), printed: Vec::new() });
        return;
    }
    let Some(step) = steps.last_mut() else { return };
    let goes_on = step.command.ends_with('\\');
    match line.strip_prefix("> ").or_else(|| line.strip_prefix("    ").filter(|_| goes_on)) {
        Some(more) => step.command.extend(["\n", more]),
        None => step.printed.push(line.to_owned()),
    }
}

/// True if a line of the output is the expected one, where `…` stands for anything.
fn is_printed(expected: &str, output: &str) -> bool {
    output.lines().any(|line| {
        let mut rest = Some(line);
        for part in expected.split('…') {
            rest = rest.and_then(|rest| rest.split_once(part)).map(|(_, rest)| rest);
        }
        rest.is_some() && (expected.contains('…') || line == expected)
    })
}

/// Runs every step in one shell, up to the first that fails or doesn't print what it should.
pub fn check(steps: &[Step], mut shell: Command) -> anyhow::Result<()> {
    let marked =
        steps.iter().enumerate().map(|(i, step)| format!("echo '@@{i}'\n{}\n", step.command));
    let text = format!("set -eu\nexec 2>&1\n{}echo '@@end'\n", marked.collect::<String>());
    let out = shell.args(["-c", &text]).stdin(Stdio::null()).output().context("a shell")?;
    let said = String::from_utf8_lossy(&out.stdout);
    ensure!(out.status.success() && said.ends_with("@@end\n"), "{}: {said}", out.status);
    for (i, step) in steps.iter().enumerate() {
        let (_, rest) = said.split_once(&format!("@@{i}\n")).context("it was reached")?;
        let (printed, _) = rest.split_once("@@").context("it ended")?;
        for expected in &step.printed {
            let command = &step.command;
            ensure!(is_printed(expected, printed), "{command}\n{printed}\nlacks: {expected}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_printed_is_missed() {
        assert!(is_printed("Shard 2: ok", "Set 1\nShard 2: ok\n"));
        assert!(!is_printed("Shard 2: ok", "Shard 2: ok?\n"));
        assert!(is_printed("…for age1…", "    a/1.age for age1xyz\n"));
        assert!(!is_printed("…for age1…", "    a/1.age for nobody\n"));
        assert!(!is_printed("root", "nothing\n"));
    }
}
