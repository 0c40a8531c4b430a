//! The ring's written form: JSON that people can read, and the bytes that its MAC covers.
//!
//! There is one way to write a ring. What decodes but would be written otherwise (another order,
//! spaces, upper-case hex, an unknown or doubled field) is malformed, so that two different texts are
//! never the same ring.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use spike_core::{ClusterId, Hex, Instance, Quorum, Revision, SetId, ShardDigest};

use super::{Claim, Escrow, KeyRing, RingDocument, ShardSet, SideRoot, SideSet, WrappedKey};
use crate::{KeyPurpose, SealError};

/// The form that this program writes.
const FORMAT: u32 = 1;

/// The lowest form that a program must know to read what this one writes.
const MIN_READER: u32 = 1;

/// Read first and alone, so that a newer ring is named as such and not as malformed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    min_reader: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    format: u32,
    min_reader: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<Instance>,
    cluster_id: ClusterId,
    revision: u64,
    #[serde(flatten)]
    state: State,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum State {
    Claimed(ClaimForm),
    Active(Box<ActiveForm>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClaimForm {
    attempt: u32,
    generation: u64,
    quorum: QuorumForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActiveForm {
    #[serde(flatten)]
    set: SetForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    escrow: Option<EscrowForm>,
    #[serde(default, skip_serializing_if = "is_zero")]
    escrow_above: u32,
    keys: Vec<KeyForm>,
    root_epoch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<SideForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<SideForm>,
    /// Left out of the bytes that it covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<Hex<32>>,
}

#[derive(Serialize, Deserialize)]
struct QuorumForm {
    shares: u64,
    threshold: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetForm {
    epoch: u32,
    attempt: u32,
    generation: u64,
    quorum: QuorumForm,
    set_id: SetId,
    shard_digests: Vec<ShardDigest>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SideForm {
    #[serde(flatten)]
    set: SetForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<KeyForm>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<Hex<32>>,
}

#[derive(Serialize, Deserialize)]
struct EscrowForm {
    set: u32,
    quorum: QuorumForm,
    digests: Vec<ShardDigest>,
    recipients: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct KeyForm {
    id: u32,
    purpose: KeyPurpose,
    active: bool,
    nonce: Hex<12>,
    wrapped: Hex<48>,
}

impl RingDocument {
    /// Reads a ring. Nothing of it is believed yet.
    ///
    /// # Errors
    ///
    /// [`SealError::RingTooNew`] if a newer program wrote it, else [`SealError::RingMalformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SealError> {
        let header: Header = serde_json::from_slice(bytes).map_err(malformed)?;
        if header.min_reader > FORMAT {
            return Err(SealError::RingTooNew { needs: header.min_reader, has: FORMAT });
        }
        let form: Form = serde_json::from_slice(bytes).map_err(malformed)?;
        let ring = Self::try_from(form)?;
        if ring.encode() != bytes {
            return Err(malformed("not written the one way that rings are"));
        }
        Ok(ring)
    }

    /// The bytes to keep.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Claimed(claim) => write(&Form::from(claim)),
            Self::Active(ring) => write(&ring.form(Some(Hex(ring.mac)))),
        }
    }
}

fn write(form: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(form).expect("plain fields and lists always serialise")
}

fn malformed(why: impl Display) -> SealError {
    SealError::RingMalformed(format!("{why}"))
}

impl KeyRing {
    /// Everything but the MAC.
    pub(super) fn canonical(&self) -> Vec<u8> {
        write(&self.form(None))
    }

    fn form(&self, mac: Option<Hex<32>>) -> Form {
        let active = ActiveForm {
            set: SetForm::from(&self.current),
            escrow: self.escrow.as_ref().map(EscrowForm::from),
            escrow_above: self.escrow_above,
            keys: self.keys.iter().map(KeyForm::from).collect(),
            root_epoch: self.root_epoch,
            pending: self.pending.as_ref().map(SideForm::from),
            previous: self.previous.as_ref().map(SideForm::from),
            mac,
        };
        Form {
            format: FORMAT,
            min_reader: MIN_READER,
            instance: self.instance.clone(),
            cluster_id: self.cluster,
            revision: self.revision.0,
            state: State::Active(Box::new(active)),
        }
    }
}

impl SideSet {
    /// Everything but the MAC.
    pub(super) fn canonical(&self) -> Vec<u8> {
        write(&SideForm { mac: None, ..SideForm::from(self) })
    }
}

impl TryFrom<Form> for RingDocument {
    type Error = SealError;

    fn try_from(form: Form) -> Result<Self, SealError> {
        let (cluster, instance) = (form.cluster_id, form.instance);
        let revision = Revision(form.revision);
        match form.state {
            State::Claimed(ClaimForm { attempt, generation, quorum }) => {
                let quorum = Quorum::try_from(quorum)?;
                let attempt = positive(attempt, "attempt")?;
                Ok(Self::Claimed(Claim {
                    revision,
                    instance,
                    cluster,
                    attempt,
                    generation,
                    quorum,
                }))
            }
            State::Active(active) => {
                let ring = KeyRing {
                    revision,
                    instance,
                    cluster,
                    root_epoch: positive(active.root_epoch, "rootEpoch")?,
                    current: active.set.try_into()?,
                    pending: active.pending.map(SideSet::try_from).transpose()?,
                    previous: active.previous.map(SideSet::try_from).transpose()?,
                    escrow: active.escrow.map(Escrow::try_from).transpose()?,
                    escrow_above: active.escrow_above,
                    keys: keys(active.keys)?,
                    mac: active.mac.ok_or_else(|| malformed("no MAC"))?.0,
                };
                Ok(Self::Active(Box::new(ring)))
            }
        }
    }
}

/// What is left out of a ring unless its store was rolled back once.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn positive(number: u32, name: &str) -> Result<u32, SealError> {
    if number == 0 { Err(malformed(format_args!("{name} is 0"))) } else { Ok(number) }
}

fn keys(forms: Vec<KeyForm>) -> Result<Vec<WrappedKey>, SealError> {
    let keys: Vec<WrappedKey> = forms.into_iter().map(WrappedKey::from).collect();
    let mut ids: Vec<u32> = keys.iter().map(|key| key.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() == keys.len() { Ok(keys) } else { Err(malformed("two keys have one id")) }
}

fn digests(of: Vec<ShardDigest>, quorum: Quorum) -> Result<Vec<ShardDigest>, SealError> {
    if of.len() == usize::from(quorum.shares()) {
        Ok(of)
    } else {
        Err(malformed("as many digests as shares are needed"))
    }
}

impl From<&Claim> for Form {
    fn from(claim: &Claim) -> Self {
        let state = State::Claimed(ClaimForm {
            attempt: claim.attempt,
            generation: claim.generation,
            quorum: claim.quorum.into(),
        });
        Self {
            format: FORMAT,
            min_reader: MIN_READER,
            instance: claim.instance.clone(),
            cluster_id: claim.cluster,
            revision: claim.revision.0,
            state,
        }
    }
}

impl From<Quorum> for QuorumForm {
    fn from(quorum: Quorum) -> Self {
        Self { shares: quorum.shares().into(), threshold: quorum.threshold().into() }
    }
}

impl TryFrom<QuorumForm> for Quorum {
    type Error = SealError;

    fn try_from(form: QuorumForm) -> Result<Self, SealError> {
        Self::new(form.shares, form.threshold).map_err(malformed)
    }
}

impl From<&ShardSet> for SetForm {
    fn from(set: &ShardSet) -> Self {
        Self {
            epoch: set.epoch,
            attempt: set.attempt,
            generation: set.generation,
            quorum: set.quorum.into(),
            set_id: set.id,
            shard_digests: set.digests.clone(),
        }
    }
}

impl TryFrom<SetForm> for ShardSet {
    type Error = SealError;

    fn try_from(form: SetForm) -> Result<Self, SealError> {
        let quorum = form.quorum.try_into()?;
        Ok(Self {
            epoch: positive(form.epoch, "epoch")?,
            attempt: positive(form.attempt, "attempt")?,
            generation: form.generation,
            quorum,
            id: form.set_id,
            digests: digests(form.shard_digests, quorum)?,
        })
    }
}

impl From<&SideSet> for SideForm {
    fn from(side: &SideSet) -> Self {
        let root = side.root.as_ref();
        Self {
            set: SetForm::from(&side.set),
            keys: root.map(|root| root.keys.iter().map(KeyForm::from).collect()),
            mac: root.map(|root| Hex(root.mac)),
        }
    }
}

impl TryFrom<SideForm> for SideSet {
    type Error = SealError;

    fn try_from(form: SideForm) -> Result<Self, SealError> {
        let root = match (form.keys, form.mac) {
            (None, None) => None,
            (Some(wrapped), Some(mac)) => Some(SideRoot { keys: keys(wrapped)?, mac: mac.0 }),
            _ => return Err(malformed("keys of another root go with its MAC")),
        };
        Ok(Self { set: form.set.try_into()?, root })
    }
}

impl From<&Escrow> for EscrowForm {
    fn from(escrow: &Escrow) -> Self {
        Self {
            set: escrow.set,
            quorum: escrow.quorum.into(),
            digests: escrow.digests.clone(),
            recipients: escrow.recipients.clone(),
        }
    }
}

impl TryFrom<EscrowForm> for Escrow {
    type Error = SealError;

    fn try_from(form: EscrowForm) -> Result<Self, SealError> {
        let quorum = form.quorum.try_into()?;
        if !form.recipients.is_empty() && form.recipients.len() != form.digests.len() {
            return Err(malformed("each recovery shard has its own recipient"));
        }
        let digests = digests(form.digests, quorum)?;
        Ok(Self { set: form.set, quorum, digests, recipients: form.recipients })
    }
}

impl From<&WrappedKey> for KeyForm {
    fn from(key: &WrappedKey) -> Self {
        let (nonce, wrapped) = (Hex(key.nonce), Hex(key.wrapped));
        Self { id: key.id, purpose: key.purpose, active: key.active, nonce, wrapped }
    }
}

impl From<KeyForm> for WrappedKey {
    fn from(form: KeyForm) -> Self {
        let (nonce, wrapped) = (form.nonce.0, form.wrapped.0);
        Self { id: form.id, purpose: form.purpose, active: form.active, nonce, wrapped }
    }
}
