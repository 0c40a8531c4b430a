//! Policies: reading, listing, writing. A write changes the manifest with the policy or not at all.

pub(crate) mod load;
pub(crate) mod manifest;
pub(crate) mod memo;

use spike_core::{
    Revision,
    policy::{Permission, Policy, PolicyFields, PolicyName},
};
use spike_seal::{DocumentAt, DocumentPurpose};
use spike_store::{Document, DocumentDrop, DocumentPut, Kind, StoreError};
use tokio::time::timeout_at;

use self::manifest::{Digest, Entry, Manifest, tag};
use super::{
    App,
    audited::Trail,
    caller::{BUDGET, Caller},
    error::{Error, Result},
    settle::{Standing, pause},
    verdict::Ask,
};

/// After so many lost races the caller is asked to come back. Within one process writers of
/// policies take turns, so each lost race is another replica's win.
const RACES: u32 = 16;

/// Which policies are listed: those with exactly these patterns; `None` for any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// The pattern of identities.
    pub(crate) spiffeid_pattern: Option<String>,
    /// The pattern of paths.
    pub(crate) path_pattern: Option<String>,
}

impl Filter {
    fn admits(&self, policy: &Policy) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|w| w == has);
        is(&self.spiffeid_pattern, policy.spiffeid_pattern())
            && is(&self.path_pattern, policy.path_pattern())
    }
}

/// A change of the policies.
enum Change {
    /// A policy, and how it was written.
    Put(Policy, PolicyFields),
    /// The policy of this name goes.
    Remove(PolicyName),
}

/// What a change amounts to: written in one piece.
struct Plan {
    put: Option<DocumentPut>,
    dropped: Option<DocumentDrop>,
    manifest: DocumentPut,
    /// What the manifest says of the policy once this happened.
    leaves: Option<Entry>,
}

impl App {
    /// The policy of that name.
    pub(crate) async fn get_policy(
        &self,
        caller: &Caller,
        name: Result<PolicyName>,
    ) -> Result<Policy> {
        let mut trail = Trail::new(caller, "policy.get");
        let ask = Ask::policies(Permission::Read);
        let result = self.allowed(&mut trail, caller, &ask).await.and_then(|standing| {
            let name = name?;
            trail.about(&name);
            standing.known.policies.get(&name).cloned().ok_or(Error::NotFound)
        });
        self.told(trail, result).await
    }

    /// The names of the policies that `filter` admits, in byte order.
    pub(crate) async fn list_policies(
        &self,
        caller: &Caller,
        filter: Filter,
    ) -> Result<Vec<PolicyName>> {
        let mut trail = Trail::new(caller, "policy.list");
        let ask = Ask::policies(Permission::List);
        let result = self.allowed(&mut trail, caller, &ask).await.map(|standing| {
            let policies = standing.known.policies.set().policies().iter();
            policies.filter(|p| filter.admits(p)).map(|p| p.name().clone()).collect()
        });
        self.told(trail, result).await
    }

    /// Creates a policy, or replaces the one of that name.
    pub(crate) async fn put_policy(&self, caller: &Caller, fields: PolicyFields) -> Result<()> {
        let mut trail = Trail::new(caller, "policy.put");
        let policy = Policy::new(fields.clone(), caller.at, caller.at).map_err(Error::bad);
        let change = policy.map(|policy| Change::Put(policy, fields));
        let result = self.change(&mut trail, caller, change).await;
        self.settled(trail, result).await
    }

    /// Removes the policy of that name.
    pub(crate) async fn delete_policy(
        &self,
        caller: &Caller,
        name: Result<PolicyName>,
    ) -> Result<()> {
        let mut trail = Trail::new(caller, "policy.delete");
        let result = self.change(&mut trail, caller, name.map(Change::Remove)).await;
        self.settled(trail, result).await
    }

