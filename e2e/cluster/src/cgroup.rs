//! The cgroups that a run's kubelets put their pods into: one in each hierarchy of version 1, or one in
//! the only hierarchy of version 2.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

const HIERARCHIES: &str = "/sys/fs/cgroup";
/// Only cgroups of version 2 have it.
const CONTROLLERS: &str = "cgroup.controllers";
/// Lies below each hierarchy; the runs below it.
const PARENT: &str = "spike-kubernetes";

/// The pods' share of the processors, where a process that is in no cgroup has 1024. By default all pods
/// together would have as much as one compiler beside them.
const SHARES: &str = "16384";

/// Makes a node's cgroup in every hierarchy; its path from there.
pub(crate) fn create(run: &str, node: &str) -> anyhow::Result<String> {
    for hierarchy in hierarchies()? {
        let mut at = hierarchy;
        for name in [PARENT, run, node] {
            let child = at.join(name);
            fs::create_dir_all(&child).with_context(|| format!("create {}", child.display()))?;
            inherit(&at, &child).with_context(|| format!("give {} resources", child.display()))?;
            let shares = child.join("cpu.shares");
            if shares.exists() {
                fs::write(shares, SHARES)?;
            }
            at = child;
        }
    }
    Ok(format!("/{PARENT}/{run}/{node}"))
}

/// Removes the cgroups of runs that aren't alive. What still has processes stays: the next run tries
/// again.
pub(crate) fn sweep(alive: impl Fn(&str) -> bool) {
    // Of all: runc makes some in the hierarchy of version 2 that lies beside those of version 1.
    let beside = fs::read_dir(HIERARCHIES).into_iter().flatten().flatten();
    for hierarchy in beside.map(|entry| entry.path()).chain([HIERARCHIES.into()]) {
        let parent = hierarchy.join(PARENT);
        for run in fs::read_dir(&parent).into_iter().flatten().flatten() {
            if run.path().is_dir() && !alive(&run.file_name().to_string_lossy()) {
                remove_tree(&run.path());
            }
        }
        // It stays while other runs are in it.
        let _ = fs::remove_dir(parent);
    }
}

fn remove_tree(cgroup: &Path) {
    let Ok(children) = fs::read_dir(cgroup) else { return };
    for child in children.flatten().filter(|child| child.path().is_dir()) {
        remove_tree(&child.path());
    }
    // A cgroup's files go with it, and only `rmdir` removes it.
    let _ = fs::remove_dir(cgroup);
}

/// A new cpuset has no processors and takes no process until it is given some; and in version 2 a
/// cgroup has none of its parent's controllers until the parent lends them.
fn inherit(parent: &Path, child: &Path) -> anyhow::Result<()> {
    if let Ok(controllers) = fs::read_to_string(parent.join(CONTROLLERS)) {
        for controller in controllers.split_whitespace() {
            fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}"))?;
        }
        return Ok(());
    }
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if child.join(file).exists() {
            fs::write(child.join(file), fs::read(parent.join(file))?)?;
        }
    }
    Ok(())
}

/// Passes if cgroups can be made here. Containers often have them read-only.
pub(crate) fn usable() -> anyhow::Result<()> {
    let hierarchies = hierarchies()?;
    let first = hierarchies.first().with_context(|| format!("no cgroups at {HIERARCHIES}"))?;
    let own = first.join(PARENT);
    fs::create_dir_all(&own).with_context(|| format!("create {}", own.display()))
}

fn hierarchies() -> anyhow::Result<Vec<PathBuf>> {
    let unified = PathBuf::from(HIERARCHIES);
    if unified.join(CONTROLLERS).exists() {
        return Ok(vec![unified]);
    }
    let entries = fs::read_dir(HIERARCHIES).with_context(|| format!("read {HIERARCHIES}"))?;
    let paths = entries.flatten().map(|entry| entry.path());
    // Only version 1 has a file of tasks; `cpu,cpuacct` is linked to from `cpu`.
    Ok(paths.filter(|path| path.join("tasks").exists() && !path.is_symlink()).collect())
}
