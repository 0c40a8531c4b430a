//! `kubectl spike`.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    spike_kubectl::Args::read().run().await
}
