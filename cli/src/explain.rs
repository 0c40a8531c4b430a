//! From a client's error to two lines for a person: what happened, what to do now.

use spike_client::ClientError;
use spike_core::{Role, SpiffeId};

use crate::error::{CliError, Exit};

/// What was being done, for a sentence such as "cannot read secret t/db".
#[derive(Clone, Debug)]
pub(crate) struct Doing {
    verb: &'static str,
    object: String,
    /// Who may, if a role alone decides.
    roles: &'static [Role],
    /// What it means if nothing is found, if that isn't that the object is missing.
    missing: Option<Meaning>,
    /// What it means if the present state forbids it, if there is only one such state.
    conflict: Option<Meaning>,
    /// What to do if Nexus finds the request wrong.
    mend: &'static str,
}

/// What a command knows of an answer, and what to do then.
#[derive(Clone, Debug)]
struct Meaning {
    what: String,
    next: String,
}

impl Doing {
    /// Something that a policy may allow.
    pub(crate) fn new(verb: &'static str, object: impl Into<String>) -> Self {
        let mend = "Check the arguments; the command's --help has examples.";
        Self { verb, object: object.into(), roles: &[], missing: None, conflict: None, mend }
    }

    /// Something that only these roles may do.
    pub(crate) fn as_role(
        roles: &'static [Role],
        verb: &'static str,
        object: impl Into<String>,
    ) -> Self {
        Self { roles, ..Self::new(verb, object) }
    }

    /// Says what it means if nothing is found, and what to do then.
    pub(crate) fn missing(self, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { missing: Some(Meaning { what: what.into(), next: next.into() }), ..self }
    }

    /// Says what it means if the present state forbids it, and what to do then.
    pub(crate) fn conflict(self, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { conflict: Some(Meaning { what: what.into(), next: next.into() }), ..self }
    }

    /// What the command knows of this error.
    fn meaning(&self, error: &ClientError) -> Option<&Meaning> {
        match error {
            ClientError::NotFound => self.missing.as_ref(),
            ClientError::Conflict { .. } => self.conflict.as_ref(),
            _ => None,
        }
    }

    /// Says what to do if Nexus finds the request wrong.
    pub(crate) fn mend(self, mend: &'static str) -> Self {
        Self { mend, ..self }
    }
}

/// Tells a client's error.
pub(crate) fn explain(error: &ClientError, doing: &Doing, me: &SpiffeId) -> CliError {
    let (exit, next) = remedy(error, doing, me);
    let Doing { verb, object, roles, .. } = doing;
    if let Some(Meaning { what, next }) = doing.meaning(error) {
        return CliError::new(exit, format!("cannot {verb} {object}: {what}"), next);
    }
    let next = match error {
        ClientError::Denied if !roles.is_empty() => whom_to_be(roles),
        _ => next.to_owned(),
    };
    let what = match error {
        ClientError::Denied => format!("access denied: {me} may not {verb} {object}"),
        ClientError::NotFound => format!("{object} not found"),
        _ => format!("cannot {verb} {object}: {error}"),
    };
    CliError::new(exit, what, next)
}

fn remedy(error: &ClientError, doing: &Doing, me: &SpiffeId) -> (Exit, &'static str) {
    match error {
        ClientError::Url { .. } => (Exit::Usage, "Use --url https://<host>:<port>."),
        ClientError::BadRequest { .. } => (Exit::Other, doing.mend),
        ClientError::Denied => (Exit::Denied, whom_to_ask(me)),
        ClientError::NotFound => {
            (Exit::Missing, "Check the name and the version; the `list` commands show what exists.")
        }
        ClientError::Conflict { .. } => (Exit::Conflict, "Look at the present state first."),
        ClientError::NotReady { .. } => (
            Exit::Unavailable,
            "Try again; if it lasts, `spike status` says what Nexus waits for and what helps.",
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
        _ if doing.roles.contains(&Role::Restore) => {
            (Exit::Other, "If this is a Nexus of SPIKE, use `spike operator restore --one-by-one`.")
        }
        _ => (Exit::Other, "Check that the URL is a Nexus' and that both versions fit."),
    }
}

fn whom_to_be(roles: &[Role]) -> String {
    let ids: Vec<_> = roles.iter().map(|role| role.id("<trust domain>")).collect();
    format!("Run it as {}.", ids.join(" or "))
}

fn whom_to_ask(me: &SpiffeId) -> &'static str {
    match me {
        // No policy is asked for these.
        me if named(me, Role::Lite) => "This role may use `spike cipher` and nothing else.",
        me if named(me, Role::Recover) => {
            "This role is for `spike operator recover` and `drill` only."
        }
        me if named(me, Role::Restore) => "This role is for `spike operator` only.",
        _ => "Ask for a policy that grants it; `spike policy test` shows which one decides.",
    }
}

/// True if the ID has a role's name, in whatever trust domain: enough for a hint.
fn named(me: &SpiffeId, role: Role) -> bool {
    let id = me.as_str();
    let domain = id.strip_prefix("spiffe://").and_then(|rest| rest.split('/').next());
    domain.is_some_and(|domain| me.is_under(&role.id(domain)))
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
        let doing = Doing::as_role(&[Role::Superuser, Role::Operator], "read", "the status");
        let (_, text) = told(&ClientError::Denied, &doing);
        let told = "Run it as spiffe://<trust domain>/spike/pilot/role/superuser or \
                    spiffe://<trust domain>/spike/operator.";
        assert!(text.ends_with(told), "{text}");
    }

    #[test]
    fn a_command_knows_better_what_a_refusal_means() {
        let doing = Doing::new("undelete", "secret t/db")
            .missing("nothing is deleted", "Stop.")
            .mend("Look.");
        let (exit, text) = told(&ClientError::NotFound, &doing);
        assert_eq!(exit, Exit::Missing);
        assert_eq!(text, "cannot undelete secret t/db: nothing is deleted\nStop.");
        let refused = ClientError::BadRequest { code: "x".to_owned(), detail: String::new() };
        assert!(told(&refused, &doing).1.ends_with("\nLook."));
    }

    #[test]
    fn a_state_that_forbids_it_is_told_in_words() {
        let there = ClientError::Conflict { code: "x".to_owned(), detail: String::new() };
        let doing = Doing::new("restore", "the key").conflict("it is there", "Nothing to do.");
        let (exit, text) = told(&there, &doing);
        assert_eq!(exit, Exit::Conflict);
        assert_eq!(text, "cannot restore the key: it is there\nNothing to do.");
    }

    #[test]
    fn a_role_that_no_policy_helps_is_not_sent_to_ask_for_one() {
        for (role, hint) in [
            (Role::Lite, "`spike cipher` and nothing else"),
            (Role::Recover, "`spike operator recover` and `drill` only"),
            (Role::Restore, "`spike operator` only"),
            (Role::Superuser, "Ask for a policy"),
        ] {
            let me = role.id("acme.example").parse().expect("valid");
            match explain(&ClientError::Denied, &Doing::new("read", "secret t/db"), &me) {
                CliError::Told { next, .. } => assert!(next.contains(hint), "{role:?}: {next}"),
                other => panic!("nothing to tell: {other:?}"),
            }
        }
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
