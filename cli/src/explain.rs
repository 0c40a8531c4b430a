//! From a client's error to two lines for a person: what happened, what to do now.

use spike_client::ClientError;
use spike_core::{Role, SpiffeId};

use crate::error::{CliError, Exit};

/// What was being done, for a sentence such as "cannot read secret t/db".
#[derive(Clone, Debug)]
pub(crate) struct Doing {
    verb: &'static str,
    object: String,
    role: Option<Role>,
    /// What it means if nothing is found, if that isn't that the object is missing.
    missing: Option<&'static str>,
    /// What to do if Nexus finds the request wrong.
    mend: &'static str,
}

impl Doing {
    /// Something that a policy may allow.
    pub(crate) fn new(verb: &'static str, object: impl Into<String>) -> Self {
        let mend = "Check the arguments; the command's --help has examples.";
        Self { verb, object: object.into(), role: None, missing: None, mend }
    }

    /// Something that only a role may do.
    pub(crate) fn as_role(role: Role, verb: &'static str, object: impl Into<String>) -> Self {
        Self { role: Some(role), ..Self::new(verb, object) }
    }

    /// Says what it means if nothing is found.
    pub(crate) fn missing(self, meaning: &'static str) -> Self {
        Self { missing: Some(meaning), ..self }
    }

    /// Says what to do if Nexus finds the request wrong.
    pub(crate) fn mend(self, mend: &'static str) -> Self {
        Self { mend, ..self }
    }
}

/// Tells a client's error.
pub(crate) fn explain(error: &ClientError, doing: &Doing, me: &SpiffeId) -> CliError {
    let (exit, next) = remedy(error, doing);
    let Doing { verb, object, .. } = doing;
    let what = match error {
        ClientError::Denied => format!("access denied: {me} may not {verb} {object}"),
        ClientError::NotFound => match doing.missing {
            Some(meaning) => format!("cannot {verb} {object}: {meaning}"),
            None => format!("{object} not found"),
        },
        _ => format!("cannot {verb} {object}: {error}"),
    };
    CliError::Told { exit, what, next }
}

fn remedy(error: &ClientError, doing: &Doing) -> (Exit, String) {
    let (exit, next) = match error {
        ClientError::Url { .. } => (Exit::Usage, "Use --url https://<host>:<port>."),
        ClientError::BadRequest { .. } => (Exit::Other, doing.mend),
        ClientError::Denied => (Exit::Denied, whom_to_be(doing)),
        ClientError::NotFound => {
            (Exit::Missing, "Check the name and the version; the `list` commands show what exists.")
        }
        ClientError::Conflict { .. } => (Exit::Conflict, "Look at the present state first."),
        ClientError::NotReady { .. } => (
            Exit::Unavailable,
            "Wait a moment and try again; `spike status` shows what Nexus is waiting for.",
        ),
        ClientError::Unreachable { .. } => {
            (Exit::Unavailable, "Check that Nexus runs there, or set --url or SPIKE_NEXUS_API_URL.")
        }
        ClientError::Untrusted { .. } => (
            Exit::Unavailable,
            "Check that the server is Nexus, its trust domain (SPIKE_TRUST_ROOT_NEXUS) and \
             SPIKE_INSTANCE.",
        ),
        ClientError::TimedOut { .. } => {
            (Exit::Unavailable, "Try again, or give it longer with --timeout. A write may be done.")
        }
        _ if doing.role == Some(Role::Restore) => {
            (Exit::Other, "If this is a Nexus of SPIKE, use `spike operator restore --one-by-one`.")
        }
        _ => (Exit::Other, "Check that the URL is a Nexus' and that both versions fit."),
    };
    (exit, next.to_owned())
}

fn whom_to_be(doing: &Doing) -> &'static str {
    match doing.role {
        Some(Role::Recover) => "Run it as spiffe://<trust domain>/spike/pilot/role/recover.",
        Some(Role::Restore) => "Run it as spiffe://<trust domain>/spike/pilot/role/restore.",
        Some(_) => "Run it as spiffe://<trust domain>/spike/pilot/role/superuser.",
        None => "Ask for a policy that grants it; `spike policy test` shows which one decides.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &ClientError, doing: &Doing) -> (Exit, String) {
        let me = "spiffe://spike.ist/workload/web".parse().expect("valid");
        match explain(error, doing, &me) {
            CliError::Told { exit, what, next } => (exit, format!("{what}\n{next}")),
            other => panic!("nothing to tell: {other:?}"),
        }
    }

    #[test]
    fn a_denial_names_who_and_what() {
        let (exit, text) = told(&ClientError::Denied, &Doing::new("read", "secret t/db"));
        assert_eq!(exit, Exit::Denied);
        assert_eq!(
            text,
            "access denied: spiffe://spike.ist/workload/web may not read secret t/db\n\
             Ask for a policy that grants it; `spike policy test` shows which one decides."
        );
    }

    #[test]
    fn a_denied_role_is_told_which_identity_to_use() {
        let doing = Doing::as_role(Role::Recover, "take", "recovery shards");
        let (_, text) = told(&ClientError::Denied, &doing);
        assert!(text.ends_with("/spike/pilot/role/recover."), "{text}");
    }

    #[test]
    fn a_command_knows_better_what_a_refusal_means() {
        let doing =
            Doing::new("undelete", "secret t/db").missing("nothing is deleted").mend("Look.");
        let (_, text) = told(&ClientError::NotFound, &doing);
        assert!(text.starts_with("cannot undelete secret t/db: nothing is deleted\n"), "{text}");
        let refused = ClientError::BadRequest { code: "x".to_owned(), detail: String::new() };
        assert!(told(&refused, &doing).1.ends_with("\nLook."));
    }

    #[test]
    fn every_fault_has_its_status() {
        let (code, detail) = ("x".to_owned(), String::new());
        let origin = || "https://nexus:8553".to_owned();
        for (error, exit) in [
            (ClientError::BadRequest { code: code.clone(), detail: detail.clone() }, Exit::Other),
            (ClientError::NotFound, Exit::Missing),
            (ClientError::Conflict { code, detail: detail.clone() }, Exit::Conflict),
            (ClientError::NotReady { reason: detail.clone() }, Exit::Unavailable),
            (
                ClientError::Unreachable { origin: origin(), reason: detail.clone() },
                Exit::Unavailable,
            ),
            (ClientError::Protocol { origin: origin(), reason: detail }, Exit::Other),
        ] {
            assert_eq!(told(&error, &Doing::new("read", "x")).0, exit, "{error:?}");
        }
    }
}
