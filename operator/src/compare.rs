//! Whether an object is as it should be. Pure.
//!
//! What isn't said in the wanted manifest is the API server's or somebody else's, and may be
//! anything: defaults, other managers' fields, a sidecar's annotation. What is one value to
//! server-side apply is all ours or not at all: a selector with one more label selects something else.

use serde_json::{Map, Value};

/// Fields that server-side apply takes or leaves as a whole, and that the API server fills in nowhere.
const WHOLE: [&str; 9] = [
    "egress",
    "ingress",
    "matchLabels",
    "nodeSelector",
    "podSelector",
    "selector",
    "sources",
    "subjects",
    "tolerations",
];

/// Lists whose elements have names, by the fields that name them. Others may add theirs.
const NAMED: [(&str, &[&str]); 7] = [
    ("containers", &["name"]),
    ("env", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("ports", &["containerPort", "port", "protocol"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// Suffixes that are powers of two.
const BINARY: [(&str, u32); 6] =
    [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// Suffixes that are powers of ten; `E` with digits behind it is an exponent.
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];

/// True if `live` has everything that `wanted` says.
pub fn agrees(live: &Value, wanted: &Value) -> bool {
    difference(live, wanted).is_none()
}

/// The first field of `wanted` that `live` doesn't have, as `.spec.ports[0].name`.
pub(crate) fn difference(live: &Value, wanted: &Value) -> Option<String> {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => of_fields(live, wanted),
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => {
            let pairs = live.iter().zip(wanted).enumerate();
            pairs.into_iter().find_map(|(at, (live, wanted))| {
                difference(live, wanted).map(|rest| format!("[{at}]{rest}"))
            })
        }
        (live, wanted) => (live != wanted).then(String::new),
    }
}

fn of_fields(live: &Map<String, Value>, wanted: &Map<String, Value>) -> Option<String> {
    wanted.iter().find_map(|(key, wanted)| {
        of_field(key, live.get(key), wanted).map(|rest| format!(".{key}{rest}"))
    })
}

fn of_field(key: &str, live: Option<&Value>, wanted: &Value) -> Option<String> {
    // The API server leaves out what is empty.
    let Some(live) = live else { return (!is_nothing(wanted)).then(String::new) };
    if key == "limits" || key == "requests" {
        return of_amounts(live, wanted);
    }
    if WHOLE.contains(&key) {
        return difference(live, wanted).or_else(|| difference(wanted, live));
    }
    match NAMED.iter().find(|(list, _)| *list == key) {
        Some((_, names)) => of_elements(live, wanted, names),
        None => difference(live, wanted),
    }
}

/// Every wanted element is there, by its name.
fn of_elements(live: &Value, wanted: &Value, names: &[&str]) -> Option<String> {
    let (Value::Array(live), Value::Array(wanted)) = (live, wanted) else {
        return difference(live, wanted);
    };
    wanted.iter().find_map(|wanted| {
        let is_it = |live: &&Value| names.iter().all(|name| live.get(*name) == wanted.get(*name));
        let rest = match live.iter().find(is_it) {
            Some(live) => difference(live, wanted),
            None => Some(String::new()),
        };
        let name = names.iter().find_map(|name| wanted.get(*name)).unwrap_or(&Value::Null);
        rest.map(|rest| {
            format!("[{}]{rest}", name.as_str().map_or_else(|| name.to_string(), str::to_owned))
        })
    })
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Amounts are equal if they are as much: the API server writes `0.5` as `500m`.
fn of_amounts(live: &Value, wanted: &Value) -> Option<String> {
    let (Some(live), Some(wanted)) = (live.as_object(), wanted.as_object()) else {
        return difference(live, wanted);
    };
    let as_much = |live: Option<&Value>, wanted: &Value| match (live, wanted) {
        (Some(Value::String(live)), Value::String(wanted)) => {
            live == wanted || (amount(live).is_some() && amount(live) == amount(wanted))
        }
        (live, wanted) => live == Some(wanted),
    };
    let wrong = wanted.iter().find(|(key, wanted)| !as_much(live.get(*key), wanted));
    wrong.map(|(key, _)| format!(".{key}"))
}

/// An amount in thousandths, rounded up as the API server does; `None` if it is none, or beyond all measure.
///
/// # Source
///
/// `k8s.io/apimachinery/pkg/api/resource`: digits with a point somewhere, then a suffix or an exponent of
/// ten; finer than thousandths, `SetDefaults_ResourceList` rounds them up.
fn amount(text: &str) -> Option<u128> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let finer = i32::try_from(fraction.len()).ok()?;
    if let Some(power) = BINARY.iter().find(|power| power.0 == suffix).map(|power| power.1) {
        let thousandths = digits.checked_mul(1000)?.checked_mul(1 << power)?;
        return Some(thousandths.div_ceil(ten(finer)?));
    }
    let exponent = match DECIMAL.iter().find(|power| power.0 == suffix) {
        Some((_, power)) => *power,
        None => suffix.strip_prefix(['e', 'E'])?.parse().ok()?,
    };
    let power = exponent.checked_add(3)?.checked_sub(finer)?;
    if power < 0 {
        // What is too small to be told from nothing is a thousandth.
        let part = ten(power.checked_neg()?).unwrap_or(u128::MAX);
        return Some(digits.div_ceil(part));
    }
    digits.checked_mul(ten(power)?)
}

fn ten(power: i32) -> Option<u128> {
    10_u128.checked_pow(power.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_may_be_anything() {
        let live = json!({"a": 1, "b": {"c": 2, "d": 3}, "list": [{"x": 1, "default": true}]});
        assert!(agrees(&live, &json!({"b": {"c": 2}, "list": [{"x": 1}], "none": [], "no": {}})));
        assert!(!agrees(&live, &json!({"b": {"c": 3}})));
        assert!(!agrees(&live, &json!({"missing": 1})));
    }

    #[test]
    fn in_a_list_without_names_an_element_more_is_a_difference() {
        assert!(!agrees(&json!({"list": [1, 2]}), &json!({"list": [1]})));
    }

    #[test]
    fn in_a_list_with_names_others_have_theirs() {
        let wanted = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": ""}]});
        let others = json!({"env": [{"name": "X"}, {"name": "B"}, {"name": "A", "value": "1"}]});
        assert!(agrees(&others, &wanted));
        assert!(!agrees(&json!({"env": [{"name": "A", "value": "1"}]}), &wanted), "one is missing");
        assert!(!agrees(&json!({"env": [{"name": "A"}, {"name": "B"}]}), &wanted), "a value is");
    }

    #[test]
    fn a_difference_is_named_by_its_path() {
        let wanted = json!({"spec": {"template": {"containers": [
            {"name": "nexus", "image": "spike:1", "resources": {"limits": {"cpu": "1"}}},
        ]}}});
        let other = |at: &str, value: Value| {
            let mut live = wanted.clone();
            *live.pointer_mut(at).expect("there") = value;
            difference(&live, &wanted)
        };
        let at = "/spec/template/containers/0";
        let image = other(&format!("{at}/image"), json!("mirror/spike:1"));
        assert_eq!(image.as_deref(), Some(".spec.template.containers[nexus].image"));
        let cpu = other(&format!("{at}/resources/limits/cpu"), json!("2"));
        assert_eq!(cpu.as_deref(), Some(".spec.template.containers[nexus].resources.limits.cpu"));
        let none = other("/spec/template/containers", json!([]));
        assert_eq!(none.as_deref(), Some(".spec.template.containers[nexus]"));
        assert_eq!(difference(&wanted, &wanted), None);
        let ports = json!({"clusterIPs": ["a", "b"]});
        assert_eq!(
            difference(&json!({"clusterIPs": ["a", "c"]}), &ports).as_deref(),
            Some(".clusterIPs[1]")
        );
    }

    #[test]
    fn one_more_condition_of_a_selector_is_a_difference() {
        let wanted = json!({"selector": {"a": "1"}, "ingress": [{"from": [{"podSelector": {}}]}]});
        assert!(agrees(&wanted, &wanted));
        let narrower = json!({"selector": {"a": "1", "b": "2"}, "ingress": wanted["ingress"]});
        assert!(!agrees(&narrower, &wanted));
        let peer = json!({"podSelector": {}, "namespaceSelector": {"matchLabels": {"x": "y"}}});
        let wider = json!({"selector": {"a": "1"}, "ingress": [{"from": [peer]}]});
        assert!(!agrees(&wider, &wanted));
    }

    #[test]
    fn amounts_are_equal_if_they_are_as_much() {
        let same = |a: &str, b: &str| {
            agrees(&json!({"requests": {"cpu": a}}), &json!({"requests": {"cpu": b}}))
        };
        assert!(same("500m", "0.5") && same("1", "1000m") && same("1Gi", "1024Mi"));
        assert!(!same("1Gi", "1G") && !same("1", "2") && !same("x", "y"));
    }

    #[test]
    fn an_amount_is_what_the_api_server_makes_of_it() {
        // As k8s.io/apimachinery 0.34.4 rounds them up to thousandths.
        for (written, kept) in [
            ("0.0625", "63m"),
            (".5", "500m"),
            ("+1.", "1"),
            ("1.0005Gi", "1074278694912m"),
            ("1e3", "1k"),
            ("1E+2", "100"),
            ("1E", "1000000000000000000"),
            ("2E-1", "200m"),
            ("1n", "1m"),
            ("12e-40", "1m"),
            ("0.1Ki", "102400m"),
            ("1Ei", "1152921504606846976"),
            ("0", "0"),
        ] {
            assert!(amount(written).is_some(), "{written}");
            assert_eq!(amount(written), amount(kept), "{written}");
        }
        for none in ["", ".", "1.2.3", "-1", "1x", "1KiB", "e3", "1e", "1e99999999999", "é"] {
            assert_eq!(amount(none), None, "{none}");
        }
    }
}
