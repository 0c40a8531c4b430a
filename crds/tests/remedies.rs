//! What people read about conditions is what they are shown.

use spike_crds::remedies;

#[test]
fn the_documentation_has_the_table_of_remedies() {
    let page = include_str!("../../docs/operator.md");
    let table = remedies::table();
    assert!(page.contains(&table), "put this into docs/operator.md:\n{table}");
}
