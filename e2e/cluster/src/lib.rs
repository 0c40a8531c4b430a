//! Real Kubernetes for tests.
//!
//! [`Api`] is etcd, kube-apiserver and kube-controller-manager on loopback: enough wherever no pod has
//! to run. [`Cluster`] has nodes as well, each a machine made of namespaces with containerd and
//! kubelet, and [`image`] makes what they run. Everything is the released program, built by
//! `scripts/tools.sh`; nothing here imitates Kubernetes, and nothing outlives the process that started
//! it.
//!
//! In any cluster that a kubeconfig names, a test works in a [`Namespace`]: it applies a [`Manifest`],
//! perhaps on a [`Postgres`], watches the [`Demo`] that it becomes, and puts it under [`Load`]:
//! a [`Scene`] is all of that.

mod api;
mod args;
mod cgroup;
mod check;
mod cluster;
mod control;
mod demo;
mod entrance;
mod folder;
pub mod image;
mod kubeconfig;
mod load;
mod machine;
mod namespace;
mod network;
mod node;
mod person;
mod pki;
pub mod pods;
mod postgres;
mod process;
mod registration;
mod remote;
mod scene;
mod spire;
mod storage;
mod tools;
mod wait;

pub use api::Api;
pub use args::{Args, IMAGE, MUTE, PREVIOUS};
pub use cluster::Cluster;
pub use demo::{DOMAIN, Demo, EDITED, Manifest, NAME, condition, install};
pub use image::program;
pub use load::{Load, Report, generate};
pub use namespace::Namespace;
pub use person::Person;
pub use postgres::Postgres;
pub use remote::{kill_node, start_node, start_spire};
pub use scene::{Least, Scene, of_image};
pub use spire::Spire;
pub use tools::Tool;
pub use wait::until;
