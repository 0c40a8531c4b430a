//! The SQLite store of Spike: one file, one writer, many readers.

use std::path::Path;

use async_trait::async_trait;
use spike_core::SecretPath;
use spike_store::{
    Batch, Call, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs, Found,
    Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select, StoreError,
};

/// How a [`SqliteStore`] is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many reads run at once.
    pub readers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4 }
    }
}

/// Secrets and documents in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore;

/// Opens the store that `sqlite:///an/absolute/path` names, with [`Options::default`].
///
/// Everything behind `sqlite://` is the path, literally: nothing is decoded, there are no options.
pub async fn open_url(url: &str) -> Result<SqliteStore> {
    match url.strip_prefix("sqlite://") {
        Some(path) if path.starts_with('/') => {
            SqliteStore::open(Path::new(path), Options::default()).await
        }
        _ => Err(StoreError::Unusable(format!("{url:?}: write sqlite:///an/absolute/path"))),
    }
}

impl SqliteStore {
    /// Opens the file, makes it if it is missing, and brings its schema up to date.
    #[expect(clippy::unused_async, reason = "an outline")]
    pub async fn open(path: &Path, options: Options) -> Result<Self> {
        unimplemented!("{path:?} {options:?}")
    }
}

#[async_trait]
impl Secrets for SqliteStore {
    async fn read(&self, _: &Call, _: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        unimplemented!()
    }

    async fn commit(&self, _: &Call, _: Batch) -> Result<Seen<Outcome>> {
        unimplemented!()
    }

    async fn list(&self, _: &Call, _: Page) -> Result<Seen<Listed>> {
        unimplemented!()
    }
}

#[async_trait]
impl Documents for SqliteStore {
    async fn load(&self, _: &Call, _: Kind, _: Names) -> Result<Seen<Vec<Document>>> {
        unimplemented!()
    }

    async fn change(&self, _: &Call, _: Vec<DocumentPut>, _: Vec<DocumentDrop>) -> Result<Epochs> {
        unimplemented!()
    }
}

#[async_trait]
impl Manage for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { multi_path: true, durable: true, shared: false }
    }

    async fn health(&self) -> Result<Health> {
        unimplemented!()
    }

    async fn sweep(&self, _: &Call) -> Result<u64> {
        unimplemented!()
    }

    async fn close(&self) {}
}
