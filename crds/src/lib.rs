//! Kubernetes resources of Spike.
