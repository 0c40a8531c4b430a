//! What a policy protects.

use crate::SecretPath;

/// A path that is no secret's: it stands for a part of Spike itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemPath {
    /// The policies.
    Acl,
    /// The list of secrets.
    Secret,
    /// Encryption as a service.
    CipherExec,
}

impl SystemPath {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Acl, Self::Secret, Self::CipherExec];

    /// The path as policies write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acl => "spike/system/acl",
            Self::Secret => "spike/system/secret",
            Self::CipherExec => "spike/system/cipher/exec",
        }
    }

    /// The system path that is written like this, if there is one.
    pub fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.as_str() == path)
    }
}

/// What a caller wants to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A secret. One that is called like a system path is as hard to reach as that.
    Path(&'a SecretPath),
    /// A part of Spike itself.
    System(SystemPath),
}

impl<'a> Resource<'a> {
    /// The path as policies write it.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Path(path) => path.as_str(),
            Self::System(system) => system.as_str(),
        }
    }

    /// True for a system path, in whatever way it was asked for.
    pub(super) fn is_system(self) -> bool {
        SystemPath::of(self.as_str()).is_some()
    }
}
