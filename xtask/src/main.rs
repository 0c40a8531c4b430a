//! Checks of this workspace that no other tool makes: `cargo run -p xtask`.

use std::process::ExitCode;

use xtask::Finding;

fn main() -> anyhow::Result<ExitCode> {
    let findings = xtask::check()?;
    for Finding { place, problem } in &findings {
        eprintln!("{place}: {problem}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
