#!/usr/bin/env bash
# Puts `promtool` and `prometheus` where scripts/test.sh finds them, unless they are installed.
# On Debian and its kin the package is unpacked below target/, not installed: no service is started
# and nothing outside this folder changes, except that an empty package list is fetched (as root).
set -euo pipefail
cd "$(dirname "$0")/.."

tools="$PWD/target/test-tools"
PATH="$tools/usr/bin:$PATH"
have() { command -v "$1" >/dev/null 2>&1; }

if have promtool && have prometheus; then
    echo "promtool and prometheus: $(command -v promtool)"
    exit 0
fi
if ! have apt-get || ! have dpkg-deb; then
    echo "promtool and prometheus are missing; install the package \`prometheus\`" >&2
    exit 1
fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

mkdir -p "$tools"
download="$(mktemp -d)"
trap 'rm -rf "$download"' EXIT
cd "$download"
if ! apt-get download prometheus >/dev/null 2>&1; then
    as_root apt-get update
    apt-get download prometheus
fi
dpkg-deb -x prometheus_*.deb "$tools"
echo "promtool and prometheus: unpacked below target/test-tools"
