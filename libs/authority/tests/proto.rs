//! The generated code of the Workload API is what its .proto says.

use std::{fs, path::Path};

#[test]
fn the_generated_code_is_that_of_the_proto() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let descriptors =
        protox::compile(["workload.proto"], [crate_dir.join("proto")]).expect("a valid .proto");
    let out = tempfile::tempdir().expect("a directory");
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        .generate_default_stubs(true)
        // A message with a private key is never printed.
        .skip_debug(["X509SVID", "X509SVIDResponse", "JWTSVID", "JWTSVIDResponse"])
        .out_dir(out.path())
        .compile_fds(descriptors)
        .expect("code");
    let generated = fs::read_to_string(out.path().join("_.rs")).expect("one file, no package");

    let checked_in = crate_dir.join("proto/generated.rs");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&checked_in, &generated).expect("written");
    }
    let present = fs::read_to_string(checked_in).expect("checked in");
    assert!(generated == present, "run this test with UPDATE_EXPECT=1 and look at the difference");
}
