#!/usr/bin/env bash
# kind.sh [COMMAND...]: makes a kind cluster, gives it Spike's image from the Dockerfile, runs the command
# (else the tests that need nodes) with SPIKE_E2E_KUBECONFIG set, and deletes the cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in docker kind kubectl; do
    command -v "$program" >/dev/null || { echo "missing: $program" >&2 && exit 1; }
done
name=spike-e2e
image=ghcr.io/spike-rs/spike:$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n1)
scratch=$(mktemp -d)
trap 'kind delete cluster --name "$name"; rm -rf "$scratch"' EXIT

echo "Building $image"
docker build --quiet --tag "$image" .
# What a cluster is upgraded from: the same programs, another image.
previous=${image%:*}:previous
echo "FROM $image" | docker build --quiet --tag "$previous" --label org.opencontainers.image.version=previous -
# One whose Keeper runs and does nothing.
mute=${image%:*}:mute
printf 'FROM %s\nCOPY --from=registry.k8s.io/pause:3.10 /pause /usr/local/bin/keeper\n' "$image" |
    docker build --quiet --tag "$mute" -
docker pull --quiet postgres:17-bookworm
docker tag postgres:17-bookworm localhost/postgres:1
cargo build --workspace --bins --locked
"${CARGO_TARGET_DIR:-target}/debug/spike-kubernetes" load-image "$scratch/load.tar"

kind create cluster --name "$name" --config e2e/kind.yaml --kubeconfig "$scratch/kubeconfig" --wait 120s
kind load docker-image "$image" "$previous" "$mute" localhost/postgres:1 --name "$name"
kind load image-archive "$scratch/load.tar" --name "$name"
export KUBECONFIG=$scratch/kubeconfig SPIKE_E2E_KUBECONFIG=$scratch/kubeconfig
if (($#)); then
    "$@"
else
    scripts/e2e.sh cluster_
fi
