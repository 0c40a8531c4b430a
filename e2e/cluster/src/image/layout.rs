//! The OCI image layout, version 1.0, as far as one platform needs it. Nothing is compressed: an image
//! goes from one folder of this machine to another. The same files make the same digests.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    slice,
};

use anyhow::Context;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// A file or folder of an image, owned by root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its absolute path.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What it is.
    pub content: Content,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A folder.
    Folder,
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A copy of a file of this machine.
    File(PathBuf),
}

impl Entry {
    /// A copy of an executable.
    pub fn program(path: &str, file: &Path) -> Self {
        Self { path: path.to_owned(), mode: 0o755, content: Content::File(file.to_owned()) }
    }

    /// A copy of a file that anybody may read, where it is on this machine.
    pub(crate) fn copy(file: &Path) -> Self {
        let path = file.display().to_string();
        Self { path, mode: 0o644, content: Content::File(file.to_owned()) }
    }

    /// A file that anybody may read.
    pub(crate) fn text(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), mode: 0o644, content: Content::Bytes(text.into()) }
    }

    /// A folder.
    pub(crate) fn folder(path: &str, mode: u32) -> Self {
        Self { path: path.to_owned(), mode, content: Content::Folder }
    }
}

/// An image of this machine's platform.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    /// Its reference, with the registry: `localhost/pause:1`.
    pub name: &'a str,
    /// Its layers, the lowest first.
    pub layers: Vec<Vec<Entry>>,
    /// `uid:gid`.
    pub user: &'a str,
    /// What it runs if a pod doesn't say.
    pub command: &'a [&'a str],
    /// Where it looks for programs.
    pub path: &'a str,
    /// What it says of itself.
    pub version: &'a str,
}

struct Blob {
    digest: String,
    bytes: Vec<u8>,
}

impl Image<'_> {
    /// Writes it.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        archive(slice::from_ref(self), file)
    }

    fn config(&self, layers: &[Blob]) -> Value {
        let digests = layers.iter().map(|layer| format!("sha256:{}", layer.digest));
        json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "User": self.user,
                "Env": [format!("PATH={}", self.path)],
                "Cmd": self.command,
                "Labels": { "org.opencontainers.image.version": self.version },
            },
            "rootfs": { "type": "layers", "diff_ids": digests.collect::<Vec<_>>() },
        })
    }
}

/// Writes images into one file. What they share is in it once.
pub(crate) fn archive(images: &[Image<'_>], file: &Path) -> anyhow::Result<()> {
    let (mut blobs, mut manifests) = (BTreeMap::new(), Vec::new());
    for image in images {
        let layers = image.layers.iter().map(|layer| Ok(Blob::new(tar_of(layer)?)));
        let layers = layers.collect::<anyhow::Result<Vec<_>>>()?;
        let config = Blob::json(&image.config(&layers));
        let manifest = Blob::json(&manifest(&config, &layers));
        manifests.push(descriptor(
            "manifest",
            &manifest,
            &json!({
                "io.containerd.image.name": image.name,
                "org.opencontainers.image.ref.name": image.name,
            }),
        ));
        let all = layers.into_iter().chain([config, manifest]);
        blobs.extend(all.map(|blob| (blob.digest, blob.bytes)));
    }
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    let out = File::create(file).with_context(|| format!("create {}", file.display()))?;
    let mut out = Builder::new(io::BufWriter::new(out));
    let version = br#"{"imageLayoutVersion":"1.0.0"}"#;
    append(&mut out, "oci-layout", 0o644, EntryType::Regular, version)?;
    append(&mut out, "index.json", 0o644, EntryType::Regular, index.to_string().as_bytes())?;
    for (digest, bytes) in &blobs {
        let path = format!("blobs/sha256/{digest}");
        append(&mut out, &path, 0o644, EntryType::Regular, bytes)?;
    }
    out.into_inner()?.flush().context("write images")
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let digest = hex::encode(Sha256::digest(&bytes));
        Self { digest, bytes }
    }

    fn json(value: &Value) -> Self {
        Self::new(value.to_string().into_bytes())
    }
}

fn manifest(config: &Blob, layers: &[Blob]) -> Value {
    let layers = layers.iter().map(|layer| descriptor("layer", layer, &json!({})));
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config", config, &json!({})),
        "layers": layers.collect::<Vec<_>>(),
    })
}

fn descriptor(kind: &str, blob: &Blob, annotations: &Value) -> Value {
    let media = match kind {
        "layer" => "layer.v1.tar".to_owned(),
        kind => format!("{kind}.v1+json"),
    };
    json!({
        "mediaType": format!("application/vnd.oci.image.{media}"),
        "digest": format!("sha256:{}", blob.digest),
        "size": blob.bytes.len(),
        "annotations": annotations,
    })
}

/// The platform's name as Go and OCI have it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn tar_of(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let mut out = Builder::new(Vec::new());
    for entry in entries {
        let path = entry.path.trim_start_matches('/');
        match &entry.content {
            Content::Folder => append(&mut out, path, entry.mode, EntryType::Directory, &[])?,
            Content::Bytes(bytes) => append(&mut out, path, entry.mode, EntryType::Regular, bytes)?,
            Content::File(file) => {
                let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
                append(&mut out, path, entry.mode, EntryType::Regular, &bytes)?;
            }
        }
    }
    out.into_inner().context("write a layer")
}

fn append(
    out: &mut Builder<impl Write>,
    path: &str,
    mode: u32,
    kind: EntryType,
    bytes: &[u8],
) -> anyhow::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(u64::try_from(bytes.len())?);
    out.append_data(&mut header, path, bytes).with_context(|| format!("add {path}"))
}
