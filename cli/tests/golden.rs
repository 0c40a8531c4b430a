//! What people see of `spike` without a cluster: every help, every refusal.
//!
//! Run with `TRYCMD=overwrite` to take what is printed as what is wanted, then read the diff.

#[test]
fn the_command_line_reads_as_it_is_written_down() {
    trycmd::TestCases::new()
        .env("SPIFFE_ENDPOINT_SOCKET", "unix:///nowhere/agent.sock")
        .env("NO_COLOR", "1")
        .case("tests/cmd/*.trycmd");
}
