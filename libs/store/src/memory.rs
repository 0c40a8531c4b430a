//! A store in the memory of this process, with the semantics of all the others.
//!
//! It serves tests and `memory` mode. It is not durable and can't be shared: what it keeps ends
//! with it.

mod keys;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use spike_core::SecretPath;

use self::state::State;
use crate::{
    Batch, Call, Capabilities, Document, DocumentDrop, DocumentPut, Documents, Epochs, Found,
    Health, Kind, Listed, Manage, Names, Outcome, Page, Result, Secrets, Seen, Select, rules,
};

/// Keeps everything in this process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every change of the state checks first and then cannot fail, so a panic elsewhere leaves it
    /// whole: a poisoned lock is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Secrets for MemoryStore {
    async fn read(&self, call: &Call, want: &[(SecretPath, Select)]) -> Result<Seen<Vec<Found>>> {
        rules::on_time(call)?;
        let state = self.state();
        Ok(state.seen(want.iter().map(|(path, select)| state.find(path, *select)).collect()))
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Seen<Outcome>> {
        rules::on_time(call)?;
        rules::batch(&batch)?;
        let mut state = self.state();
        let outcome = state.commit(call, batch)?;
        Ok(state.seen(outcome))
    }

    async fn list(&self, call: &Call, page: Page) -> Result<Seen<Listed>> {
        rules::on_time(call)?;
        let state = self.state();
        Ok(state.seen(state.list(&page)))
    }
}

#[async_trait]
impl Documents for MemoryStore {
    async fn load(&self, call: &Call, kind: Kind, names: Names) -> Result<Seen<Vec<Document>>> {
        rules::on_time(call)?;
        let state = self.state();
        Ok(state.seen(state.load(kind, &names)))
    }

    async fn change(
        &self,
        call: &Call,
        puts: Vec<DocumentPut>,
        drops: Vec<DocumentDrop>,
    ) -> Result<Epochs> {
        rules::on_time(call)?;
        rules::change(&puts, &drops)?;
        self.state().change(call, puts, &drops)
    }
}

#[async_trait]
impl Manage for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { multi_path: true, durable: false, shared: false }
    }

    async fn health(&self) -> Result<Health> {
        let server_version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Health { kind: "memory", schema: 1, server_version, durable_on_standby: None })
    }

    async fn sweep(&self, call: &Call) -> Result<u64> {
        rules::on_time(call)?;
        Ok(self.state().sweep(call.at))
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::Harness;

    struct Memory;

    impl Harness for Memory {
        type Store = MemoryStore;

        async fn open(&self, _: &str) -> Result<MemoryStore> {
            Ok(MemoryStore::new())
        }

        async fn crash(&self, _: &str, _: MemoryStore) {
            unreachable!("ignored")
        }

        async fn modernise(&self, _: &str) {
            unreachable!("ignored")
        }
    }

    crate::conformance! {
        harness: Memory,
        restart: "what is in memory ends with its store",
        crash: "what is in memory ends with its store",
        schemas: "nothing is kept that could have a schema",
    }
}
