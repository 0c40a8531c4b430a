//! What Kubernetes takes as a label, a selector or a network.
//!
//! The schema doesn't say it: who writes it wrong would be told by nobody until an object that is made
//! of it is refused.

use std::collections::BTreeMap;

use ipnet::IpNet;
use k8s_openapi::{
    api::networking::v1::{IPBlock, NetworkPolicyPeer},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
};

use super::problem::Problems;
use crate::cluster::NetworkPolicy;

/// The longest name of a label, and its longest value.
const LONGEST: usize = 63;

/// The longest DNS name.
const LONGEST_DNS: usize = 253;

/// What keys and values of labels are made of.
const SYNTAX: &str =
    "1 to 63 letters, digits, dashes, dots and underscores, with a letter or digit at both ends";

impl Problems {
    pub(super) fn network(&mut self, policy: &NetworkPolicy) {
        for (place, cidr) in policy.egress_cidrs.iter().enumerate() {
            self.cidr(&format!("spec.networkPolicy.egressCIDRs[{place}]"), cidr);
        }
        for (place, peer) in policy.extra_ingress.iter().enumerate() {
            self.peer(&format!("spec.networkPolicy.extraIngress[{place}]"), peer);
        }
    }

    fn peer(&mut self, at: &str, peer: &NetworkPolicyPeer) {
        let selectors =
            [("namespaceSelector", &peer.namespace_selector), ("podSelector", &peer.pod_selector)];
        let selects = selectors.iter().any(|(_, selector)| selector.is_some());
        self.require(selects != peer.ip_block.is_some(), at, || {
            format!("{at} needs namespaceSelector, podSelector or both, or else ipBlock alone")
        });
        for (name, selector) in selectors {
            if let Some(selector) = selector {
                self.selector(&format!("{at}.{name}"), selector);
            }
        }
        if let Some(block) = &peer.ip_block {
            self.block(&format!("{at}.ipBlock"), block);
        }
    }

    fn block(&mut self, at: &str, block: &IPBlock) {
        let whole = self.cidr(&format!("{at}.cidr"), &block.cidr);
        for (place, except) in block.except.iter().flatten().enumerate() {
            let field = format!("{at}.except[{place}]");
            if let (Some(part), Some(whole)) = (self.cidr(&field, except), whole) {
                let within = whole.contains(&part) && part.prefix_len() > whole.prefix_len();
                self.require(within, &field, || format!("{field} must be a part of {at}.cidr"));
            }
        }
    }

    fn cidr(&mut self, field: &str, text: &str) -> Option<IpNet> {
        let network = text.parse().ok();
        self.require(network.is_some(), field, || {
            format!("{field} must be a network such as 10.0.0.0/8 or 2001:db8::/32")
        });
        network
    }

    fn selector(&mut self, at: &str, selector: &LabelSelector) {
        if let Some(labels) = &selector.match_labels {
            self.labels(&format!("{at}.matchLabels"), labels);
        }
        for (place, one) in selector.match_expressions.iter().flatten().enumerate() {
            let field = format!("{at}.matchExpressions[{place}]");
            self.require(is_requirement(one), &field, || {
                format!(
                    "{field} must be a label's key with operator In or NotIn and values, or with \
                     Exists or DoesNotExist and none; a name or value has {SYNTAX}"
                )
            });
        }
    }

    /// Labels that an object has, or must have.
    pub(super) fn labels(&mut self, field: &str, labels: &BTreeMap<String, String>) {
        let holds = labels.iter().all(|(key, value)| is_key(key) && is_value(value));
        self.require(holds, field, || {
            format!(
                "{field} must be labels: a key is [DNS name/]name, and a name or value has {SYNTAX}"
            )
        });
    }

    /// Annotations have the keys of labels, in either case, and any value.
    pub(super) fn annotations(&mut self, field: &str, annotations: &BTreeMap<String, String>) {
        let holds = annotations.keys().all(|key| is_key(&key.to_lowercase()));
        self.require(holds, field, || {
            format!(
                "{field} must be annotations: a key is [DNS name/]name, and a name has {SYNTAX}"
            )
        });
    }
}

fn is_requirement(one: &LabelSelectorRequirement) -> bool {
    let values = one.values.as_deref().unwrap_or_default();
    let fits = match one.operator.as_str() {
        "In" | "NotIn" => !values.is_empty(),
        "Exists" | "DoesNotExist" => values.is_empty(),
        _ => false,
    };
    fits && is_key(&one.key) && values.iter().all(|value| is_value(value))
}

fn is_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_dns(domain) && is_name(name),
        None => is_name(key),
    }
}

fn is_value(value: &str) -> bool {
    value.is_empty() || is_name(value)
}

fn is_name(name: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let ends = |c: char| c.is_ascii_alphanumeric();
    name.len() <= LONGEST
        && name.bytes().all(inside)
        && name.starts_with(ends)
        && name.ends_with(ends)
}

fn is_dns(domain: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.len() <= LONGEST_DNS && domain.split('.').all(label)
}
