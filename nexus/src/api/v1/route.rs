//! Which operation a request of SPIKE's protocol asks for, and whether it may even be looked at.
//!
//! SPIKE dispatches by an exact match of `action` and path; a trailing slash is another path. The
//! order of the checks is part of the protocol: a sealed Nexus answers 503 even for a path that
//! doesn't exist.

use http::Method;

/// An operation of SPIKE's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    /// Writes a new version of a secret.
    SecretPut,
    /// Reads a version of a secret.
    SecretGet,
    /// Marks versions as deleted.
    SecretDelete,
    /// Brings deleted versions back.
    SecretUndelete,
    /// Names every path.
    SecretList,
    /// Describes the versions of a path.
    SecretMetadata,
    /// Creates or replaces a policy.
    PolicyPut,
    /// Reads a policy.
    PolicyGet,
    /// Removes a policy.
    PolicyDelete,
    /// Names the policies.
    PolicyList,
    /// Encrypts bytes for the caller.
    Encrypt,
    /// Decrypts what [`Route::Encrypt`] made.
    Decrypt,
    /// Hands out recovery shards.
    Recover,
    /// Takes a recovery shard.
    Restore,
    /// Proves to Bootstrap that this Nexus holds the root key.
    Verify,
}

use Route::{
    Decrypt, Encrypt, PolicyDelete, PolicyGet, PolicyList, PolicyPut, Recover, Restore,
    SecretDelete, SecretGet, SecretList, SecretMetadata, SecretPut, SecretUndelete, Verify,
};

/// Every operation with its action and path.
pub(crate) const TABLE: [(Route, &str, &str); 15] = [
    (SecretPut, "", "/v1/store/secrets"),
    (SecretGet, "get", "/v1/store/secrets"),
    (SecretDelete, "delete", "/v1/store/secrets"),
    (SecretUndelete, "undelete", "/v1/store/secrets"),
    (SecretList, "list", "/v1/store/secrets"),
    (SecretMetadata, "get", "/v1/store/secrets/metadata"),
    (PolicyPut, "", "/v1/acl/policy"),
    (PolicyGet, "get", "/v1/acl/policy"),
    (PolicyDelete, "delete", "/v1/acl/policy"),
    (PolicyList, "list", "/v1/acl/policy"),
    (Encrypt, "", "/v1/cipher/encrypt"),
    (Decrypt, "", "/v1/cipher/decrypt"),
    (Recover, "", "/v1/operator/recover"),
    (Restore, "", "/v1/operator/restore"),
    (Verify, "", "/v1/bootstrap/verify"),
];

impl Route {
    /// The name in metrics and in the audit.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            SecretPut => "secret.put",
            SecretGet => "secret.get",
            SecretDelete => "secret.delete",
            SecretUndelete => "secret.undelete",
            SecretList => "secret.list",
            SecretMetadata => "secret.metadata",
            PolicyPut => "policy.put",
            PolicyGet => "policy.get",
            PolicyDelete => "policy.delete",
            PolicyList => "policy.list",
            Encrypt => "cipher.encrypt",
            Decrypt => "cipher.decrypt",
            Recover => "operator.recover",
            Restore => "operator.restore",
            Verify => "bootstrap.verify",
        }
    }

    /// True for the routes that also take and give plain bytes.
    pub(crate) const fn streams(self) -> bool {
        matches!(self, Encrypt | Decrypt)
    }

    /// True for what has to be finished once it was begun.
    pub(crate) const fn changes(self) -> bool {
        matches!(
            self,
            SecretPut
                | SecretDelete
                | SecretUndelete
                | PolicyPut
                | PolicyDelete
                | Recover
                | Restore
        )
    }

    /// True for the routes that exist to get a root key back, and so work without one.
    const fn is_recovery(self) -> bool {
        matches!(self, Recover | Restore)
    }

    /// True for what a Nexus in lite mode doesn't keep.
    const fn is_kept(self) -> bool {
        !matches!(self, Encrypt | Decrypt | Recover | Restore | Verify)
    }

    fn find(path: &str, action: &str) -> Option<Self> {
        TABLE.iter().find(|(_, a, p)| *a == action && *p == path).map(|(route, ..)| *route)
    }
}

