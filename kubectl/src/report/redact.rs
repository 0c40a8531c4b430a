//! What may leave: a list of what is kept, not of what is taken away, wherever there can be such a list;
//! and in every text that is kept, what looks like a secret is replaced. Pure.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// Instead of what was there.
const REDACTED: &str = "[redacted]";

/// Annotations that say how an object stands and hold nothing of anybody's.
const ANNOTATIONS: [&str; 9] = [
    "deployment.kubernetes.io/revision",
    "spike.ist/applied",
    "spike.ist/cluster-id",
    "spike.ist/confirm-delete",
    "spike.ist/owner-uid",
    "spike.ist/peers",
    "spike.ist/retained",
    "spike.ist/template",
    "spike.ist/template-bad",
];

/// Environment variables whose values are settings and never secrets.
const VARIABLES: [&str; 13] = [
    "SPIKE_AUTHORITY_SVID_LIFE",
    "SPIKE_AUTHORITY_TRUST_DOMAIN",
    "SPIKE_IDENTITY",
    "SPIKE_IDENTITY_AUTHORITY",
    "SPIKE_INSTANCE",
    "SPIKE_KEEPER_INDEX",
    "SPIKE_NEXUS_KEEPER_PEERS",
    "SPIKE_NEXUS_SHAMIR_GENERATION",
    "SPIKE_NEXUS_SHAMIR_SHARES",
    "SPIKE_NEXUS_SHAMIR_THRESHOLD",
    "SPIKE_OPERATOR_IMAGE",
    "SPIKE_SYSTEM_LOG_LEVEL",
    "SPIKE_TRUST_ROOT_NEXUS",
];

/// Fields of log and audit lines that say who did something to which secret.
const WHO_AND_WHAT: [&str; 3] = ["path", "policy", "principal"];

/// What a secret looks like in a text.
struct Looks {
    /// Key and value: a password in a connection string, a token in JSON.
    named: Regex,
    /// The name of what holds a secret; not `secretName`, which names a place.
    name: Regex,
    /// `scheme://user:password@`.
    userinfo: Regex,
    /// A private key in PEM, also one whose end isn't there.
    key: Regex,
    /// The end of one whose beginning isn't there, and all before it.
    tail: Regex,
    /// Tokens, keys of age, recovery shards.
    whole: Regex,
    /// 32 bytes in hex, unless they are a digest or a container's name.
    digits: Regex,
}

static LOOKS: LazyLock<Looks> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).expect("our own patterns are valid");
    Looks {
        named: regex(
            r#"(?i)([\w.-]*(?:password|passwd|pwd|passphrase|secret|token|credentials?|authorization|(?:api|access|private|secret)[-_]?key))(\\?["']?\s*[=:]\s*)(\\?"[^"]*"|'[^']*'|[^\s,;&{}\[\]"']+)"#,
        ),
        name: regex(
            r"(?i)(?:password|passwd|pwd|passphrase|secret|token|(?:api|access|private|secret)[-_]?key)$",
        ),
        userinfo: regex(r#"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@"']+@"#),
        key: regex(
            r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        ),
        tail: regex(r"\A(?s:.*)-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"),
        whole: regex(concat!(
            r"(?i:\bbearer\s+[A-Za-z0-9._~+/=-]+)",
            r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?",
            r"|(?i:\bAGE-(?:SECRET-KEY|PLUGIN)-[A-Za-z0-9-]+)",
            r"|\bspike:[0-9]{1,3}:[0-9A-Fa-f]+",
        )),
        digits: regex(r"(sha256:|://)?\b[0-9A-Fa-f]{64}\b"),
    }
});

