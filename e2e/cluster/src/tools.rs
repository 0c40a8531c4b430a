//! Where the programs are that `scripts/tools.sh` built, and of which version.

use std::{env, path::PathBuf};

use anyhow::{Context, bail};

/// The modules that say the versions: the script reads the same files.
const MODULES: [&str; 5] = [
    include_str!("../../kubernetes/kubernetes/go.mod"),
    include_str!("../../kubernetes/coredns/go.mod"),
    include_str!("../../kubernetes/helm/go.mod"),
    include_str!("../../kubernetes/lua/go.mod"),
    include_str!("../../kubernetes/spire/go.mod"),
];

/// A program that the script builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the programs' own names")]
pub enum Tool {
    Etcd,
    ApiServer,
    ControllerManager,
    Scheduler,
    Kubelet,
    Proxy,
    Kubectl,
    CoreDns,
    Helm,
    Lua,
    SpireServer,
    SpireAgent,
    SpireControllerManager,
    SpiffeCsiDriver,
}

impl Tool {
    /// Its name, and the module that it is of.
    fn of(self) -> (&'static str, &'static str) {
        const KUBERNETES: &str = "k8s.io/kubernetes";
        const SPIRE: &str = "github.com/spiffe/spire";
        match self {
            Self::Etcd => ("etcd", "go.etcd.io/etcd/server/v3"),
            Self::ApiServer => ("kube-apiserver", KUBERNETES),
            Self::ControllerManager => ("kube-controller-manager", KUBERNETES),
            Self::Scheduler => ("kube-scheduler", KUBERNETES),
            Self::Kubelet => ("kubelet", KUBERNETES),
            Self::Proxy => ("kube-proxy", KUBERNETES),
            Self::Kubectl => ("kubectl", KUBERNETES),
            Self::CoreDns => ("coredns", "github.com/coredns/coredns"),
            Self::Helm => ("helm", "helm.sh/helm/v3"),
            Self::Lua => ("glua", "github.com/yuin/gopher-lua"),
            Self::SpireServer => ("spire-server", SPIRE),
            Self::SpireAgent => ("spire-agent", SPIRE),
            Self::SpireControllerManager => {
                ("spire-controller-manager", "github.com/spiffe/spire-controller-manager")
            }
            Self::SpiffeCsiDriver => ("spiffe-csi-driver", "github.com/spiffe/spiffe-csi"),
        }
    }

    /// The program's file.
    ///
    /// # Errors
    ///
    /// One that isn't built is named with the command that builds it.
    pub fn path(self) -> anyhow::Result<PathBuf> {
        let (name, module) = self.of();
        let version = version(module).with_context(|| format!("no go.mod requires {module}"))?;
        let path = folder()?.join(format!("{name}-{version}")).join(name);
        if !path.exists() {
            bail!("no {}: run scripts/tools.sh {name}", path.display());
        }
        Ok(path)
    }
}

/// `SPIKE_TOOLS`, else the user's cache.
fn folder() -> anyhow::Result<PathBuf> {
    if let Some(folder) = env::var_os("SPIKE_TOOLS") {
        return Ok(folder.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache")));
    Ok(cache.context("neither SPIKE_TOOLS nor HOME is set")?.join("spike/tools"))
}

fn version(module: &str) -> Option<&'static str> {
    let mut lines = MODULES.iter().flat_map(|file| file.lines());
    lines.find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["require", name, version, ..] | [name, version, ..] if name == module => Some(version),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_version_that_a_module_requires() {
        let spire = [Tool::SpireServer, Tool::SpireControllerManager, Tool::SpiffeCsiDriver];
        for tool in [Tool::Etcd, Tool::CoreDns, Tool::Helm, Tool::Lua].into_iter().chain(spire) {
            let version = version(tool.of().1).expect("required");
            assert!(version.starts_with('v'), "{tool:?} {version}");
        }
    }
}
