#!/usr/bin/env bash
# Measures release builds under k6, lets everything happen to PostgreSQL that can, and prints tables
# for docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$target/tools"
if [[ ! -x $target/tools/k6 ]]; then
    echo "Building k6 (once)" >&2
    (cd e2e/bench && CGO_ENABLED=0 go build -trimpath -o "$target/tools/k6" go.k6.io/k6)
fi
cargo build --quiet --release --locked --workspace --bins --examples
echo "$(date -u +%F), $(nproc) cores of $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo),"
echo "$(uname -sr), $(rustc --version), $("$target/tools/k6" version | head -n1),"
postgres=$(find /usr/lib/postgresql -name postgres -path '*/bin/*' 2>/dev/null | sort -V | tail -n1)
echo "$("${postgres:-postgres}" --version); load and servers share the cores."
echo
K6=$target/tools/k6 "$target/release/examples/bench"
echo
"$target/release/examples/faults"
echo
"$target/release/examples/group_commit_sqlite"
echo
"$target/release/examples/group_commit_postgres"
