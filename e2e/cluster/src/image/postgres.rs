//! PostgreSQL, from this machine's Debian packages. With a container engine the official image is given
//! the same name: both have a shell, the programs on their path, and the user.

use std::{fs, path::Path};

use anyhow::Context;

use super::{
    layout::{Entry, Image},
    libraries,
};

/// The image's name.
pub const POSTGRES: &str = "localhost/postgres:1";

/// `postgres`, in the official image too.
pub(crate) const POSTGRES_USER: u32 = 999;

/// The server, what makes its folder, and what copies, changes and asks its data.
const PROGRAMS: [&str; 6] = ["initdb", "pg_dump", "pg_isready", "pg_restore", "postgres", "psql"];

/// What the server loads when its folder is made.
const MODULES: [&str; 2] = ["dict_snowball.so", "plpgsql.so"];

/// The time zone in which every client of ours asks.
const ZONE: &str = "/usr/share/zoneinfo/UTC";

/// Writes the image.
pub(crate) fn postgres(file: &Path) -> anyhow::Result<()> {
    let programs = spike_testbed_postgres::programs()?;
    let home = programs.parent().context("/usr/lib/postgresql/<version>/bin")?;
    let version = home.file_name().context("a version")?;
    let mut entries = vec![
        Entry::folder("/tmp", 0o1777),
        Entry::text(
            "/etc/passwd",
            &format!("postgres:x:{POSTGRES_USER}:{POSTGRES_USER}::/:/bin/sh\n"),
        ),
        Entry::text("/etc/group", &format!("postgres:x:{POSTGRES_USER}:\n")),
        Entry::text("/etc/nsswitch.conf", "hosts: files dns\n"),
        Entry::copy(Path::new(ZONE)),
    ];
    let mut add = |program: &Path, at: &str| -> anyhow::Result<()> {
        let libraries = libraries::of(program)?;
        let new = libraries.into_iter().filter(|library| !entries.contains(library));
        entries.extend(new.collect::<Vec<_>>());
        entries.push(Entry::program(at, program));
        Ok(())
    };
    // initdb runs the server by the shell.
    add(Path::new("/bin/sh"), "/bin/sh")?;
    let binaries = PROGRAMS.map(|name| programs.join(name));
    for file in binaries.into_iter().chain(MODULES.map(|name| home.join("lib").join(name))) {
        add(&file, &file.display().to_string())?;
    }
    shared(&Path::new("/usr/share/postgresql").join(version), &mut entries)?;
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let user = format!("{POSTGRES_USER}:{POSTGRES_USER}");
    let image = Image {
        name: POSTGRES,
        layers: vec![entries],
        user: &user,
        command: &["postgres"],
        path: &path,
        version: &version.to_string_lossy(),
    };
    image.write(file)
}

/// Templates, words and zones, with their folders.
fn shared(from: &Path, into: &mut Vec<Entry>) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            shared(&path, into)?;
        } else if path.is_file() {
            into.push(Entry::copy(&path));
        }
    }
    Ok(())
}
