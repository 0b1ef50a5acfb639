#!/usr/bin/env bash
# The work of the groups of shared memory, done by the Python libraries whose processes share metrics,
# and that of those which keep them in Redis, against a server that is started for each of them.
# Installs them in benchmarks/target/python, which needs Python 3.9 with venv, pip and a C compiler.
#
#     bash benchmarks/python/run.sh            tables
#     bash benchmarks/python/run.sh redis-update redis-scrape redis-memory redis-consistency
#     bash benchmarks/python/run.sh --json     one JSON document, as the Rust program writes it
#     bash benchmarks/python/run.sh --quick    few rounds of few series: does everything run?
set -euo pipefail
cd "$(dirname "$0")"

venv=../target/python/venv
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r requirements.txt >&2

tools="$PWD/../../target/test-tools/bin"
export PATH="$tools:$PATH"
if ! command -v redis-server >/dev/null; then
    bash ../../scripts/install-test-tools.sh >&2
fi

# Gone when this script is, and so are the processes: each ends with the one that started it.
folder="$(mktemp -d /dev/shm/pytheus-benchmarks-python-XXXXXX)"
trap 'rm -rf "$folder"' EXIT
"$venv/bin/python" bench.py --folder "$folder" "$@" &
bench=$!
# In the background, or the signal would wait for it.
trap 'kill "$bench" 2>/dev/null; wait "$bench" || true; exit 130' INT TERM
wait "$bench"
