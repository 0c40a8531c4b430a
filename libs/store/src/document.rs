//! Documents: the key ring, the policies and their manifest, each encrypted or MACed by Nexus.

use bytes::Bytes;
use spike_core::Revision;

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The key ring; one document, named "ring". Its revision is the ring epoch.
    Ring,
    /// The list of policies; one document, named "manifest". Its revision and tag are the generation.
    Manifest,
    /// A policy, by name.
    Policy,
    /// Audit heads and segments; inserted once (`expect: None`), never changed or dropped.
    Audit,
}

impl Kind {
    /// How SQL stores keep it. Never another number for the same kind: it stands in databases.
    pub const fn code(self) -> i16 {
        match self {
            Self::Ring => 1,
            Self::Manifest => 2,
            Self::Policy => 3,
            Self::Audit => 4,
        }
    }
}

/// The name of the only [`Kind::Ring`].
pub const RING: &str = "ring";

/// The name of the only [`Kind::Manifest`].
pub const MANIFEST: &str = "manifest";

/// Which documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// All of the kind.
    All,
    /// These; missing ones are left out of the answer.
    These(Vec<String>),
}

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name, unique within its kind.
    pub name: String,
    /// Rises with every change.
    pub revision: Revision,
    /// Chosen by the writer: tells its own write from another's after a lost answer.
    pub tag: [u8; 16],
    /// What it says.
    pub bytes: Bytes,
}

/// A document to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentPut {
    /// What it is.
    pub kind: Kind,
    /// The revision that must be there; `None` for no such document.
    pub expect: Option<Revision>,
    /// What to write. Its revision is above the expected one.
    pub document: Document,
}

/// A document to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentDrop {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The revision that must be there.
    pub expect: Revision,
}
