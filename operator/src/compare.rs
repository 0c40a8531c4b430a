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

/// True if `live` has everything that `wanted` says.
pub fn agrees(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => has(live, wanted),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live.iter().zip(wanted).all(|(live, wanted)| agrees(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

fn has(live: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted.iter().all(|(key, wanted)| {
        // The API server leaves out what is empty.
        let Some(live) = live.get(key) else { return is_nothing(wanted) };
        if key == "limits" || key == "requests" {
            return amounts(live, wanted);
        }
        if WHOLE.contains(&key.as_str()) {
            return agrees(live, wanted) && agrees(wanted, live);
        }
        match NAMED.iter().find(|(list, _)| list == key) {
            Some((_, names)) => has_elements(live, wanted, names),
            None => agrees(live, wanted),
        }
    })
}

/// Every wanted element is there, by its name.
fn has_elements(live: &Value, wanted: &Value, names: &[&str]) -> bool {
    let (Value::Array(live), Value::Array(wanted)) = (live, wanted) else {
        return live == wanted;
    };
    wanted.iter().all(|wanted| {
        let is_it = |live: &&Value| names.iter().all(|name| live.get(*name) == wanted.get(*name));
        live.iter().find(is_it).is_some_and(|live| agrees(live, wanted))
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
fn amounts(live: &Value, wanted: &Value) -> bool {
    let (Some(live), Some(wanted)) = (live.as_object(), wanted.as_object()) else {
        return agrees(live, wanted);
    };
    wanted.iter().all(|(key, wanted)| match (live.get(key), wanted) {
        (Some(Value::String(live)), Value::String(wanted)) => {
            live == wanted || (amount(live).is_some() && amount(live) == amount(wanted))
        }
        (live, wanted) => live == Some(wanted),
    })
}

/// An amount in thousandths; `None` for forms that nobody writes.
fn amount(text: &str) -> Option<u128> {
    const UNITS: [(&str, u128); 11] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("Pi", 1 << 50),
        ("P", 1_000_000_000_000_000),
        ("", 1),
    ];
    if let Some(thousandths) = text.strip_suffix('m') {
        return thousandths.parse().ok();
    }
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = format!("{fraction:0<3}");
    let fraction: u128 = fraction.get(..3)?.parse().ok()?;
    whole.parse::<u128>().ok()?.checked_mul(1000)?.checked_add(fraction)?.checked_mul(unit)
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
}
