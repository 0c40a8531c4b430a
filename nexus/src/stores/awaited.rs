//! A store that is still being opened. Until it is there, every call is refused, and may be tried
//! again.

use async_trait::async_trait;
use spike_core::SecretPath;
use spike_store::{
    Batch, Call, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs, Found,
    Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select, Store,
    StoreError,
};
use spike_store_postgres::PostgresStore;
use tokio::sync::SetOnce;

use super::Opened;

/// What the store will be.
#[derive(Default)]
pub(crate) struct Awaited(SetOnce<Opened>);

impl Awaited {
    /// From here on it is this one.
    pub(crate) fn is(&self, opened: Opened) {
        let first = self.0.set(opened).is_ok();
        debug_assert!(first, "a store is opened once");
    }

    /// Waits until it is there.
    pub(crate) async fn opened(&self) {
        self.0.wait().await;
    }

    /// What lies under it, if that has connections to count.
    pub(crate) fn postgres(&self) -> Option<&PostgresStore> {
        self.0.get()?.postgres.as_deref()
    }

    fn store(&self) -> Result<&dyn Store> {
        let opened = self.0.get().map(|opened| &*opened.store);
        opened.ok_or_else(|| StoreError::busy("it is not open yet"))
    }
}

#[async_trait]
impl Secrets for Awaited {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        self.store()?.read(call, want).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        self.store()?.commit(call, batch).await
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        self.store()?.list(call, page).await
    }
}

#[async_trait]
impl Documents for Awaited {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        self.store()?.load(call, kind, names).await
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        self.store()?.change(call, puts, drops).await
    }
}

#[async_trait]
impl Manage for Awaited {
    /// Nothing is promised before it is known.
    fn capabilities(&self) -> Capabilities {
        let none = Capabilities { multi_path: false, durable: false, shared: false };
        self.store().map_or(none, Manage::capabilities)
    }

    async fn health(&self) -> Result<Health> {
        self.store()?.health().await
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        self.store()?.sweep(call).await
    }

    async fn close(&self) {
        if let Ok(store) = self.store() {
            store.close().await;
        }
    }
}