    async fn change(
        &self,
        trail: &mut Trail<'_>,
        caller: &Caller,
        change: Result<Change>,
    ) -> Result<()> {
        let ask = Ask::policies(Permission::Write);
        // Whoever may not write doesn't keep those waiting who may.
        self.allowed(trail, caller, &ask).await?;
        let turn = timeout_at(caller.deadline(), self.policy_lane.lock()).await;
        let _turn = turn.map_err(|_| Error::Crowded)?;
        let mut standing = self.allowed(trail, caller, &ask).await?;
        let change = change?;
        trail.about(change.name());
        for round in 0..RACES {
            pause(round).await;
            let plan = change.plan(&standing)?;
            let leaves = plan.leaves.clone();
            let Revision(counter) = plan.manifest.document.revision;
            trail.at(None, Revision(counter));
            self.announce(trail).await?;
            let unsure = match self.write_policies(caller, &standing, plan).await {
                Ok(()) => {
                    // Whoever was told of this change is never served from before it.
                    self.watermark.raise(counter);
                    return Ok(());
                }
                Err(StoreError::Stale { .. } | StoreError::DocumentConflict { .. }) => false,
                Err(StoreError::Ambiguous { .. }) => true,
                Err(error) => return Err(error.into()),
            };
            standing = match self.allowed(trail, caller, &ask).await {
                Ok(standing) => standing,
                Err(_) if unsure => return Err(StoreError::Ambiguous { source: None }.into()),
                Err(error) => return Err(error),
            };
            if unsure && standing.known.policies.manifest().entry(change.name()) == leaves.as_ref()
            {
                return Ok(());
            }
        }
        Err(Error::Contended(RACES))
    }

    /// Commits; a lost answer is asked for again with the same tags.
    async fn write_policies(
        &self,
        caller: &Caller,
        standing: &Standing,
        plan: Plan,
    ) -> std::result::Result<(), StoreError> {
        let call = standing.guarded(caller);
        let puts: Vec<_> = plan.put.into_iter().chain([plan.manifest]).collect();
        let drops: Vec<_> = plan.dropped.into_iter().collect();
        let mut round = 0;
        loop {
            match self.store.change(&call, puts.clone(), drops.clone()).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Ambiguous { .. }) if caller.since.elapsed() < BUDGET / 2 => {
                    round += 1;
                    pause(round).await;
                }
                // The first try may have been the one that moved the generation.
                Err(StoreError::Stale { .. } | StoreError::DocumentConflict { .. })
                    if round > 0 =>
                {
                    return Err(StoreError::Ambiguous { source: None });
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Change {
    fn name(&self) -> &PolicyName {
        match self {
            Self::Put(policy, _) => policy.name(),
            Self::Remove(name) => name,
        }
    }

    /// What has to be written for the change, on top of what stands.
    fn plan(&self, standing: &Standing) -> Result<Plan> {
        let policies = &standing.known.policies;
        let before = policies.manifest();
        let existing = before.entry(self.name());
        let mut next = before.next(&mut rand::rng());
        let (put, dropped, leaves) = match self {
            Self::Put(policy, fields) => {
                let policy = replacing(policy, fields, policies.get(policy.name()))?;
                let document = seal(standing, &policy, &next)?;
                let entry = Entry {
                    name: policy.name().clone(),
                    revision: document.revision,
                    digest: Digest::of(&document.bytes),
                };
                next.set(entry.clone());
                let expect = existing.map(|entry| entry.revision);
                (Some(DocumentPut { kind: Kind::Policy, expect, document }), None, Some(entry))
            }
            Self::Remove(name) => {
                let expect = existing.ok_or(Error::NotFound)?.revision;
                next.remove(name);
                (
                    None,
                    Some(DocumentDrop { kind: Kind::Policy, name: name.to_string(), expect }),
                    None,
                )
            }
        };
        let keys = &standing.known.unsealed.keys;
        let manifest = next.put(keys, &mut rand::rng(), Some(before.revision()));
        let manifest = manifest.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Plan { put, dropped, manifest, leaves })
    }
}

/// The policy, created when the one was that it replaces.
fn replacing(policy: &Policy, fields: &PolicyFields, before: Option<&Policy>) -> Result<Policy> {
    match before {
        None => Ok(policy.clone()),
        Some(before) => Policy::new(fields.clone(), before.created_at(), policy.updated_at())
            .map_err(Error::bad),
    }
}

/// The policy's document. Its revision is the generation's counter, which no other write ever had.
fn seal(standing: &Standing, policy: &Policy, next: &Manifest) -> Result<Document> {
    let rng = &mut rand::rng();
    let (name, revision, tag) = (policy.name().to_string(), next.revision(), tag(rng));
    let at = DocumentAt { purpose: DocumentPurpose::Policy, name: &name, revision, tag };
    let plain = serde_json::to_vec(policy).expect("texts and times are always JSON");
    let sealed = standing.known.unsealed.keys.seal_document(rng, at, &plain);
    let bytes = sealed.map_err(|error| Error::Internal(error.to_string()))?.into();
    Ok(Document { name, revision, tag, bytes })
}
