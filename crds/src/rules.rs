//! The rules, in the order in which the API server tells of them.
//!
//! Each has an accepted and a refused manifest in `crds/tests/rules`, which are judged by the real
//! API server, by the same expressions in this process, and by [`validate`](crate::validate).

use crate::rule::Rule;

const SPEC: &[&str] = &["spec"];
const SHAMIR: &[&str] = &["spec.shamir"];
const POSTGRES: &[&str] = &["spec.store.postgres"];
const OVERRIDES: &[&str] = &["spec.nexus.podOverrides", "spec.keeper.podOverrides"];

/// Every rule.
pub const RULES: &[Rule] = &[
    NAME,
    TRUST_DOMAIN,
    IDENTITY,
    IDENTITY_KIND,
    STORE,
    STORE_KIND,
    STORE_RESERVED,
    POSTGRES_SERVER,
    POSTGRES_CREDENTIALS,
    ONE_NEXUS,
    AUTOSCALING,
    KEEPER_REPLICAS,
    THRESHOLD,
    REDUNDANCY,
    RESHARE,
    RECIPIENTS,
    RECIPIENTS_DIFFER,
    RECIPIENTS_PUBLIC,
    HYDRATION_TIMEOUT,
    IMAGE,
    IMAGE_REPOSITORY,
    OVERRIDDEN_LABELS,
    OVERRIDDEN_ENV,
];

/// Its Services are named after it with a suffix, and the label that Kubernetes puts on Keepers with
/// one of twenty-four characters.
pub(crate) const NAME: Rule = Rule {
    name: "name",
    at: &[""],
    field: "metadata.name",
    cel: "size(self.metadata.name) <= 39 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    says: "metadata.name must be a DNS label of at most 39 characters that starts with a letter (it names Services)",
    numbers: &[],
};

/// Every identity and every policy has it written in.
pub(crate) const TRUST_DOMAIN: Rule = Rule {
    name: "trust-domain",
    at: &["spec.trustDomain"],
    field: "",
    cel: "self == oldSelf",
    says: "spec.trustDomain is immutable",
    numbers: &[],
};

/// Nobody is without one, and of two each would prove others.
pub(crate) const IDENTITY: Rule = Rule {
    name: "identity",
    at: &["spec.identity"],
    field: "",
    cel: "has(self.spire) != has(self.builtin)",
    says: "spec.identity needs exactly one of spire and builtin",
    numbers: &[],
};

/// Nexus and Keepers wouldn't know each other halfway.
pub(crate) const IDENTITY_KIND: Rule = Rule {
    name: "identity-kind",
    at: SPEC,
    field: ".identity",
    cel: "has(self.identity.spire) == has(oldSelf.identity.spire)",
    says: "the kind of spec.identity is immutable",
    numbers: &[],
};

/// Two stores would be two truths. Reserved names count: that they are is a rule of its own.
pub(crate) const STORE: Rule = Rule {
    name: "store",
    at: &["spec.store"],
    field: "",
    cel: "[has(self.postgres), has(self.s3), has(self.sqlite), has(self.memory), has(self.plugin)].filter(set, set).size() == 1",
    says: "spec.store needs exactly one of postgres, sqlite and memory",
    numbers: &[],
};

/// Another store is empty, and an empty store looks like a new cluster.
pub(crate) const STORE_KIND: Rule = Rule {
    name: "store-kind",
    at: SPEC,
    field: ".store",
    cel: "(has(self.store.postgres) == has(oldSelf.store.postgres) && has(self.store.s3) == has(oldSelf.store.s3) && has(self.store.sqlite) == has(oldSelf.store.sqlite) && has(self.store.memory) == has(oldSelf.store.memory) && has(self.store.plugin) == has(oldSelf.store.plugin)) || (oldSelf.paused && self.paused)",
    says: "the kind of spec.store can only be changed while spec.paused is true, to a store that has the data of this cluster already: nothing moves it",
    numbers: &[],
};

