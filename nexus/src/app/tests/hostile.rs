//! A store that does what it likes with the answers of an honest one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use spike_core::SecretPath;
use spike_store::{
    Batch, Call, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs, Found,
    Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select, Store,
    StoreError,
};

type Edit<T> = Box<dyn Fn(&mut Seen<T>) + Send>;

/// An honest store behind a dishonest one.
pub(crate) struct Hostile {
    honest: Arc<dyn Store>,
    reads: Mutex<Edit<Vec<Found>>>,
    lists: Mutex<Edit<Listed>>,
    loads: Mutex<Edit<Vec<Document>>>,
    /// What happens before the next commit.
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
    /// How many commits and changes still lose their answer after they happened.
    lose_after: AtomicU32,
    /// How many of them still lose their answer before they happened.
    lose_before: AtomicU32,
}

impl Hostile {
    /// Honest until told otherwise.
    pub(crate) fn new(honest: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            honest,
            reads: Mutex::new(Box::new(|_| ())),
            lists: Mutex::new(Box::new(|_| ())),
            loads: Mutex::new(Box::new(|_| ())),
            meanwhile: Mutex::default(),
            lose_after: AtomicU32::new(0),
            lose_before: AtomicU32::new(0),
        })
    }

    /// Edits every answer to a read from here on.
    pub(crate) fn edit_reads(&self, edit: impl Fn(&mut Seen<Vec<Found>>) + Send + 'static) {
        *self.reads.lock().expect("whole") = Box::new(edit);
    }

    /// Edits every page of a list from here on.
    pub(crate) fn edit_lists(&self, edit: impl Fn(&mut Seen<Listed>) + Send + 'static) {
        *self.lists.lock().expect("whole") = Box::new(edit);
    }

    /// Edits all documents that are loaded from here on.
    pub(crate) fn edit_loads(&self, edit: impl Fn(&mut Seen<Vec<Document>>) + Send + 'static) {
        *self.loads.lock().expect("whole") = Box::new(edit);
    }

    /// This happens between the next commit's decision and the commit itself.
    pub(crate) fn meanwhile(&self, what: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().expect("whole") = Some(Box::pin(what));
    }

    /// The next `after` writes happen and their answers get lost; before that, `before` writes get
    /// lost altogether.
    pub(crate) fn lose(&self, before: u32, after: u32) {
        self.lose_before.store(before, Ordering::SeqCst);
        self.lose_after.store(after, Ordering::SeqCst);
    }

    fn loses(counter: &AtomicU32) -> bool {
        let take = |left: u32| left.checked_sub(1);
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }

    fn answer<T>(&self, answer: Result<T>) -> Result<T> {
        if answer.is_ok() && Self::loses(&self.lose_after) {
            return Err(StoreError::Ambiguous { source: None });
        }
        answer
    }
}

#[async_trait]
impl Secrets for Hostile {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        let mut seen = self.honest.read(call, want).await?;
        (self.reads.lock().expect("whole"))(&mut seen);
        Ok(seen)
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        let meanwhile = self.meanwhile.lock().expect("whole").take();
        if let Some(what) = meanwhile {
            what.await;
        }
        if Self::loses(&self.lose_before) {
            return Err(StoreError::Ambiguous { source: None });
        }
        self.answer(self.honest.commit(call, batch).await)
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        let mut seen = self.honest.list(call, page).await?;
        (self.lists.lock().expect("whole"))(&mut seen);
        Ok(seen)
    }
}

#[async_trait]
impl Documents for Hostile {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        let mut seen = self.honest.load(call, kind, names).await?;
        (self.loads.lock().expect("whole"))(&mut seen);
        Ok(seen)
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        if Self::loses(&self.lose_before) {
            return Err(StoreError::Ambiguous { source: None });
        }
        self.answer(self.honest.change(call, puts, drops).await)
    }
}

#[async_trait]
impl Manage for Hostile {
    fn capabilities(&self) -> Capabilities {
        self.honest.capabilities()
    }

    async fn health(&self) -> Result<Health> {
        self.honest.health().await
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        self.honest.sweep(call).await
    }

    async fn close(&self) {
        self.honest.close().await;
    }
}
