//! What people see of `kubectl spike` without a cluster: help and refusals.
//!
//! Run with `TRYCMD=overwrite` to take what is printed as what is wanted, then read the diff.

#[test]
fn the_command_line_reads_as_it_is_written_down() {
    trycmd::TestCases::new()
        .env("KUBECONFIG", "/nowhere/kubeconfig")
        .env("NO_COLOR", "1")
        .case("tests/cmd/*.trycmd");
}
