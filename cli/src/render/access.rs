//! Who may do what, and why.

use std::fmt::Write;

use spike_core::wire::v2::access::{CheckResponse, Considered};
use zeroize::Zeroizing;

use crate::{format::View, output::Paint};

impl View for CheckResponse {
    fn human(&self, paint: Paint) -> Zeroizing<String> {
        let verdict = if self.allowed { paint.good("allowed") } else { paint.bad("denied") };
        let mut text = format!("{verdict}: {}\n", self.reason);
        if !self.considered.is_empty() {
            text.push_str("\nPolicies that match the workload or the path:\n");
        }
        let width = self.considered.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
        for policy in &self.considered {
            writeln!(text, "  {:width$}  {}", policy.name, distance(policy))
                .expect("a String takes all text");
        }
        Zeroizing::new(text)
    }
}

/// What a policy lacks to allow it.
fn distance(policy: &Considered) -> String {
    let mut lacks = Vec::new();
    if !policy.spiffe_id_matches {
        lacks.push("is for other workloads".to_owned());
    }
    if !policy.path_matches {
        lacks.push("is for other paths".to_owned());
    }
    if !policy.missing.is_empty() {
        lacks.push(format!("doesn't grant {}", policy.missing.join(", ")));
    }
    if lacks.is_empty() { "grants it".to_owned() } else { lacks.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_says_what_it_lacks() {
        let considered = |name: &str, spiffe_id_matches, path_matches, missing: &[&str]| {
            let missing = missing.iter().map(ToString::to_string).collect();
            Considered { name: name.to_owned(), spiffe_id_matches, path_matches, missing }
        };
        let answer = CheckResponse {
            allowed: false,
            policy: None,
            considered: vec![
                considered("db-read", true, true, &["write"]),
                considered("web", false, true, &["read", "write"]),
                considered("x", true, false, &[]),
            ],
            reason: "no policy grants write".to_owned(),
        };
        assert_eq!(
            answer.human(Paint::PLAIN).as_str(),
            "denied: no policy grants write\n\nPolicies that match the workload or the path:\n  \
             db-read  doesn't grant write\n  \
             web      is for other workloads; doesn't grant read, write\n  \
             x        is for other paths\n"
        );
    }
}
