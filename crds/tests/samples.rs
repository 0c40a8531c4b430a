//! The manifests of `config/samples` can work, as they are.

use std::{collections::BTreeSet, fs, path::Path};

use spike_crds::{manifest, validate};

#[test]
fn every_sample_can_work_and_each_is_a_cluster_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/samples");
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the samples") {
        let path = entry.expect("readable").path();
        let text = fs::read_to_string(&path).expect("readable");
        let cluster = manifest::read(&text).map_err(|error| format!("{}: {error}", path.display()));
        let cluster = validate(&cluster.expect("a SpikeCluster")).expect("it can work");
        let file = path.file_name().expect("a file").to_owned();
        assert!(seen.insert((cluster.namespace, cluster.name)), "{}", file.display());
    }
    assert!(seen.len() >= 5, "{seen:?}");
}
