//! Real Kubernetes for tests.
//!
//! [`Api`] is etcd, kube-apiserver and kube-controller-manager on loopback: enough wherever no pod has
//! to run. [`Cluster`] has nodes as well, each a machine made of namespaces with containerd and
//! kubelet, and [`image`] makes what they run. Everything is the released program, built by
//! `scripts/tools.sh`; nothing here imitates Kubernetes, and nothing outlives the process that started
//! it.

mod api;
mod args;
mod cgroup;
mod cluster;
mod control;
mod entrance;
mod folder;
mod forward;
pub mod image;
mod kubeconfig;
mod machine;
mod namespace;
mod network;
mod node;
mod pki;
mod process;
mod remote;
mod storage;
mod tools;
mod wait;

pub use api::Api;
pub use args::{Args, IMAGE};
pub use cluster::Cluster;
pub use forward::Forward;
pub use image::program;
pub use namespace::Namespace;
pub use remote::{kill_node, start_node};
pub use tools::Tool;
pub use wait::until;
