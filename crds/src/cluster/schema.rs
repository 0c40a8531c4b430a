//! Schemas of what Kubernetes writes in its own way.

use schemars::{Schema, SchemaGenerator, json_schema};

/// An amount: a number, or a text with a suffix. The pattern is Kubernetes' own.
pub(super) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
    })
}

/// A span of time as Go writes it; a rule says so, for a pattern's refusal tells nobody what to write.
pub(super) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 20})
}

/// An object of Kubernetes whose whole schema would outgrow ours.
pub(super) fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
