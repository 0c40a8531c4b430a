//! The shared libraries that a program needs, by `ldd`: what distroless/cc has for it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use super::layout::{Content, Entry};

/// The entries of a program's libraries and of its loader.
pub(crate) fn of(program: &Path) -> anyhow::Result<Vec<Entry>> {
    let out = Command::new("ldd").arg(program).output().context("run ldd")?;
    ensure!(out.status.success(), "ldd {}: {}", program.display(), out.status);
    let paths = parse(&String::from_utf8_lossy(&out.stdout));
    Ok(paths
        .into_iter()
        .map(|path| Entry { mode: 0o755, content: Content::File(PathBuf::from(&path)), path })
        .collect())
}

/// `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)` or `/lib64/ld-linux-x86-64.so.2 (0x…)`. The
/// kernel's own vdso has no file.
fn parse(text: &str) -> Vec<String> {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let paths = words.filter_map(|words| match words[..] {
        [_, "=>", path, _] | [path, _] if path.starts_with('/') => Some(path.to_owned()),
        _ => None,
    });
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_loader_are_found_and_the_vdso_is_passed_over() {
        let text = "\tlinux-vdso.so.1 (0x00007ffc)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f2)\n";
        let paths = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(parse(text), paths);
        assert!(parse("\tstatically linked\n").is_empty());
    }
}
