//! A cluster without a network: a store with an active ring, and replicas over it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::Timestamp;
use spike_audit::{Log, Sink, Sync};
use spike_core::{ClusterId, Quorum, Roles, policy::PolicyFields, wire::SecretText};
use spike_seal::{Claim, KeyRing, RingDocument, RootKey};
use spike_store::{
    Call, CallerHash, Document, DocumentPut, Kind, Store, TraceId, memory::MemoryStore,
};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    app::{
        App, Bounds, Manifest, Watermark,
        caller::{BUDGET, Caller},
        error::{Error, Result},
        policies::Filter,
        secrets::{Values, Wanted, Write},
    },
    keys::{Keys, Reason, Unsealed},
};

/// The superuser.
pub(super) const ROOT: &str = "spiffe://spike.ist/spike/pilot/role/superuser";
/// A workload that is nobody without a policy.
pub(super) const APP: &str = "spiffe://spike.ist/workload/app";

/// What a cluster is, apart from its replicas.
pub(super) struct World {
    /// What it keeps.
    pub(super) kept: Arc<dyn Store>,
    ring: KeyRing,
    root: Arc<RootKey>,
    folder: TempDir,
}

/// One Nexus.
pub(super) struct Replica {
    pub(super) app: App,
    pub(super) audit: Log,
}

impl World {
    /// A bootstrapped cluster with nothing in it.
    pub(super) async fn new() -> Self {
        Self::keeping_in(Arc::new(MemoryStore::new())).await
    }

    /// The same, that keeps what it keeps in an empty store.
    pub(super) async fn keeping_in(kept: Arc<dyn Store>) -> Self {
        let random = &mut rand::rng();
        let root = RootKey::generate(random);
        let quorum = Quorum::new(3, 2).expect("valid");
        let claim = Claim::first(ClusterId([7; 16]), None, quorum, 1);
        let ring = claim.activate(&root, random);
        let keys = ring.open(&root).expect("our own ring");
        let manifest = Manifest::first(random).put(&keys, random, None).expect("sealed");
        let document = document(&ring, 1);
        let ring_put = DocumentPut { kind: Kind::Ring, expect: None, document };
        kept.change(&call(), vec![ring_put, manifest], Vec::new()).await.expect("empty");
        let folder = TempDir::new().expect("a folder");
        Self { kept, ring, root: Arc::new(root), folder }
    }

    /// A replica over the store as it is.
    pub(super) async fn replica(&self, name: &str) -> Replica {
        self.over(name, self.kept.clone()).await
    }

    /// A replica that sees the store through `store`.
    pub(super) async fn over(&self, name: &str, store: Arc<dyn Store>) -> Replica {
        let sink = Sink::File { path: self.audit_of(name), sync: Sync::Os };
        let audit = Log::open(sink, name.to_owned()).await.expect("an audit");
        let sealed = Reason { code: "starting", message: String::new() };
        let keys = Keys::sealed(store.clone(), sealed);
        let (ring, root) = (self.ring.clone(), self.root.clone());
        keys.unseal(Unsealed { keys: ring.open(&root).expect("our own ring"), ring, root });
        let bounds = Bounds { max_versions: 100, max_ciphertext: 65_536 };
        let app = App::new(store, keys, audit.clone(), Watermark::default(), bounds);
        Replica { app, audit }
    }

    /// Changes the key ring, as a replica does that gives out recovery shards.
    pub(super) async fn change_ring(&mut self) {
        let before = self.ring.revision();
        let quorum = Quorum::new(3, 2).expect("valid");
        self.ring = self.ring.with_next_escrow(&self.root, quorum, Vec::new());
        let document = document(&self.ring, 2);
        let put = DocumentPut { kind: Kind::Ring, expect: Some(before), document };
        self.kept.change(&call(), vec![put], Vec::new()).await.expect("changed");
    }

    /// The audit file of a replica.
    pub(super) fn audit_of(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{name}.jsonl"))
    }

    /// The lines of a replica's audit.
    pub(super) fn audited(&self, name: &str) -> Vec<serde_json::Value> {
        lines(&self.audit_of(name))
    }
}

fn document(ring: &KeyRing, tag: u8) -> Document {
    Document {
        name: "ring".to_owned(),
        revision: ring.revision(),
        tag: [tag; 16],
        bytes: RingDocument::Active(Box::new(ring.clone())).encode().into(),
    }
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).expect("an audit file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A call of nobody.
pub(super) fn call() -> Call {
    Call {
        guard: None,
        deadline: Instant::now() + BUDGET,
        at: Timestamp::now(),
        trace: TraceId::default(),
        caller: CallerHash([0; 32]),
    }
}

/// A request of that identity.
pub(super) fn by(id: &str) -> Caller {
    let id = id.parse().expect("a SPIFFE ID");
    let role = Roles::default().of(&id);
    let trace = TraceId([9; 16]);
    Caller { id, role, at: Timestamp::now(), since: Instant::now(), trace }
}

/// A policy's fields.
pub(super) fn policy(name: &str, id: &str, path: &str, permissions: &[&str]) -> PolicyFields {
    PolicyFields {
        name: name.to_owned(),
        spiffeid_pattern: id.to_owned(),
        path_pattern: path.to_owned(),
        permissions: permissions.iter().map(ToString::to_string).collect(),
    }
}

impl Replica {
    /// Puts one value.
    pub(super) async fn put(&self, id: &str, path: &str, value: &str) -> Result<()> {
        let values = BTreeMap::from([("v".to_owned(), SecretText::from(value))]);
        let values = Values::new(values).map_err(Error::bad);
        let write = values.map(|values| Write::Put(values.to_plaintext()));
        self.app.write_secret(&by(id), "secret.put", path.parse(), write).await
    }

    /// Deletes versions.
    pub(super) async fn delete(&self, id: &str, path: &str, versions: &[i64]) -> Result<()> {
        let write = Ok(Write::Delete(versions.to_vec()));
        self.app.write_secret(&by(id), "secret.delete", path.parse(), write).await
    }

    /// Brings versions back.
    pub(super) async fn undelete(&self, id: &str, path: &str, versions: &[i64]) -> Result<()> {
        let write = Ok(Write::Undelete(versions.to_vec()));
        self.app.write_secret(&by(id), "secret.undelete", path.parse(), write).await
    }

    /// The value that was put.
    pub(super) async fn get(&self, id: &str, path: &str, version: i64) -> Result<String> {
        let wanted = Wanted::from(version);
        let plaintext = self.app.get_secret(&by(id), path.parse(), wanted).await?;
        let values = Values::from_plaintext(&plaintext).expect("our own form");
        Ok(values.0.get("v").expect("one value").as_str().to_owned())
    }

    /// All paths.
    pub(super) async fn list(&self, id: &str) -> Result<Vec<String>> {
        self.app.list_secrets(&by(id)).await
    }

    /// Grants, as the superuser.
    pub(super) async fn grant(&self, name: &str, path: &str, permissions: &[&str]) -> Result<()> {
        let id = r"^spiffe://spike\.ist/workload/app$";
        self.app.put_policy(&by(ROOT), policy(name, id, path, permissions)).await
    }

    /// Revokes, as the superuser.
    pub(super) async fn revoke(&self, name: &str) -> Result<()> {
        self.app.delete_policy(&by(ROOT), Ok(name.parse().expect("a name"))).await
    }

    /// The names of all policies.
    pub(super) async fn policies(&self) -> Result<Vec<String>> {
        let names = self.app.list_policies(&by(ROOT), Filter::default()).await?;
        Ok(names.iter().map(ToString::to_string).collect())
    }
}
