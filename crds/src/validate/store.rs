//! Where secrets are kept.

use super::{StoreKind, problem::Problems};
use crate::{
    cluster::{Postgres, Store},
    rules,
};

impl Problems {
    pub(super) fn store(&mut self, store: &Store) -> Option<StoreKind> {
        let kinds = [
            store.postgres.is_some().then_some(StoreKind::Postgres),
            store.s3.is_some().then_some(StoreKind::S3),
            store.sqlite.is_some().then_some(StoreKind::Sqlite),
            store.memory.is_some().then_some(StoreKind::Memory),
            store.plugin.is_some().then_some(StoreKind::Plugin),
        ];
        let kind = self.one_of(&rules::STORE, &kinds);
        let there = store.s3.is_none() && store.plugin.is_none();
        self.obey(&rules::STORE_RESERVED, there, &[]);
        if let Some(postgres) = &store.postgres {
            self.postgres(postgres);
        }
        kind
    }

    fn postgres(&mut self, postgres: &Postgres) {
        let servers = [
            postgres.host.is_some(),
            postgres.service_ref.is_some(),
            postgres.cluster_ref.is_some(),
            postgres.url_ref.is_some(),
        ];
        let one = servers.into_iter().filter(|set| *set).count() == 1;
        self.obey(&rules::POSTGRES_SERVER, one, &[]);
        let named = postgres.credentials_ref.is_some();
        let known = if postgres.url_ref.is_some() {
            !named
        } else {
            named || postgres.cluster_ref.is_some()
        };
        self.obey(&rules::POSTGRES_CREDENTIALS, known, &[]);
        self.within("spec.store.postgres.port", postgres.port.into(), 1, 65535);
    }
}
