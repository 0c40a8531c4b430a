//! Who proves identities, and how the root key is split, found again and recovered.

use spike_core::Quorum;

use super::{IdentityKind, problem::Problems};
use crate::{
    SpikeClusterSpec,
    cluster::{Shamir, Unseal},
    rules,
};

impl Problems {
    pub(super) fn identity(&mut self, spec: &SpikeClusterSpec) -> Option<IdentityKind> {
        let kinds = [
            spec.identity.spire.is_some().then_some(IdentityKind::Spire),
            spec.identity.builtin.is_some().then_some(IdentityKind::Builtin),
        ];
        self.one_of(&rules::IDENTITY, &kinds)
    }

    pub(super) fn quorum(&mut self, shamir: &Shamir) -> Option<Quorum> {
        let Shamir { shares, threshold, generation, .. } = *shamir;
        self.within("spec.shamir.shares", shares.into(), 2, 15);
        self.within("spec.shamir.threshold", threshold.into(), 2, 15);
        self.require(generation >= 1, "spec.shamir.generation", || {
            format!("spec.shamir.generation ({generation}) must be at least 1")
        });
        let numbers = [threshold.into(), shares.into()];
        self.obey(&rules::THRESHOLD, threshold <= shares, &numbers);
        // With more than all it is the rule above that is broken, and to say both would confuse.
        let redundant = shares != threshold || shamir.allow_no_redundancy == Some(true);
        self.obey(&rules::REDUNDANCY, redundant, &[]);
        Quorum::new(u64::try_from(shares).ok()?, u64::try_from(threshold).ok()?).ok()
    }

    pub(super) fn unseal(&mut self, unseal: &Unseal) {
        self.require(unseal.shamir.is_some(), "spec.unseal", || {
            "spec.unseal needs exactly one of shamir".to_owned()
        });
    }

    pub(super) fn recovery(&mut self, spec: &SpikeClusterSpec) {
        let Some(age) = spec.recovery.as_ref().and_then(|recovery| recovery.age.as_ref()) else {
            return;
        };
        let threshold = usize::try_from(spec.shamir.threshold).unwrap_or_default();
        self.obey(&rules::RECIPIENTS, age.recipients.len() >= threshold, &[]);
        let mut differ = age.recipients.clone();
        differ.sort();
        differ.dedup();
        self.obey(&rules::RECIPIENTS_DIFFER, differ.len() == age.recipients.len(), &[]);
        let public = age.recipients.iter().all(|recipient| recipient.starts_with("age1"));
        self.obey(&rules::RECIPIENTS_PUBLIC, public, &[]);
    }
}
