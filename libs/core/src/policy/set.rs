//! All policies of a moment, and what they decide.

mod index;

use super::{Considered, Explanation, Permissions, Policy, PolicyName, Resource};
use crate::SpiffeId;
use index::Index;

/// May it be done?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// The first policy, by name, that allows it. `None` denies.
    pub allowed_by: Option<&'a PolicyName>,
}

impl Decision<'_> {
    /// True if some policy allows it.
    pub const fn is_allowed(&self) -> bool {
        self.allowed_by.is_some()
    }
}

/// Policies, ready to decide: immutable, and as quick with ten thousand as with ten.
///
/// Two indexes tell which policies can match an identity and which a path; only the shorter list is
/// gone through. A decision takes long only if thousands of policies name neither in any literal way.
#[derive(Debug)]
pub struct PolicySet {
    /// By name.
    policies: Vec<Policy>,
    by_spiffe_id: Index,
    by_path: Index,
}

impl PolicySet {
    /// Of several policies with one name the last one counts.
    pub fn new(mut policies: Vec<Policy>) -> Self {
        policies.reverse();
        policies.sort_by(|a, b| a.name().cmp(b.name()));
        policies.dedup_by(|a, b| a.name() == b.name());
        Self {
            by_spiffe_id: Index::new(policies.iter().map(|policy| policy.0.spiffe_ids.required())),
            by_path: Index::new(policies.iter().map(|policy| policy.0.paths.required())),
            policies,
        }
    }

    /// The policies, by name.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The policy of that name.
    pub fn get(&self, name: &PolicyName) -> Option<&Policy> {
        let at = self.policies.binary_search_by(|policy| policy.name().cmp(name)).ok()?;
        self.policies.get(at)
    }

    /// May `who` do all of `needed` with `what`?
    pub fn decide(&self, who: &SpiffeId, what: Resource<'_>, needed: Permissions) -> Decision<'_> {
        let by_id = self.by_spiffe_id.candidates(who.as_str());
        let by_path = self.by_path.candidates(what.as_str());
        let first = if by_id.len() <= by_path.len() { by_id } else { by_path }
            .iter()
            .filter(|&at| {
                self.policies.get(at).is_some_and(|policy| {
                    policy.permits(needed) && policy.is_for(what) && policy.is_about(who, what)
                })
            })
            .min();
        let policy = first.and_then(|at| self.policies.get(at));
        Decision { allowed_by: policy.map(Policy::name) }
    }

    /// The same, with reasons. Goes through all policies.
    pub fn explain(
        &self,
        who: &SpiffeId,
        what: Resource<'_>,
        needed: Permissions,
    ) -> Explanation<'_> {
        let considered = self
            .policies
            .iter()
            .map(|policy| Considered {
                name: policy.name(),
                spiffe_id_matches: policy.is_about(who, what),
                path_matches: policy.is_for(what),
                missing: policy.0.granted.lacking(needed),
            })
            .filter(|one| one.spiffe_id_matches || one.path_matches)
            .collect();
        Explanation { decision: self.decide(who, what, needed), considered }
    }
}

impl Policy {
    fn permits(&self, needed: Permissions) -> bool {
        self.0.granted.permit(needed)
    }

    /// True if it is for this resource: it matches a secret's path, or describes a system path.
    ///
    /// Policies of Spike's own parts must mean them. Otherwise a pattern like `acl`, written for the
    /// secrets of one team, would hand over all policies.
    fn is_for(&self, what: Resource<'_>) -> bool {
        let (paths, path) = (&self.0.paths, what.as_str());
        if what.is_system() { paths.describes(path) } else { paths.matches(path) }
    }

    /// True if it is about this identity. For a system path it must describe the whole of it.
    fn is_about(&self, who: &SpiffeId, what: Resource<'_>) -> bool {
        let (ids, id) = (&self.0.spiffe_ids, who.as_str());
        if what.is_system() { ids.describes(id) } else { ids.matches(id) }
    }
}

#[cfg(test)]
mod tests;
