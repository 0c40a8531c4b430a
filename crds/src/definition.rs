//! The `CustomResourceDefinition` as it is installed: the types' schema, and the rules in it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value};

use crate::{RULES, SpikeCluster, rule::Rule};

/// The annotation by which an operator of another version knows what is installed.
const VERSION: &str = "spike.ist/version";

/// The version of Spike whose definition is installed, if it says one.
pub fn installed_version(crd: &CustomResourceDefinition) -> Option<&str> {
    crd.metadata.annotations.as_ref()?.get(VERSION).map(String::as_str)
}

/// The definition of `SpikeCluster`.
pub fn definition() -> CustomResourceDefinition {
    let mut crd = serde_json::to_value(SpikeCluster::crd()).expect("a definition is JSON");
    let schema = crd
        .pointer_mut("/spec/versions/0/schema/openAPIV3Schema")
        .expect("the derive makes one version with a schema");
    forbid_null(schema);
    for rule in RULES {
        for at in rule.at {
            let part = part(schema, at).expect("a rule judges a part that the types have");
            weave(part, rule, at);
        }
    }
    let mut crd: CustomResourceDefinition =
        serde_json::from_value(crd).expect("it was a definition a moment ago");
    let annotations = crd.metadata.annotations.get_or_insert_default();
    annotations.insert(VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    crd
}

/// `null` would pass for a kind of store that is set.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.remove("nullable");
            members.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

/// The schema of the part of a manifest at `path`.
fn part<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    let names = path.split('.').filter(|name| !name.is_empty());
    let part =
        names.into_iter().try_fold(schema, |part, name| part.get_mut("properties")?.get_mut(name));
    part?.as_object_mut()
}

fn weave(part: &mut Map<String, Value>, rule: &Rule, at: &str) {
    let rules = part.entry("x-kubernetes-validations").or_insert_with(|| Value::Array(Vec::new()));
    rules.as_array_mut().expect("we made it").push(rule.entry(at));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an API server and etcd take without a thought, far below what they refuse.
    const CEILING: usize = 64 * 1024;

    fn text() -> String {
        serde_json::to_string(&definition()).expect("JSON")
    }

    #[test]
    fn the_schema_is_one_that_an_api_server_takes() {
        let text = text();
        for refused in [r#""format":"uint"#, r#""additionalProperties":false"#, r#""$ref""#] {
            assert!(!text.contains(refused), "{refused}");
        }
        assert!(text.len() < CEILING, "{} bytes", text.len());
    }

    #[test]
    fn null_is_no_value_of_anything() {
        assert!(!text().contains("nullable"));
        assert!(!text().contains("[null]") && !text().contains(",null]"));
    }

    #[test]
    fn defaults_of_objects_are_written_out() {
        for written in [
            r#""default":{"generation":1,"shares":3,"threshold":2}"#,
            r#""default":{"replicas":2,"service":{"type":"ClusterIP"}}"#,
            r#""default":{"spread":{"whenUnsatisfiable":"DoNotSchedule"}}"#,
        ] {
            assert!(text().contains(written), "{written}");
        }
    }

    #[test]
    fn conditions_are_a_list_of_one_for_each_type() {
        let schema = serde_json::to_value(definition()).expect("JSON");
        let at = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/conditions";
        let conditions = schema.pointer(at).expect("a field of the status");
        assert_eq!(conditions["x-kubernetes-list-type"], "map");
        assert_eq!(conditions["x-kubernetes-list-map-keys"], serde_json::json!(["type"]));
    }

    #[test]
    fn every_rule_is_in_it() {
        let text = text();
        for rule in RULES {
            let count = text.matches(&serde_json::to_string(rule.cel).expect("JSON")).count();
            assert_eq!(count, rule.at.len(), "{}", rule.name);
        }
    }
}
