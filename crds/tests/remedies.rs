//! What people read about conditions is what they are shown.

use spike_crds::remedies::{self, REMEDIES};

#[test]
fn the_documentation_has_the_table_of_remedies() {
    let page = include_str!("../../docs/operator.md");
    let table = remedies::table();
    assert!(page.contains(&table), "put this into docs/operator.md:\n{table}");
}

#[test]
fn each_reason_that_something_helps_against_has_a_runbook() {
    let page = include_str!("../../docs/runbooks.md");
    let headings: Vec<_> = page.lines().filter(|line| line.starts_with('#')).collect();
    for remedy in &REMEDIES {
        for reason in remedy.reasons {
            let told = |heading: &&str| heading.split(['#', ',', ' ']).any(|word| word == *reason);
            assert!(headings.iter().any(told), "{reason}");
        }
    }
}
