//! Which store: `SPIKE_NEXUS_STORE_URL` decides; SPIKE's own variables say it in fewer words.

use spike_runtime::Env;
use zeroize::Zeroizing;

use super::Mode;
use crate::stores;

const BACKEND: &str = "SPIKE_NEXUS_BACKEND_STORE";
const URL: &str = "SPIKE_NEXUS_STORE_URL";
const FOLDER: &str = "SPIKE_NEXUS_DATA_DIR";

/// The folder of the SQLite file if nothing is said.
const DEFAULT_FOLDER: &str = "/var/lib/spike";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Lite,
    Memory,
    Planned,
}

/// What this replica is for, and its store's URL.
pub(super) fn read(env: &mut Env) -> (Mode, Zeroizing<String>) {
    let backends = [
        ("sqlite", Backend::Sqlite),
        ("lite", Backend::Lite),
        ("memory", Backend::Memory),
        ("postgres", Backend::Planned),
        ("s3", Backend::Planned),
        ("plugin", Backend::Planned),
    ];
    let url = env.secret(URL);
    let named = env.has(BACKEND);
    let backend = env.choice(BACKEND, Backend::Sqlite, &backends);
    if backend == Backend::Planned {
        env.refuse(BACKEND, "this version doesn't have that store", "Use sqlite, lite or memory.");
    }
    match (backend, url) {
        (Backend::Memory, None) => (Mode::Memory, Zeroizing::new(stores::MEMORY.to_owned())),
        (backend, Some(url)) => (of_url(env, &url, named.then_some(backend)), url),
        (Backend::Lite, None) => (Mode::Lite, in_folder(env)),
        (Backend::Sqlite | Backend::Planned, None) => (Mode::Full, in_folder(env)),
    }
}

/// The mode of a URL; a backend that says otherwise is refused, since which one counts would be a
/// guess.
fn of_url(env: &mut Env, url: &str, backend: Option<Backend>) -> Mode {
    if let Err(error) = stores::check(url) {
        env.refuse(URL, error, "Use sqlite:///var/lib/spike/spike.db or memory:");
        return Mode::Full;
    }
    let memory = url == stores::MEMORY;
    let (mode, agrees) = match backend {
        None if memory => (Mode::Memory, true),
        None | Some(Backend::Planned) => (Mode::Full, true),
        Some(Backend::Memory) => (Mode::Memory, memory),
        Some(Backend::Lite) => (Mode::Lite, !memory),
        Some(Backend::Sqlite) => (Mode::Full, !memory),
    };
    if !agrees {
        let remedy = format!("Unset {BACKEND}: {URL} decides.");
        env.refuse(BACKEND, format!("not the store that {URL} names"), remedy);
    }
    mode
}

fn in_folder(env: &mut Env) -> Zeroizing<String> {
    let folder = env.text(FOLDER, DEFAULT_FOLDER);
    if !folder.starts_with('/') {
        env.refuse(FOLDER, "not an absolute path", format!("Use {DEFAULT_FOLDER}, say."));
    }
    Zeroizing::new(format!("sqlite://{}/spike.db", folder.trim_end_matches('/')))
}