/// A text in which nothing looks like a secret.
pub(super) fn text(text: &str) -> String {
    let Looks { named, userinfo, whole, digits, .. } = &*LOOKS;
    let text = keys(text);
    let text = whole.replace_all(&text, REDACTED);
    let text = userinfo.replace_all(&text, format!("${{1}}{REDACTED}@"));
    let text = named.replace_all(&text, |found: &Captures<'_>| {
        let (name, sign, value) = (&found[1], &found[2], &found[3]);
        // A line of JSON stays one.
        let quote = ["\\\"", "\"", "'"].iter().find(|quote| value.starts_with(**quote));
        let quote = quote.copied().unwrap_or_default();
        format!("{name}{sign}{quote}{REDACTED}{quote}")
    });
    let digits = digits.replace_all(&text, |found: &Captures<'_>| match found.get(1) {
        Some(_) => found[0].to_owned(),
        None => REDACTED.to_owned(),
    });
    digits.into_owned()
}

/// A text without private keys, which have many lines; a log may begin or end within one.
fn keys(text: &str) -> String {
    let text = LOOKS.key.replace_all(text, REDACTED);
    LOOKS.tail.replace(&text, REDACTED).into_owned()
}

/// A log, line by line but for private keys.
pub(super) fn log(lines: &str) -> String {
    keys(lines).lines().map(|written| line(written) + "\n").collect()
}

/// Lines that are not about another cluster, by the fields that the operator's log has: the namespace and
/// the name of whom a line is about, and `cluster` of what it is written within.
pub(super) fn about(instance: &str, lines: &str) -> String {
    let ours = |written: &&str| {
        let line: Value = serde_json::from_str(written).unwrap_or_default();
        let field = |key| line.get(key).and_then(Value::as_str);
        let told = field("namespace").zip(field("name"));
        let told = told.map(|(namespace, name)| format!("{namespace}/{name}"));
        let spans = line.get("spans").and_then(Value::as_array).into_iter().flatten();
        let named = spans.chain([&line]).filter_map(|part| part.get("cluster")?.as_str());
        let mut named = named.chain(told.as_deref()).peekable();
        named.peek().is_none() || named.any(|name| name == instance)
    };
    lines.lines().filter(ours).map(|line| line.to_owned() + "\n").collect()
}

fn line(written: &str) -> String {
    let Ok(mut fields @ Value::Object(_)) = serde_json::from_str(written) else {
        // An object that was cut has fields that can't be told apart any more.
        let cut = written.trim_start().starts_with('{');
        return if cut { REDACTED.to_owned() } else { text(written) };
    };
    who_and_what(&mut fields);
    strings(&mut fields);
    fields.to_string()
}

fn who_and_what(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(who_and_what),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if WHO_AND_WHAT.contains(&name.as_str()) {
                    *value = REDACTED.into();
                } else {
                    who_and_what(value);
                }
            }
        }
        _ => {}
    }
}

/// An object of Kubernetes.
pub(super) fn object(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    for held in ["data", "stringData", "binaryData"] {
        if let Some(Value::Object(entries)) = object.get_mut(held) {
            let size = |value: &Value| value.as_str().map_or(0, str::len);
            entries
                .values_mut()
                .for_each(|value| *value = format!("[{} bytes]", size(value)).into());
        }
    }
    walk(&mut object);
    strings(&mut object);
    object
}

/// Annotations and environments, wherever they are: in pods, in templates, in overrides.
fn walk(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(fields) => {
            if let Some(Value::Object(annotations)) = fields.get_mut("annotations") {
                annotations.retain(|name, _| ANNOTATIONS.contains(&name.as_str()));
            }
            for said in ["args", "command"] {
                if let Some(Value::Array(words)) = fields.get_mut(said) {
                    after_flags(words);
                }
            }
            if let Some(Value::Array(variables)) = fields.get_mut("env") {
                variables.iter_mut().filter_map(Value::as_object_mut).for_each(variable);
            }
            fields.values_mut().for_each(walk);
        }
        _ => {}
    }
}

/// `--password`, and then what it is.
fn after_flags(words: &mut [Value]) {
    let mut secret = false;
    for word in words {
        let flag = word.as_str().is_some_and(|word| word.starts_with('-'));
        if secret && !flag {
            *word = REDACTED.into();
        }
        secret = flag && word.as_str().is_some_and(|word| LOOKS.name.is_match(word));
    }
}

