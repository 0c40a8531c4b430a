//! The Dockerfile and our own writer make the same image.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use sha2::{Digest, Sha256};
use spike_testbed_kubernetes::image::{Content, Entry, Image, PROGRAMS, SEARCH_PATH, USER};

const DOCKERFILE: &str = include_str!("../../../Dockerfile");

/// The instructions after the last `FROM`, which are the image's, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = DOCKERFILE.replace("\\\n", " ");
    let (_, last) = joined.rsplit_once("\nFROM ").expect("two stages");
    let lines = format!("FROM {last}");
    let lines = lines.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(word, rest)| (word.to_owned(), rest.trim().to_owned())).collect()
}

#[test]
fn the_dockerfile_has_the_same_programs_user_and_path() {
    let of = |wanted: &str| -> Vec<String> {
        instructions()
            .into_iter()
            .filter(|(word, _)| word == wanted)
            .map(|(_, rest)| rest)
            .collect()
    };
    let copied = PROGRAMS.map(|name| format!("--from=build /out/{name} /usr/local/bin/{name}"));
    assert_eq!(of("COPY"), copied);
    assert_eq!(of("USER"), [USER]);
    assert_eq!(of("ENV"), [format!("PATH={SEARCH_PATH}")]);
    assert_eq!(of("CMD"), [r#"["spike"]"#]);
    assert_eq!(of("FROM"), ["gcr.io/distroless/cc-debian12:nonroot"]);
    for name in PROGRAMS {
        assert!(DOCKERFILE.contains(&format!(" target/release/{name}")), "{name} is installed");
    }
}

#[test]
fn an_image_is_an_oci_layout_whose_digests_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let entries = vec![Entry {
        path: "/etc/motd".into(),
        mode: 0o644,
        content: Content::Bytes(b"hello\n".to_vec()),
    }];
    let image = Image {
        name: "localhost/test:1",
        layers: vec![entries],
        user: USER,
        command: &["x"],
        path: "/",
        version: "1",
    };
    let file = folder.path().join("image.tar");
    image.write(&file).expect("written");
    let again = folder.path().join("again.tar");
    image.write(&again).expect("written");
    assert_eq!(fs::read(&file).expect("read"), fs::read(&again).expect("read"), "reproducible");

    let unpacked = folder.path().join("unpacked");
    unpack(&file, &unpacked);
    let index = json(&unpacked.join("index.json"));
    let manifest = follow(&unpacked, &index["manifests"][0]);
    assert_eq!(
        index["manifests"][0]["annotations"]["io.containerd.image.name"],
        "localhost/test:1"
    );
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let config: Value =
        serde_json::from_slice(&follow(&unpacked, &manifest["config"])).expect("JSON");
    assert_eq!(config["config"]["User"], USER);
    let layer = follow(&unpacked, &manifest["layers"][0]);
    assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);

    let tar = folder.path().join("layer.tar");
    fs::write(&tar, layer).expect("written");
    let root = folder.path().join("root");
    unpack(&tar, &root);
    assert_eq!(fs::read(root.join("etc/motd")).expect("read"), b"hello\n");
}

/// Unpacks with the system's tar, which knows nothing of ours.
fn unpack(tar: &Path, into: &Path) {
    fs::create_dir(into).expect("created");
    let done = Command::new("tar").arg("-xf").arg(tar).arg("-C").arg(into).status().expect("runs");
    assert!(done.success());
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).expect("read")).expect("JSON")
}

/// The bytes that a descriptor names, which have the size and digest that it says.
fn follow(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().expect("a digest");
    let hash = digest.strip_prefix("sha256:").expect("SHA-256");
    let bytes = fs::read(layout.join("blobs/sha256").join(hash)).expect("a blob");
    assert_eq!(hex::encode(Sha256::digest(&bytes)), hash);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}
