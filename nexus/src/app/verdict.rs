//! Whether a caller may: by its role, by a policy, or not at all. Pure.

use spike_core::{
    Role, SecretPath, SpiffeId,
    policy::{Permission, PolicyName, PolicySet, Resource, SystemPath},
};

/// What has to be granted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask<'a> {
    /// Something of secrets or policies: the superuser's, or granted by a policy.
    Kept {
        /// On what.
        resource: Resource<'a>,
        /// Which permission.
        needs: Permission,
        /// The answer is made of the policies themselves, so that even a role's decision needs the
        /// present ones.
        of_policies: bool,
    },
    /// Encryption as a service.
    Cipher,
    /// Something that only one role may, whatever policies say.
    Role {
        /// Which.
        only: Role,
        /// The answer is made of the policies themselves.
        of_policies: bool,
    },
}

impl<'a> Ask<'a> {
    /// A permission on one secret.
    pub(crate) const fn secret(path: &'a SecretPath, needs: Permission) -> Self {
        Self::Kept { resource: Resource::Path(path), needs, of_policies: false }
    }

    /// To name every secret.
    pub(crate) const fn secrets() -> Self {
        let resource = Resource::System(SystemPath::Secret);
        Self::Kept { resource, needs: Permission::List, of_policies: false }
    }

    /// A permission on the policies.
    pub(crate) const fn policies(needs: Permission) -> Self {
        Self::Kept { resource: Resource::System(SystemPath::Acl), needs, of_policies: true }
    }

    /// To see through everyone's eyes: the superuser's, and made of the policies.
    pub(crate) const fn inspection() -> Self {
        Self::Role { only: Role::Superuser, of_policies: true }
    }

    /// Anything on a resource: what a role says of it, before any permission is looked at.
    pub(crate) const fn anything(resource: Resource<'a>) -> Self {
        Self::Kept { resource, needs: Permission::Read, of_policies: true }
    }

    /// To play one role.
    pub(crate) const fn role(only: Role) -> Self {
        Self::Role { only, of_policies: false }
    }

    /// To be the superuser.
    pub(crate) const fn superuser() -> Self {
        Self::role(Role::Superuser)
    }

    /// True if the answer itself is made of the policies.
    pub(crate) const fn is_of_policies(&self) -> bool {
        matches!(self, Self::Kept { of_policies: true, .. } | Self::Role { of_policies: true, .. })
    }
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The caller's role allows it.
    ByRole,
    /// This policy allows it.
    ByPolicy(PolicyName),
    /// The caller's role may never have it.
    Barred,
    /// No policy allows it.
    Denied,
}

impl Verdict {
    /// Decides.
    pub(crate) fn of(
        ask: &Ask<'_>,
        id: &SpiffeId,
        role: Option<Role>,
        policies: &PolicySet,
    ) -> Self {
        let (resource, needs) = match (ask, role) {
            (Ask::Role { only, .. }, _) if role == Some(*only) => return Self::ByRole,
            (Ask::Role { .. }, _) => return Self::Barred,
            (_, Some(Role::Superuser)) | (Ask::Cipher, Some(Role::Lite)) => return Self::ByRole,
            (_, Some(Role::Operator | Role::Lite)) => return Self::Barred,
            (Ask::Cipher, _) => (Resource::System(SystemPath::CipherExec), Permission::Execute),
            (Ask::Kept { resource, needs, .. }, _) => (*resource, *needs),
        };
        policies
            .decide(id, resource, needs.into())
            .allowed_by
            .map_or(Self::Denied, |name| Self::ByPolicy(name.clone()))
    }

    /// True if the caller may.
    pub(crate) const fn allows(&self) -> bool {
        matches!(self, Self::ByRole | Self::ByPolicy(_))
    }

    /// True if other policies could have made it another one.
    pub(crate) const fn rests_on_policies(&self) -> bool {
        matches!(self, Self::ByPolicy(_) | Self::Denied)
    }

    /// The policy that allowed it.
    pub(crate) const fn policy(&self) -> Option<&PolicyName> {
        match self {
            Self::ByPolicy(name) => Some(name),
            _ => None,
        }
    }
}
