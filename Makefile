# `make` shows what there is. `make demo` and `make test` do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
BIN    := $(TARGET)/debug
TOOLS  := $(TARGET)/tools
export CARGO_TERM_COLOR ?= $(if $(MAKE_TERMOUT),always,auto)

.PHONY: help
help: ## Show this text
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Build, start a whole cluster on this machine, and watch it survive
	@rm -f $(TARGET)/demo.json
	@$(BIN)/spike dev demo --report $(TARGET)/demo.json
	@grep -q '"steps":8' $(TARGET)/demo.json || { echo "The demo ended without telling its story." >&2; exit 1; }

.PHONY: build
build: setup ## Build all programs
	@cargo build --workspace --bins --locked

.PHONY: test
test: setup-test ## Run the tests that need no nodes, with real processes on loopback
	@scripts/tools.sh etcd kube-apiserver kube-controller-manager
	@cargo build --workspace --bins --locked
	@cargo test --workspace --locked

.PHONY: e2e
e2e: setup-e2e ## Run the tests on real Kubernetes, or one of them (CASE=cluster_apply)
	@scripts/e2e.sh $(CASE)

.PHONY: cluster
cluster: setup-e2e ## Start a Kubernetes on this machine and a shell in which kubectl reaches it
	@scripts/tools.sh cluster
	@cargo build --workspace --bins --locked
	@$(BIN)/spike-kubernetes run

.PHONY: lint
lint: setup $(TOOLS)/bin/cargo-deny ## Check form: rustfmt, clippy, sizes, layers, dependencies
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@cargo run --quiet --locked --package xtask
	@$(TOOLS)/bin/cargo-deny --locked check --hide-inclusion-graph bans licenses sources

.PHONY: fmt
fmt: ## Format the code
	@cargo fmt --all

.PHONY: generate
generate: setup ## Write the CRD and its reference page anew, and Cargo.toml's version into all files
	@cargo run --quiet --package xtask versions
	@cargo run --quiet --locked --package spike-crds --bin crdgen

.PHONY: doc
doc: setup ## Build the API documentation into target/doc
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

.PHONY: bench
bench: setup-test ## Measure, and print a table for docs/benchmarks.md
	@scripts/bench.sh

.PHONY: bench-operator
bench-operator: setup-test ## Measure the operator with a thousand clusters on an API server
	@scripts/tools.sh etcd kube-apiserver kube-controller-manager
	@cargo build --release --locked --workspace --bins --example many_clusters
	@$(TARGET)/release/examples/many_clusters

.PHONY: bench-pods
bench-pods: setup-e2e ## Measure on real pods how long a cluster takes to be ready
	@scripts/tools.sh cluster
	@cargo build --release --locked --workspace --bins --example apply_to_ready
	@$(TARGET)/release/spike-kubernetes run -- $(TARGET)/release/examples/apply_to_ready

.PHONY: setup setup-test setup-e2e
setup:
	@scripts/setup.sh build
setup-test:
	@scripts/setup.sh test
setup-e2e:
	@scripts/setup.sh e2e

CARGO_DENY := 0.20.2
$(TOOLS)/bin/cargo-deny:
	@echo "Building cargo-deny $(CARGO_DENY) (once)"
	@cargo install --quiet --locked --root $(TOOLS) cargo-deny@$(CARGO_DENY)
