//! SPIKE Nexus: serves secrets to workloads that prove who they are.
