//! Which store: `SPIKE_NEXUS_STORE_URL` decides; SPIKE's own variables say it in fewer words.

use spike_runtime::Env;
use spike_store_postgres::Options;

use super::Mode;
use crate::stores::{InvalidPlace, Place};

const BACKEND: &str = "SPIKE_NEXUS_BACKEND_STORE";
const URL: &str = "SPIKE_NEXUS_STORE_URL";
const PASSWORD_FILE: &str = "SPIKE_NEXUS_STORE_PASSWORD_FILE";
const CA_FILE: &str = "SPIKE_NEXUS_STORE_CA_FILE";
const FOLDER: &str = "SPIKE_NEXUS_DATA_DIR";

/// The folder of the SQLite file if nothing is said.
const DEFAULT_FOLDER: &str = "/var/lib/spike";

const EXAMPLES: &str = "Use sqlite:///var/lib/spike/spike.db, memory: or \
                        postgres://spike_nexus@db.example/spike";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Lite,
    Memory,
    Postgres,
    Planned,
}

/// What this replica is for, and its store.
pub(super) fn read(env: &mut Env) -> (Mode, Place) {
    let backends = [
        ("sqlite", Backend::Sqlite),
        ("lite", Backend::Lite),
        ("memory", Backend::Memory),
        ("postgres", Backend::Postgres),
        ("s3", Backend::Planned),
        ("plugin", Backend::Planned),
    ];
    let url = env.secret(URL);
    let named = env.has(BACKEND);
    let backend = env.choice(BACKEND, Backend::Sqlite, &backends);
    if backend == Backend::Planned {
        let remedy = "Use sqlite, lite, memory or postgres.";
        env.refuse(BACKEND, "this version doesn't have that store", remedy);
    }
    let (mode, place) = match url {
        Some(url) => of_url(env, &url, named.then_some(backend)),
        None => of_backend(env, backend),
    };
    (mode, with_files(env, place))
}

fn of_backend(env: &mut Env, backend: Backend) -> (Mode, Place) {
    match backend {
        Backend::Memory => (Mode::Memory, Place::Memory),
        Backend::Lite => (Mode::Lite, in_folder(env)),
        Backend::Sqlite | Backend::Planned => (Mode::Full, in_folder(env)),
        Backend::Postgres => {
            // A URL that can't be read is one problem, not two.
            if !env.is_refused(URL) && !env.is_refused(&format!("{URL}_FILE")) {
                let remedy = "Say where it is: postgres://spike_nexus@db.example/spike";
                env.refuse(URL, format!("not set, with {BACKEND}=postgres"), remedy);
            }
            (Mode::Full, Place::Memory)
        }
    }
}

/// The mode of a URL; a backend that says otherwise is refused, since which one counts would be a
/// guess.
fn of_url(env: &mut Env, url: &str, backend: Option<Backend>) -> (Mode, Place) {
    let place = match Place::parse(url) {
        Ok(place) => place,
        Err(error) => {
            let remedy = match error {
                InvalidPlace::Unknown => EXAMPLES,
                InvalidPlace::Postgres(_) => {
                    "Use postgres://user[:password]@host[:port][,host…]/database\
                     [?sslmode=verify-full&connections=12]"
                }
            };
            env.refuse(URL, error, remedy);
            return (Mode::Full, Place::Memory);
        }
    };
    let (memory, postgres) = (matches!(place, Place::Memory), matches!(place, Place::Postgres(_)));
    let (mode, agrees) = match backend {
        None if memory => (Mode::Memory, true),
        None | Some(Backend::Planned) => (Mode::Full, true),
        Some(Backend::Memory) => (Mode::Memory, memory),
        Some(Backend::Lite) => (Mode::Lite, !memory),
        Some(Backend::Sqlite) => (Mode::Full, !memory && !postgres),
        Some(Backend::Postgres) => (Mode::Full, postgres),
    };
    if !agrees {
        let remedy = format!("Unset {BACKEND}: {URL} decides.");
        env.refuse(BACKEND, format!("not the store that {URL} names"), remedy);
    }
    (mode, place)
}

/// Password and authorities of a server, which other stores have no use for.
fn with_files(env: &mut Env, place: Place) -> Place {
    let password = env.file(PASSWORD_FILE);
    let authorities = env.file(CA_FILE);
    let Place::Postgres(options) = place else {
        // A store that can't be understood is one problem, not three.
        if !env.is_refused(URL) {
            for name in [PASSWORD_FILE, CA_FILE] {
                if env.has(name) {
                    let remedy = format!("Unset it, or name a postgres:// store in {URL}.");
                    env.refuse(name, "this store is no server", remedy);
                }
            }
        }
        return place;
    };
    let mut options = *options;
    if password.is_some() && options.has_password() {
        let problem = format!("{URL} holds a password as well");
        env.refuse(PASSWORD_FILE, problem, "Take it out of the URL.");
    }
    if let Some(file) = password {
        options = options.password_file(file);
    }
    if let Some(file) = authorities {
        options = Options::ca_file(options, file);
    }
    Place::Postgres(Box::new(options))
}

fn in_folder(env: &mut Env) -> Place {
    let folder = env.text(FOLDER, DEFAULT_FOLDER);
    if !folder.starts_with('/') {
        env.refuse(FOLDER, "not an absolute path", format!("Use {DEFAULT_FOLDER}, say."));
    }
    Place::Sqlite(format!("{}/spike.db", folder.trim_end_matches('/')))
}