/// The names are taken already, so that their fields can be added without a surprise.
pub(crate) const STORE_RESERVED: Rule = Rule {
    name: "store-reserved",
    at: &["spec.store"],
    field: "",
    cel: "!has(self.s3) && !has(self.plugin)",
    says: "spec.store.s3 and .plugin are reserved for later versions: use postgres, sqlite or memory",
    numbers: &[],
};

/// Two servers would be two truths.
pub(crate) const POSTGRES_SERVER: Rule = Rule {
    name: "postgres-server",
    at: POSTGRES,
    field: "",
    cel: "[has(self.host), has(self.serviceRef), has(self.clusterRef), has(self.urlRef)].filter(set, set).size() == 1",
    says: "spec.store.postgres needs exactly one of host, serviceRef, clusterRef and urlRef",
    numbers: &[],
};

/// Only `CloudNativePG` has credentials of its own, and a URL has them inside.
pub(crate) const POSTGRES_CREDENTIALS: Rule = Rule {
    name: "postgres-credentials",
    at: POSTGRES,
    field: "",
    cel: "has(self.urlRef) ? !has(self.credentialsRef) : (has(self.credentialsRef) || has(self.clusterRef))",
    says: "spec.store.postgres.credentialsRef is needed with host and serviceRef, optional with clusterRef, and refused with urlRef, whose URL has credentials",
    numbers: &[],
};

/// A file has one writer.
pub(crate) const ONE_NEXUS: Rule = Rule {
    name: "one-nexus",
    at: SPEC,
    field: ".nexus.replicas",
    cel: "!(has(self.store.sqlite) || has(self.store.memory)) || (self.nexus.replicas == 1 && !has(self.nexus.autoscaling))",
    says: "spec.store.sqlite and .memory belong to one Nexus: set spec.nexus.replicas to 1 (is %d) and remove spec.nexus.autoscaling",
    numbers: &["self.nexus.replicas"],
};

/// The autoscaler refuses it as well, but only its own object would tell.
pub(crate) const AUTOSCALING: Rule = Rule {
    name: "autoscaling",
    at: &["spec.nexus"],
    field: ".autoscaling.maxReplicas",
    cel: "!has(self.autoscaling) || self.autoscaling.maxReplicas >= self.replicas",
    says: "spec.nexus.autoscaling.maxReplicas (%d) must not be less than spec.nexus.replicas (%d)",
    numbers: &["self.autoscaling.maxReplicas", "self.replicas"],
};

/// A Keeper without a shard, or a shard without a Keeper.
pub(crate) const KEEPER_REPLICAS: Rule = Rule {
    name: "keeper-replicas",
    at: SPEC,
    field: ".keeper.replicas",
    cel: "!has(self.keeper.replicas) || self.keeper.replicas == self.shamir.shares",
    says: "spec.keeper.replicas (%d) must equal spec.shamir.shares (%d): remove spec.keeper.replicas or change both together",
    numbers: &["self.keeper.replicas", "self.shamir.shares"],
};

/// More shards than there are rebuild nothing.
pub(crate) const THRESHOLD: Rule = Rule {
    name: "threshold",
    at: SHAMIR,
    field: ".threshold",
    cel: "self.threshold <= self.shares",
    says: "spec.shamir.threshold (%d) must not exceed spec.shamir.shares (%d)",
    numbers: &["self.threshold", "self.shares"],
};

/// It is allowed to those who say that they know. A threshold above all is the rule before.
pub(crate) const REDUNDANCY: Rule = Rule {
    name: "redundancy",
    at: SHAMIR,
    field: "",
    cel: "self.shares != self.threshold || (has(self.allowNoRedundancy) && self.allowNoRedundancy)",
    says: "with shares == threshold one lost Keeper makes the root key unrecoverable without recovery shards; set allowNoRedundancy: true to accept that",
    numbers: &[],
};

/// Any other generation will do: who applies a history may jump, or go back.
pub(crate) const RESHARE: Rule = Rule {
    name: "reshare",
    at: SHAMIR,
    field: ".generation",
    cel: "(self.shares == oldSelf.shares && self.threshold == oldSelf.threshold) || self.generation != oldSelf.generation",
    says: "shares and threshold change only together with spec.shamir.generation (re-share): set it to %d",
    numbers: &["oldSelf.generation + 1"],
};