fn variable(variable: &mut Map<String, Value>) {
    let known = variable.get("name").and_then(Value::as_str);
    if known.is_none_or(|name| !VARIABLES.contains(&name))
        && let Some(value) = variable.get_mut("value")
    {
        *value = REDACTED.into();
    }
}

fn strings(value: &mut Value) {
    match value {
        Value::String(held) => *held = text(held),
        Value::Array(items) => items.iter_mut().for_each(strings),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(held) if LOOKS.name.is_match(name) => REDACTED.clone_into(held),
                    other => strings(other),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CANARY: &str = "cAnArY7";

    #[test]
    fn what_follows_a_flag_for_a_secret_is_replaced() {
        let args = json!(["--user", "spike", "--db-password", CANARY, "--secret-name", "login"]);
        let shown = object(json!({"spec": {"containers": [{"args": args}]}})).to_string();
        assert!(!shown.contains(CANARY), "{shown}");
        assert!(shown.contains("spike") && shown.contains("login"), "{shown}");
    }

    #[test]
    fn what_looks_like_a_secret_is_replaced_wherever_it_stands() {
        let shard = "c0ffee11".repeat(8);
        for (hostile, canary) in [
            (format!("postgres://spike:{CANARY}@db:5432/spike"), CANARY),
            (format!("postgres://spike:p%40{CANARY}@db/spike?sslmode=x"), CANARY),
            (format!("host=db password={CANARY} user=spike"), CANARY),
            (format!("password='two {CANARY} words'"), CANARY),
            (format!(r#"{{"token":"{CANARY}"}}"#), CANARY),
            (format!(r#"{{"message":"said {{\"token\":\"{CANARY}\"}}"}}"#), CANARY),
            (format!("Authorization: Bearer {CANARY}"), CANARY),
            (format!("sent bearer {CANARY}.x-y_z"), CANARY),
            (format!("eyJhbGciOiJSUzI1NiJ9.eyJ{CANARY}.sig"), CANARY),
            (format!("AWS_SECRET_ACCESS_KEY={CANARY}"), CANARY),
            (format!("PGPASSWORD={CANARY} psql"), CANARY),
            (format!(r#"{{"oauth":{{"clientSecret":"{CANARY}"}}}}"#), CANARY),
            (format!(r#"{{"fields":{{"path":"{CANARY}"}}}}"#), CANARY),
            (format!("AGE-SECRET-KEY-1{CANARY}"), CANARY),
            (format!("spike:3:{shard}"), &shard),
            (format!("root {shard}"), &shard),
            (format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"), CANARY),
        ] {
            let shown = log(&hostile);
            assert!(!shown.contains(canary), "{hostile} -> {shown}");
            assert!(shown.contains(REDACTED), "{hostile} -> {shown}");
        }
    }

    #[test]
    fn no_line_of_a_private_key_stays_in_a_log() {
        let (begin, end) = ("-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----");
        for hostile in [
            format!("before\n{begin}\n{CANARY}\n{CANARY}\n{end}\nafter"),
            format!("before\n{begin}\n{CANARY}\n{end}\n{begin}\n{CANARY}\n{end}\nafter"),
            format!("before\nt0 {begin}\nt1 {CANARY}"),
            format!("t0 {CANARY}\nt1 {end}\nafter"),
            format!("{CANARY}\n{end}\nbetween\n{begin}\n{CANARY}"),
            format!("before\n{{\"said\":\"{begin}\"}}\n{{\"said\":\"{CANARY}\"}}\n{end} x\nafter"),
            format!("before\n{{\"path\":\"{CANARY}\",\"said\":\"{begin}\\n{CANARY}\",\"x\":1}}"),
            format!("before\n{begin} BLOCK-----\n{CANARY}").replace("KEY----- B", "KEY B"),
        ] {
            let shown = log(&hostile);
            assert!(!shown.contains(CANARY), "{hostile} -> {shown}");
            for kept in ["before", "after"].into_iter().filter(|kept| hostile.contains(kept)) {
                assert!(shown.contains(kept), "{hostile} -> {shown}");
            }
        }
    }

    #[test]
    fn what_a_report_is_for_stays_as_it_is() {
        let digest = "0123456789abcdef".repeat(4);
        for harmless in [
            "no token of spike-operator: forbidden".to_owned(),
            "a Secret that spec.store names isn't there".to_owned(),
            "https://spike-demo-keeper-0.spike-demo-keeper.team.svc:8443".to_owned(),
            format!("ghcr.io/spike-rs/spike@sha256:{digest}"),
            format!("containerd://{digest}"),
            "set 000102030405060708090a0b0c0d0e0f".to_owned(),
        ] {
            assert_eq!(text(&harmless), harmless);
        }
    }

    #[test]
    fn what_the_operator_says_of_others_stays_with_it() {
        let lines = "plain\n{\"message\":\"leads\"}\n{\"spans\":[{\"cluster\":\"team/demo\"}]}\n\
                     {\"cluster\":\"team/demo\"}\n{\"spans\":[{\"cluster\":\"other/demo\"}]}\n\
                     {\"cluster\":\"other/demo\"}\n\
                     {\"namespace\":\"team\",\"name\":\"demo\"}\n\
                     {\"namespace\":\"other\",\"name\":\"demo\"}\n";
        let ours = about("team/demo", lines);
        assert_eq!(ours.lines().count(), 5, "{ours}");
        assert!(!ours.contains("other"), "{ours}");
    }

    #[test]
    fn a_line_of_audit_keeps_what_happened_and_not_to_whom() {
        let written = json!({
            "v": 1, "seq": 7, "event": "get", "principal": format!("spiffe://x/{CANARY}"),
            "path": format!("tenants/{CANARY}"), "policy": CANARY, "decision": "allow", "result": "ok",
        });
        let shown = log(&written.to_string());
        assert!(!shown.contains(CANARY), "{shown}");
        let shown: Value = serde_json::from_str(&shown).expect("still JSON");
        assert_eq!((&shown["seq"], &shown["result"]), (&json!(7), &json!("ok")));
    }

    #[test]
    fn an_object_keeps_its_shape_and_nothing_of_anybodys() {
        let env = json!([
            {"name": "SPIKE_INSTANCE", "value": "team/demo"},
            {"name": "SPIKE_NEXUS_STORE_URL", "value": format!("postgres://u:{CANARY}@db/x")},
            {"name": "DB_PASS", "value": CANARY},
            {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        ]);
        let applied = "kubectl.kubernetes.io/last-applied-configuration";
        let annotations = json!({
            applied: format!("{{\"x\":\"{CANARY}\"}}"), "their.own/note": CANARY,
            "spike.ist/template-applied": CANARY, "spike.ist/peers": "3",
        });
        let shown = object(json!({
            "kind": "StatefulSet",
            "metadata": {
                "name": "spike-demo-keeper", "annotations": annotations,
                "managedFields": [{"manager": CANARY}],
            },
            "spec": {
                "template": {
                    "metadata": {"annotations": annotations},
                    "spec": {"containers": [{"env": env}]},
                },
                "nexus": {"podOverrides": {"env": env, "annotations": annotations}},
            },
            "data": {"a": CANARY},
            "status": {"message": format!("password={CANARY}")},
        }));
        assert!(!shown.to_string().contains(CANARY), "{shown:#}");
        assert_eq!(shown["metadata"]["annotations"], json!({"spike.ist/peers": "3"}));
        assert_eq!(shown["data"]["a"], "[7 bytes]");
        let env = &shown["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(env[0]["value"], "team/demo");
        assert_eq!(env[2], json!({"name": "DB_PASS", "value": REDACTED}));
        assert_eq!(env[3]["valueFrom"]["secretKeyRef"]["name"], "db");
    }
}
