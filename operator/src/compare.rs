//! Whether an object is as it should be. Pure.
//!
//! What isn't said in the wanted manifest is the API server's or somebody else's, and may be
//! anything: defaults, other managers' fields, a sidecar's annotation.

use serde_json::Value;

/// True if `live` has everything that `wanted` says.
///
/// Lists are compared as a whole: an element that somebody added is a difference.
pub fn agrees(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            match live.get(key) {
                Some(live) if key == "limits" || key == "requests" => amounts(live, wanted),
                Some(live) => agrees(live, wanted),
                // The API server leaves out what is empty.
                None => is_nothing(wanted),
            }
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live.iter().zip(wanted).all(|(live, wanted)| agrees(live, wanted))
        }
        (live, wanted) => live == wanted,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
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
    fn an_element_that_somebody_added_is_a_difference() {
        assert!(!agrees(&json!({"list": [1, 2]}), &json!({"list": [1]})));
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
