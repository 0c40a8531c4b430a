//! The operator's own program, to be killed and stopped.

use std::{fs, path::PathBuf, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use spike_testbed_kubernetes::program;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{HOME, IMAGE};

/// A running operator. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Process {
    /// As the replica of this name, on the API server at a URL.
    pub(crate) fn start(replica: &str, url: &str) -> Self {
        let folder = TempDir::with_prefix("spike-operator-").expect("a folder");
        let kubeconfig = folder.path().join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": url}}],
            "users": [{"name": "it", "user": {}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        });
        fs::write(&kubeconfig, config.to_string()).expect("written");
        let log = folder.path().join("log");
        let out = fs::File::create(&log).expect("a log");
        let child = Command::new(program("operator").expect("built"))
            .env_clear()
            .env("KUBECONFIG", &kubeconfig)
            .env("HOSTNAME", replica)
            .env("SPIKE_OPERATOR_IMAGE", IMAGE)
            .env("SPIKE_OPERATOR_NAMESPACE", HOME)
            .env("SPIKE_OPERATOR_PROBE_PORT", "127.0.0.1:0")
            .env("SPIKE_SYSTEM_LOG_LEVEL", "debug")
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a log"))
            .stdout(out)
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        Self { child, log, _folder: folder }
    }

    /// SIGSTOP, SIGCONT, SIGTERM.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).expect("it runs");
        kill_process(Pid::from_raw(pid).expect("not 0"), signal).expect("signalled");
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Waits for its end; whether it was a good one, and what it said.
    pub(crate) async fn ended(mut self) -> (bool, String) {
        let status = self.child.wait().await.expect("waited for");
        (status.success(), fs::read_to_string(&self.log).unwrap_or_default())
    }
}
