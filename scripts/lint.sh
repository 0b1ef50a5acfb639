#!/usr/bin/env bash
# Format, lints and docs, for the workspace and for the benchmarks.
set -euo pipefail
cd "$(dirname "$0")/.."

for manifest in Cargo.toml benchmarks/Cargo.toml; do
    cargo fmt --all --manifest-path "$manifest" --check
    cargo clippy --manifest-path "$manifest" --workspace --all-targets --all-features -- -D warnings
done
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
