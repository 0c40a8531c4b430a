//! How long each store call takes, whatever the store.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use spike_core::SecretPath;
use spike_store::{
    Batch, Call, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs, Found,
    Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select, Store,
};
use tokio::time::Instant;

use crate::metrics::StoreMetrics;

/// A store that is measured.
pub(crate) struct Measured {
    store: Arc<dyn Store>,
    metrics: StoreMetrics,
}

impl Measured {
    /// Measures `store`.
    pub(crate) const fn new(store: Arc<dyn Store>, metrics: StoreMetrics) -> Self {
        Self { store, metrics }
    }

    async fn timed<T>(&self, op: &'static str, call: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let answer = call.await;
        self.metrics.record(op, since.elapsed());
        answer
    }
}

#[async_trait]
impl Secrets for Measured {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        self.timed("read", self.store.read(call, want)).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        self.timed("commit", self.store.commit(call, batch)).await
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        self.timed("list", self.store.list(call, page)).await
    }
}

#[async_trait]
impl Documents for Measured {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        self.timed("load", self.store.load(call, kind, names)).await
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        self.timed("change", self.store.change(call, puts, drops)).await
    }
}

#[async_trait]
impl Manage for Measured {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn health(&self) -> Result<Health> {
        self.timed("health", self.store.health()).await
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        self.timed("sweep", self.store.sweep(call)).await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
