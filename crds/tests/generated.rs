//! What is generated is what the types say.

use std::process::Command;

#[test]
fn the_definition_and_its_reference_page_are_up_to_date() {
    let output = Command::new(env!("CARGO_BIN_EXE_crdgen")).arg("--check").output();
    let output = output.expect("crdgen runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