/// Fewer custodians than shards that are needed could never restore.
pub(crate) const RECIPIENTS: Rule = Rule {
    name: "recipients",
    at: SPEC,
    field: ".recovery.age.recipients",
    cel: "!has(self.recovery) || !has(self.recovery.age) || size(self.recovery.age.recipients) >= self.shamir.threshold",
    says: "spec.recovery.age.recipients needs at least spec.shamir.threshold recipients",
    numbers: &[],
};

/// A custodian who is named twice would hold two shards.
pub(crate) const RECIPIENTS_DIFFER: Rule = Rule {
    name: "recipients-differ",
    at: &["spec.recovery.age"],
    field: ".recipients",
    cel: "self.recipients.all(one, self.recipients.exists_one(other, one == other))",
    says: "spec.recovery.age.recipients names someone twice: each custodian holds one shard",
    numbers: &[],
};

/// A secret key that is written here has been told to everyone who may look at the manifest. The
/// answer must not repeat it, as a pattern's would.
pub(crate) const RECIPIENTS_PUBLIC: Rule = Rule {
    name: "recipients-public",
    at: &["spec.recovery.age"],
    field: ".recipients",
    cel: "self.recipients.all(one, one.startsWith('age1'))",
    says: "spec.recovery.age.recipients must be age public keys, age1…; if a secret key was written there, make another",
    numbers: &[],
};

/// No fractions: they have no use here. Nothing at all would be no time to come up.
pub(crate) const HYDRATION_TIMEOUT: Rule = Rule {
    name: "hydration-timeout",
    at: &["spec.rollout.hydrationTimeout"],
    field: "",
    cel: "self.matches('^([0-9]+(ms|s|m|h))+$') && self.matches('[1-9]')",
    says: "spec.rollout.hydrationTimeout must be a duration such as 10m or 90s",
    numbers: &[],
};

/// One of them would be ignored.
pub(crate) const IMAGE: Rule = Rule {
    name: "image",
    at: &["spec.image"],
    field: "",
    cel: "!(has(self.tag) && has(self.digest))",
    says: "spec.image takes a tag or a digest, not both",
    numbers: &[],
};

/// The tag would be followed by another one, and the image be nobody's.
pub(crate) const IMAGE_REPOSITORY: Rule = Rule {
    name: "image-repository",
    at: &["spec.image"],
    field: ".repository",
    cel: "!has(self.repository) || !self.repository.matches('@|://|:[^/]*$')",
    says: "spec.image.repository must be without a tag, a digest and a scheme: a tag belongs in spec.image.tag, a digest in spec.image.digest",
    numbers: &[],
};

/// Selectors, owners and adoption rest on them.
pub(crate) const OVERRIDDEN_LABELS: Rule = Rule {
    name: "overridden-labels",
    at: OVERRIDES,
    field: "",
    cel: "(!has(self.labels) || self.labels.all(key, !key.matches('^(.+[.])?spike[.]ist/|^app[.]kubernetes[.]io/'))) && (!has(self.annotations) || self.annotations.all(key, !key.matches('^(.+[.])?spike[.]ist/|^app[.]kubernetes[.]io/')))",
    says: "labels and annotations under spike.ist/ and app.kubernetes.io/ are the operator's: podOverrides can't have them",
    numbers: &[],
};

/// They say who is believed, and where the keys are.
pub(crate) const OVERRIDDEN_ENV: Rule = Rule {
    name: "overridden-env",
    at: OVERRIDES,
    field: ".env",
    cel: "!has(self.env) || self.env.all(variable, !variable.name.startsWith('SPIKE_') && !variable.name.startsWith('SPIFFE_') && !(variable.name in ['STORE_USER', 'STORE_ROLE']))",
    says: "variables SPIKE_*, SPIFFE_*, STORE_USER and STORE_ROLE are the operator's: podOverrides.env can't have them",
    numbers: &[],
};
