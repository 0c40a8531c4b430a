#!/usr/bin/env bash
# tools.sh PROGRAM...: builds the Go programs that the Kubernetes tests drive, each once per version,
# into $SPIKE_TOOLS (else ~/.cache/spike/tools), which all clones on a machine share. The versions are
# those of e2e/kubernetes/*/go.mod. `tools.sh api`, `cluster` and `spire` name what each level needs.
set -euo pipefail
cd "$(dirname "$0")/../e2e/kubernetes"
tools=${SPIKE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/spike/tools}

api=(etcd kube-apiserver kube-controller-manager kubectl helm glua)
cluster=("${api[@]}" kube-scheduler kubelet kube-proxy coredns)
spire=(spire-server spire-agent spire-controller-manager spiffe-csi-driver)

# The module folder and the package that a program comes from.
source_of() {
    case $1 in
    etcd) echo kubernetes go.etcd.io/etcd/server/v3 ;;
    kube-* | kubelet | kubectl) echo "kubernetes k8s.io/kubernetes/cmd/$1" ;;
    coredns) echo coredns github.com/coredns/coredns ;;
    helm) echo helm helm.sh/helm/v3/cmd/helm ;;
    glua) echo lua github.com/yuin/gopher-lua/cmd/glua ;;
    spire-controller-manager) echo spire github.com/spiffe/spire-controller-manager/cmd ;;
    spire-*) echo "spire github.com/spiffe/spire/cmd/$1" ;;
    spiffe-csi-driver) echo "spire github.com/spiffe/spiffe-csi/cmd/$1" ;;
    *) echo "tools.sh: no program $1" >&2 && return 1 ;;
    esac
}

# The file that a program is built into, which names its module's version.
built() {
    local program=$1 source family package
    source=$(source_of "$program") || return
    read -r family package <<<"$source"
    awk -v package="$package/" -v into="$tools/$program" -v program="$program" '
        { sub(/^require /, "") }
        $2 ~ /^v/ && index(package, $1 "/") == 1 { print into "-" $2 "/" program }
    ' "$family/go.mod"
}

# Says in one line why a program can't be built, if so.
check() {
    local family package said
    read -r family package <<<"$(source_of "$1")"
    if ! command -v go >/dev/null; then
        echo "missing: Go 1.25.5 or newer, to build $1; see https://go.dev/dl" >&2 && return 1
    fi
    # This brings the modules that the program needs.
    if ! said=$(cd "$family" && go list -mod=readonly -deps "$package" 2>&1 >/dev/null); then
        echo "missing: Go modules for $1: $(tail -n 1 <<<"$said"); where they can be reached, run:" \
            "(cd e2e/kubernetes/$family && go mod download)" >&2 && return 1
    fi
}

build() {
    local program=$1 place=$2 file family package into started=$SECONDS
    read -r family package <<<"$(source_of "$program")"
    file=$(built "$program")
    into=${file%/*}
    mkdir -p "$into"
    (
        flock 9 # another clone may be building it
        [[ -x $file ]] && return
        echo "Building ${into##*/} ($place, once; the whole set takes about 10 minutes on 2 cores)"
        cd "$family"
        cgo=0
        [[ $program == spire-server ]] && cgo=1 # for SQLite, where it keeps its entries
        CGO_ENABLED=$cgo go build -mod=readonly -trimpath -o "$file.part" \
            -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=${into##*/"$program"-}" "$package"
        if [[ $program == spire-controller-manager ]]; then # and the kinds that it serves
            install -m 644 -D -t "$into/crds" \
                "$(go list -mod=readonly -f '{{.Module.Dir}}' "$package")"/config/crd/bases/*.yaml
        fi
        mv "$file.part" "$file"
        echo "  $((SECONDS - started)) s, $(du -h "$file" | cut -f1) in $into"
    ) 9>"$into/.lock"
}

case ${1-} in
api) set -- "${api[@]}" "${@:2}" ;;
cluster) set -- "${cluster[@]}" "${@:2}" ;;
spire) set -- "${spire[@]}" "${@:2}" ;;
'') echo "usage: tools.sh [api | cluster | spire] PROGRAM..." >&2 && exit 2 ;;
esac
unbuilt=()
for program in "$@"; do
    file=$(built "$program")
    [[ -x $file ]] || unbuilt+=("$program")
done
for program in "${unbuilt[@]}"; do
    check "$program"
done
at=0
for program in "${unbuilt[@]}"; do
    build "$program" "$((++at)) of ${#unbuilt[@]}"
done
