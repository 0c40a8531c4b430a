//! Checks of this workspace that no other tool makes: `cargo run -p xtask`; and what mends one of them:
//! `cargo run -p xtask versions`.

use std::{env, process::ExitCode};

use xtask::Finding;

fn main() -> anyhow::Result<ExitCode> {
    match env::args().nth(1).as_deref() {
        None => check(),
        Some("versions") => xtask::write_versions().map(|()| ExitCode::SUCCESS),
        Some(other) => anyhow::bail!("no task {other}: there is `versions`"),
    }
}

fn check() -> anyhow::Result<ExitCode> {
    let findings = xtask::check()?;
    for Finding { place, problem } in &findings {
        eprintln!("{place}: {problem}");
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
