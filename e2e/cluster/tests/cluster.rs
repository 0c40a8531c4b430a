//! The promises that are kept on a cluster's real pods, a file each, in one program: each of its own would be
//! linked with all that a client of Kubernetes is made of.

mod cluster_all_killed;
mod cluster_apply;
mod cluster_bad_image;
mod cluster_children;
mod cluster_credentials;
mod cluster_deletion;
mod cluster_first;
mod cluster_hand_edits;
mod cluster_image;
mod cluster_keeper_deleted;
mod cluster_kubectl;
mod cluster_managers;
mod cluster_mismatch;
mod cluster_namespace;
mod cluster_nexus_killed;
mod cluster_nexus_scaled;
mod cluster_node_drained;
mod cluster_node_holds_quorum;
mod cluster_node_killed;
mod cluster_postgres;
mod cluster_reshared;
mod cluster_rollout;
mod cluster_spire;
mod cluster_store_emptied;
mod cluster_upgrade;

/// A file that nobody names here is compiled by nobody.
#[test]
fn every_file_is_part_of_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file"));
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    for file in names.filter(|name| name.starts_with("cluster_")) {
        let module = format!("mod {};", file.trim_end_matches(".rs"));
        assert!(include_str!("cluster.rs").contains(&module), "{file}");
    }
}
