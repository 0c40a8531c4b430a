//! What a machine must have for a cluster to run on it, told before anything is started.

use std::{env, path::Path};

use anyhow::{anyhow, bail};
use rustix::process::getuid;

use crate::{cgroup, node::CNI_PLUGINS};

/// What is run, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 9] = [
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("conntrack", "conntrack"),
    ("ip", "iproute2"),
    ("sysctl", "procps"),
    ("unshare", "util-linux"),
    ("strip", "binutils"),
    ("ldd", "libc-bin"),
];

/// Passes if a cluster can run here.
///
/// # Errors
///
/// In one line: what is missing, and what does without.
pub(crate) fn machine() -> anyhow::Result<()> {
    let instead = "no cluster can run on this machine (with Docker, scripts/kind.sh does without)";
    if !getuid().is_root() {
        bail!("{instead}: its nodes are made by root, and this is another user");
    }
    cgroup::usable().map_err(|why| anyhow!("{instead}: {why:#}"))?;
    let packages = missing(|program| {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders).any(|folder| folder.join(program).exists())
    });
    if !packages.is_empty() {
        bail!("{instead}: it lacks the Debian packages {}", packages.join(" "));
    }
    Ok(())
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let absent = PROGRAMS.iter().filter(|(program, _)| !is_there(program));
    let plugins =
        (!Path::new(CNI_PLUGINS).join("bridge").exists()).then_some("containernetworking-plugins");
    absent.map(|(_, package)| *package).chain(plugins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_told_by_its_package() {
        let packages = missing(|program| program != "ip");
        assert!(packages.contains(&"iproute2"), "{packages:?}");
        assert!(!packages.contains(&"containerd"), "{packages:?}");
    }
}
