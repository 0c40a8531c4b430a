#!/usr/bin/env bash
# e2e.sh [CASE...]: runs the tests that `make test` leaves out, on real Kubernetes and with real SPIRE,
# one after the other, and ends with a table of their times. CASE is part of a case's name, such as
# cluster_apply or cluster_apply::an_applied; without one all are run.
#
# The cases cluster_* run on two nodes that spike-kubernetes makes of this machine, or on the cluster that
# SPIKE_E2E_KUBECONFIG names. Ctrl-C ends everything that was started.
set -euo pipefail
cd "$(dirname "$0")/.."
unset RUST_BACKTRACE

patience=20m # a case that hangs is ended
cargo=${CARGO:-cargo}
spike_kubernetes=${CARGO_TARGET_DIR:-target}/debug/spike-kubernetes

# Runs a program that ends when we are told to end, whoever else heard it.
child=
stopped=
attend() {
    [[ -z $stopped ]] || return 130
    "$@" &
    child=$!
    local status
    while true; do
        status=0
        wait "$child" || status=$?
        # A signal ends the waiting, not the program.
        kill -0 "$child" 2>/dev/null || return "$status"
    done
}
trap 'stopped=yes; kill -TERM $child 2>/dev/null || true' INT TERM HUP

# Prints `FILE::TEST PROGRAM TEST` for every case that a word names, with TEST as the program calls it.
list() {
    local program file test
    # Executable tests/spire.rs (target/debug/deps/spire-0123)
    "$cargo" test --workspace --locked --no-run \
        --test 'kubernetes_*' --test cluster --test spire 2>&1 | tee "$scratch/build" >&2
    sed -n 's/^ *Executable tests.*(\(.*\))$/\1/p' "$scratch/build" | while read -r program; do
        file=$(basename "${program%-*}")::
        # Of many files it is one program, and says itself which it means.
        [[ $file != cluster:: ]] || file=
        "$program" --list --ignored --format terse | sed -n 's/: test$//p' | while read -r test; do
            if [[ $file$test == cluster_spire::* && ${SPIKE_E2E_KUBECONFIG-} && ! ${SPIKE_KUBERNETES-} ]]; then
                echo "$file$test is left out: only spike-kubernetes starts SPIRE" >&2
            elif (($# == 0)) || grep -qF "${@/#/-e}" <<<"$file$test"; then
                echo "$file$test $program $test"
            fi
        done
    done
}

# Runs the cases of a list; fails if one does.
run() {
    local name program test started result tenths failed=0
    while read -r name program test <&3 && [[ -z $stopped ]]; do
        printf '…  %s\n' "$name"
        started=${EPOCHREALTIME/[.,]/} result=ok
        attend timeout --kill-after=10s "$patience" \
            "$program" --exact "$test" --ignored --nocapture >"$scratch/log" 2>&1 || result=FAILED
        tenths=$(((${EPOCHREALTIME/[.,]/} - started) / 100000))
        if [[ $stopped ]]; then
            result=stopped
        elif [[ $result != ok ]]; then
            failed=1
            sed 's/^/   | /' "$scratch/log"
        fi
        printf '%6d.%d s  %-7s  %s\n' $((tenths / 10)) $((tenths % 10)) "$result" "$name" |
            tee -a "$scratch/table"
    done 3<"$1"
    [[ -z $stopped ]] && return "$failed"
}

# Within `spike-kubernetes run`.
if [[ ${1-} == --run ]]; then
    scratch=$2
    run "$scratch/on-nodes"
    exit
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$cargo" build --workspace --bins --locked
# What is missing is said before anything takes long.
if [[ ! ${SPIKE_E2E_KUBECONFIG-} && ($# == 0 || " $*" == *" cluster"*) ]]; then
    "$spike_kubernetes" check
fi
list "$@" >"$scratch/cases"
if [[ ! -s $scratch/cases ]]; then
    echo "no case is called $*" >&2
    exit 2
fi
grep '^cluster_' "$scratch/cases" >"$scratch/on-nodes" || true
grep -v '^cluster_' "$scratch/cases" >"$scratch/elsewhere" || true

[[ ! -s $scratch/on-nodes || ${SPIKE_E2E_KUBECONFIG-} ]] || scripts/tools.sh cluster
! grep -q '^kubernetes_' "$scratch/cases" || scripts/tools.sh api
! grep -q 'spire::' "$scratch/cases" || scripts/tools.sh spire

echo "$(wc -l <"$scratch/cases") cases"
failed=0
run "$scratch/elsewhere" || failed=1
if [[ -s $scratch/on-nodes && ${SPIKE_E2E_KUBECONFIG-} ]]; then
    run "$scratch/on-nodes" || failed=1
elif [[ -s $scratch/on-nodes ]]; then
    attend "$spike_kubernetes" run -- "$0" --run "$scratch" || failed=1
fi
printf '\n'
sort -k3,3r -s "$scratch/table"
exit "$failed"
