//! Spike's own image, as the Dockerfile makes it: a test compares the two.

use std::path::Path;

use super::{
    layout::{Entry, Image, archive},
    libraries, program, strip,
};

/// The programs in `/usr/local/bin`.
pub const PROGRAMS: [&str; 4] = ["nexus", "keeper", "operator", "spike"];
/// Who they run as: distroless's `nonroot`.
pub const USER: &str = "65532:65532";
/// The only folder that `nonroot` owns.
pub const HOME: &str = "/home/nonroot";
/// Where they are found.
pub const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Writes the image from the programs that are built beside the running one, under these names. Each
/// is an image of its own, which says its tag for a version.
pub fn spike(names: &[&str], file: &Path, scratch: &Path) -> anyhow::Result<()> {
    let layers = of_programs(&PROGRAMS, scratch)?;
    archive(&names.iter().map(|name| named(name, layers.clone())).collect::<Vec<_>>(), file)
}

/// The same, and one more whose Keeper runs and does nothing.
pub(crate) fn for_tests(
    names: &[&str],
    mute: &str,
    file: &Path,
    scratch: &Path,
) -> anyhow::Result<()> {
    let mut layers = of_programs(&PROGRAMS, scratch)?;
    let mut images: Vec<_> = names.iter().map(|name| named(name, layers.clone())).collect();
    layers.push(vec![Entry::program("/usr/local/bin/keeper", &program("spike-pause")?)]);
    images.push(named(mute, layers));
    archive(&images, file)
}

fn named(name: &str, layers: Vec<Vec<Entry>>) -> Image<'_> {
    let version = version(name);
    Image { name, layers, user: USER, command: &["spike"], path: SEARCH_PATH, version }
}

/// Writes the image of a program that tests run in a pod.
pub(crate) fn tester(name: &str, program: &str, file: &Path, scratch: &Path) -> anyhow::Result<()> {
    let layers = of_programs(&[program], scratch)?;
    let version = version(name);
    Image { name, layers, user: USER, command: &[program], path: SEARCH_PATH, version }.write(file)
}

/// Two layers: what programs need, and the programs.
fn of_programs(names: &[&str], scratch: &Path) -> anyhow::Result<Vec<Vec<Entry>>> {
    let mut base = base();
    let mut programs = Vec::new();
    for name in names {
        let built = program(name)?;
        for library in libraries::of(&built)? {
            if !base.contains(&library) {
                base.push(library);
            }
        }
        let stripped = scratch.join("bin").join(name);
        strip(&built, &stripped)?;
        programs.push(Entry::program(&format!("/usr/local/bin/{name}"), &stripped));
    }
    Ok(vec![base, programs])
}

fn version(name: &str) -> &str {
    name.rsplit_once(':').map_or("", |(_, tag)| tag)
}

/// What distroless has beside the libraries and what programs look for.
fn base() -> Vec<Entry> {
    let users = format!(
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:{HOME}:/sbin/nologin\n"
    );
    vec![
        Entry::folder("/tmp", 0o1777),
        Entry::text("/etc/passwd", &users),
        Entry::text("/etc/group", "root:x:0:\nnonroot:x:65532:\n"),
        Entry::text("/etc/nsswitch.conf", "hosts: files dns\n"),
    ]
}
