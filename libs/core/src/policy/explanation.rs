//! Why a request is allowed or denied, for people.

use std::fmt;

use super::{Decision, Permissions, PolicyName};

/// A decision and how every policy contributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// As [`super::PolicySet::decide`] says.
    pub decision: Decision<'a>,
    /// The policies that match the identity or the path, by name.
    pub considered: Vec<Considered<'a>>,
}

/// How far one policy went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Considered<'a> {
    /// Its name.
    pub name: &'a PolicyName,
    /// It is about this identity.
    pub spiffe_id_matches: bool,
    /// It is about this path.
    pub path_matches: bool,
    /// What is needed and it doesn't permit.
    pub missing: Permissions,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.decision.allowed_by {
            return write!(f, "policy {:?} allows it", name.as_str());
        }
        let lacking = self.considered.iter().find(|one| one.spiffe_id_matches && one.path_matches);
        if let Some(Considered { name, missing, .. }) = lacking {
            return write!(f, "policy {:?} matches but does not permit {missing}", name.as_str());
        }
        match self.considered.len() {
            0 => f.write_str("no policy matches this identity or this path"),
            1 => f.write_str("one policy matches the identity or the path, but not both"),
            many => write!(f, "{many} policies match the identity or the path, but none both"),
        }
    }
}
