//! Which stores there are: what names one, and how it is opened.

mod awaited;
mod measured;

use std::sync::Arc;

use spike_store::{
    Result, Store,
    batched::{Batched, Limits},
    memory::MemoryStore,
};
use spike_store_postgres::{InvalidUrl, Options, PostgresStore};

pub(crate) use awaited::Awaited;
pub(crate) use measured::Measured;

/// A store that can be opened. It may hold a credential, which it never shows.
#[derive(Clone, Debug)]
pub enum Place {
    /// This process's memory.
    Memory,
    /// The file at an absolute path.
    Sqlite(String),
    /// Databases that several Nexus share.
    Postgres(Box<Options>),
}

/// Why a URL names no store of ours. Repeats nothing that may be a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPlace {
    #[error("not the URL of a store")]
    Unknown,
    #[error(transparent)]
    Postgres(#[from] InvalidUrl),
}

/// A store that is open.
pub(crate) struct Opened {
    /// What requests see.
    pub(crate) store: Arc<dyn Store>,
    /// What lies under it, if that has connections to count.
    pub(crate) postgres: Option<Arc<PostgresStore>>,
}

impl Place {
    /// Understands the URL of a store. Opens nothing.
    pub(crate) fn parse(url: &str) -> std::result::Result<Self, InvalidPlace> {
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", rest)) => match rest.strip_prefix("//") {
                Some(path) if path.starts_with('/') && path.len() > 1 => {
                    Ok(Self::Sqlite(path.to_owned()))
                }
                _ => Err(InvalidPlace::Unknown),
            },
            Some(("postgres" | "postgresql", _)) => {
                Ok(Self::Postgres(Box::new(Options::parse(url)?)))
            }
            _ => Err(InvalidPlace::Unknown),
        }
    }

    /// The kind of store, for status before it was reached.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// What of its URL leaves it open to whom, if anything does.
    pub(crate) fn weakness(&self) -> Option<&'static str> {
        match self {
            Self::Postgres(options) => options.weakness(),
            Self::Memory | Self::Sqlite(_) => None,
        }
    }

    /// Opens it.
    pub(crate) async fn open(&self) -> Result<Opened> {
        Ok(match self {
            Self::Memory => Opened { store: Arc::new(MemoryStore::new()), postgres: None },
            Self::Sqlite(path) => {
                let store = spike_store_sqlite::open_url(&format!("sqlite://{path}")).await?;
                Opened { store: batched(Arc::new(store)), postgres: None }
            }
            Self::Postgres(options) => {
                let store = Arc::new(PostgresStore::open(Options::clone(options)).await?);
                Opened { store: batched(store.clone()), postgres: Some(store) }
            }
        })
    }
}

fn batched<S: Store + 'static>(store: Arc<S>) -> Arc<dyn Store> {
    Arc::new(Batched::new(store, Limits::default()))
}
