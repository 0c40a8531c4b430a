//! What a policy can permit.

use std::{fmt, str::FromStr};

/// One thing that a policy permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Read secrets and metadata, or policies.
    Read,
    /// Put, delete and undelete secrets, or policies.
    Write,
    /// List paths, or policies.
    List,
    /// Encrypt and decrypt.
    Execute,
    /// All of the above.
    Super,
}

/// A text that is not a [`Permission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a permission is one of read, write, list, execute, super")]
pub struct InvalidPermission;

impl Permission {
    /// Every permission, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::List, Self::Execute, Self::Super];

    /// The permission as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Execute => "execute",
            Self::Super => "super",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or(InvalidPermission)
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// Only this one.
    pub const fn only(permission: Permission) -> Self {
        Self(permission.bit())
    }

    /// True if nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if all of `needed` is permitted: [`Permission::Super`] permits everything.
    pub const fn permit(self, needed: Self) -> bool {
        self.lacking(needed).is_empty()
    }

    /// What of `needed` is not permitted.
    pub const fn lacking(self, needed: Self) -> Self {
        if self.0 & Permission::Super.bit() == 0 { Self(needed.0 & !self.0) } else { Self::NONE }
    }

    /// Its members, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |one| self.0 & one.bit() != 0)
    }
}

impl From<Permission> for Permissions {
    fn from(permission: Permission) -> Self {
        Self::only(permission)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, one| bits | one.bit()))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, permission) in self.iter().enumerate() {
            write!(f, "{}{permission}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(permissions: &[Permission]) -> Permissions {
        permissions.iter().copied().collect()
    }

    #[test]
    fn all_that_is_needed_must_be_there() {
        let granted = set(&[Permission::Read, Permission::List]);
        assert!(granted.permit(Permission::Read.into()));
        assert!(!granted.permit(set(&[Permission::Read, Permission::Write])));
        assert_eq!(granted.lacking(set(&Permission::ALL)).to_string(), "write, execute, super");
    }

    #[test]
    fn super_permits_everything() {
        assert!(Permissions::only(Permission::Super).permit(set(&Permission::ALL)));
        assert!(!set(&[Permission::Read, Permission::Write]).permit(Permission::Super.into()));
    }

    #[test]
    fn permissions_are_written_in_lower_case() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
        for wrong in ["", "Read", "read ", "delete", "*"] {
            assert_eq!(wrong.parse::<Permission>(), Err(InvalidPermission), "{wrong}");
        }
    }
}