/// What this Nexus can do right now, as far as dispatch depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ability {
    /// It has its keys.
    pub(crate) open: bool,
    /// It runs in memory mode.
    pub(crate) memory: bool,
    /// It runs in lite mode.
    pub(crate) lite: bool,
}

/// Why a request isn't looked at any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undispatched {
    /// Not a POST, or no such operation.
    BadRequest,
    /// There are no keys to do anything with.
    NotReady,
    /// An operation that exists but not in this mode.
    WrongMode(Route),
}

/// Finds the operation, in SPIKE's order of checks.
///
/// `query` is the raw query string; the first `action` counts, a missing one is the empty action.
pub(crate) fn dispatch(
    method: &Method,
    path: &str,
    query: Option<&str>,
    can: Ability,
) -> Result<Route, Undispatched> {
    if method != Method::POST {
        return Err(Undispatched::BadRequest);
    }
    let recovery = TABLE.iter().any(|(route, _, p)| route.is_recovery() && *p == path);
    if !can.open && !can.memory && !recovery {
        return Err(Undispatched::NotReady);
    }
    let action = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, value)| (name == "action").then_some(value))
        .unwrap_or_default();
    let route = Route::find(path, &action).ok_or(Undispatched::BadRequest)?;
    let wrong_mode = can.memory && route.is_recovery() || can.lite && route.is_kept();
    if wrong_mode { Err(Undispatched::WrongMode(route)) } else { Ok(route) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Ability = Ability { open: true, memory: false, lite: false };
    const SEALED: Ability = Ability { open: false, ..OPEN };
    const MEMORY: Ability = Ability { memory: true, ..OPEN };
    const LITE: Ability = Ability { lite: true, ..OPEN };

    fn post(path: &str, query: Option<&str>, can: Ability) -> Result<Route, Undispatched> {
        dispatch(&Method::POST, path, query, can)
    }

    #[test]
    fn every_operation_is_found_by_its_action_and_path() {
        for (route, action, path) in TABLE {
            let query = format!("x=1&action={action}&action=other");
            assert_eq!(post(path, Some(&query), OPEN), Ok(route));
            let slash = format!("{path}/");
            assert_eq!(post(&slash, Some(&query), OPEN), Err(Undispatched::BadRequest));
        }
        assert_eq!(post("/v1/store/secrets", None, OPEN), Ok(SecretPut));
        let get = dispatch(&Method::GET, "/v1/store/secrets", Some("action=get"), OPEN);
        assert_eq!(get, Err(Undispatched::BadRequest));
    }

    #[test]
    fn a_sealed_nexus_is_not_ready_even_for_unknown_paths_except_to_recover() {
        assert_eq!(post("/v1/nope", None, SEALED), Err(Undispatched::NotReady));
        assert_eq!(post("/v1/operator/restore", None, SEALED), Ok(Restore));
        let odd = post("/v1/operator/restore", Some("action=x"), SEALED);
        assert_eq!(odd, Err(Undispatched::BadRequest));
        let get = dispatch(&Method::GET, "/v1/nope", None, SEALED);
        assert_eq!(get, Err(Undispatched::BadRequest), "the method comes first");
    }

    #[test]
    fn modes_refuse_what_they_do_not_have() {
        let recover = post("/v1/operator/recover", None, MEMORY);
        assert_eq!(recover, Err(Undispatched::WrongMode(Recover)));
        let put = post("/v1/store/secrets", None, LITE);
        assert_eq!(put, Err(Undispatched::WrongMode(SecretPut)));
        assert_eq!(post("/v1/cipher/encrypt", None, LITE), Ok(Encrypt));
        let sealed_memory = Ability { open: false, ..MEMORY };
        assert_eq!(post("/v1/nope", None, sealed_memory), Err(Undispatched::BadRequest));
    }
}
