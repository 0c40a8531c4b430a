//! Clients of Nexus in a pod of the cluster: see `spike_testbed_kubernetes::Load`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    spike_testbed_kubernetes::generate().await
}
