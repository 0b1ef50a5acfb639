#!/usr/bin/env bash
# Puts `promtool`, `prometheus` and (Linux on x86-64) `valgrind` where scripts/test.sh finds them,
# unless they are installed. On Debian and its kin the packages are unpacked below target/, not
# installed: no service is started and nothing outside this folder changes, except that an empty
# package list is fetched (as root).
set -euo pipefail
cd "$(dirname "$0")/.."

tools="$PWD/target/test-tools"
PATH="$tools/usr/bin:$PATH"
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

download="$(mktemp -d)"
trap 'rm -rf "$download"' EXIT

# need PACKAGE COMMAND...: unpacks the package, unless the commands are there.
need() {
    local package="$1" tool missing=""
    shift
    for tool; do have "$tool" || missing+=" $tool"; done
    if [ -z "$missing" ]; then
        echo "$*: $(command -v "$1")"
        return
    fi
    if ! have apt-get || ! have dpkg-deb; then
        echo "missing:$missing; install the package \`$package\`" >&2
        exit 1
    fi
    cd "$download"
    if ! apt-get download "$package" >/dev/null 2>&1; then
        as_root apt-get update
        apt-get download "$package"
    fi
    mkdir -p "$tools"
    dpkg-deb -x "$package"_*.deb "$tools"
    echo "$*: unpacked below target/test-tools"
}

need prometheus promtool prometheus
if [ "$(uname -sm)" = "Linux x86_64" ]; then need valgrind valgrind; fi
