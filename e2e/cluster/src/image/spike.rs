//! Spike's own image, as the Dockerfile makes it: a test compares the two.

use std::path::Path;

use super::{
    layout::{Content, Entry, Image},
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

/// Writes the image from the programs that are built beside the running one.
pub fn spike(name: &str, file: &Path, scratch: &Path) -> anyhow::Result<()> {
    let mut base = base();
    let mut programs = Vec::new();
    for name in PROGRAMS {
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
    let layers = vec![base, programs];
    Image { name, layers, user: USER, command: &["spike"], path: SEARCH_PATH }.write(file)
}

/// What distroless has beside the libraries and what programs look for.
fn base() -> Vec<Entry> {
    let folder = |path: &str, mode| Entry { path: path.into(), mode, content: Content::Folder };
    let text = |path: &str, text: &str| Entry {
        path: path.into(),
        mode: 0o644,
        content: Content::Bytes(text.into()),
    };
    let users = format!(
        "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:{HOME}:/sbin/nologin\n"
    );
    vec![
        folder("/tmp", 0o1777),
        text("/etc/passwd", &users),
        text("/etc/group", "root:x:0:\nnonroot:x:65532:\n"),
        text("/etc/nsswitch.conf", "hosts: files dns\n"),
    ]
}
