#!/usr/bin/env bash
# Runs everything the project promises. Needs Rust and a C linker; what else the tests need, it
# installs by itself: see scripts/install-test-tools.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "test tools"
bash scripts/install-test-tools.sh

step "the workspace, all features"
cargo test --workspace --all-features

step "the core and the facade with as little as possible"
cargo check -p pytheus-core --no-default-features
cargo check -p pytheus --no-default-features
cargo check -p pytheus
cargo check -p pytheus --no-default-features --features shm
cargo check -p pytheus --no-default-features --features redis

step "the main job, as the README has it"
cargo run --release -p pytheus-examples --bin shop -- --demo

step "the instructions of the hottest paths, within their limits"
bash scripts/instructions.sh

step "the benchmarks' own checks"
cargo test --manifest-path benchmarks/Cargo.toml

printf '\nEverything passed.\n'
