#!/usr/bin/env bash
# setup.sh build|test|e2e: makes sure that what the build (or the tests, or those on Kubernetes too)
# needs is there. Installs missing Debian packages where it may, else says in one line what is missing.
set -euo pipefail

want_rust=1.95
missing=()
command -v cc >/dev/null || missing+=(build-essential)
command -v cmake >/dev/null || missing+=(cmake)
if [[ ${1-} == test ]]; then
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
fi
if [[ ${1-} == test || ${1-} == e2e ]]; then
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
        missing+=(postgresql)
fi
if [[ ${1-} == e2e ]]; then
    command -v containerd >/dev/null || missing+=(containerd runc)
    [[ -x /usr/lib/cni/bridge ]] || missing+=(containernetworking-plugins)
    command -v iptables >/dev/null || missing+=(iptables)
    command -v conntrack >/dev/null || missing+=(conntrack)
    command -v ip >/dev/null || missing+=(iproute2)
fi

if ((${#missing[@]})); then
    run=()
    ((EUID == 0)) || run=(sudo -n)
    if ! command -v apt-get >/dev/null || ! { "${run[@]}" true; } 2>/dev/null; then
        echo "missing: ${missing[*]} (Debian package names); install them and run again" >&2
        exit 1
    fi
    echo "installing ${missing[*]}"
    "${run[@]}" apt-get update -qq
    if [[ " ${missing[*]} " == *" postgresql "* ]]; then
        # Only its programs are wanted: by default the package starts a server on port 5432.
        "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql-common >/dev/null
        "${run[@]}" sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' \
            /etc/postgresql-common/createcluster.conf
    fi
    "${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "missing: Rust $want_rust or newer; see https://rustup.rs" >&2
    exit 1
fi
have_rust=$(rustc --version | cut -d' ' -f2)
if [[ $(printf '%s\n' "$want_rust" "$have_rust" | sort -V | head -n1) != "$want_rust" ]]; then
    echo "missing: Rust $want_rust or newer, this is $have_rust; run: rustup update stable" >&2
    exit 1
fi
if [[ ${1-} == test || ${1-} == e2e ]] && ! command -v go >/dev/null; then
    echo "missing: Go 1.25.5 or newer, for SPIKE's own SDK and Kubernetes; see https://go.dev/dl" >&2
    exit 1
fi
