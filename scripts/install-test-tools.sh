#!/usr/bin/env bash
# Puts `promtool`, `prometheus`, `redis-server`, `redis-cli` and (Linux on x86-64) `valgrind` where
# scripts/test.sh and the tests find them, unless they are installed. On Debian and its kin the
# packages are unpacked below target/, not installed: no service is started and nothing outside this
# folder changes, except that an empty package list is fetched (as root).
set -euo pipefail
cd "$(dirname "$0")/.."

tools="$PWD/target/test-tools"
PATH="$tools/bin:$PATH:$tools/usr/bin"
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

download="$(mktemp -d)"
trap 'rm -rf "$download"' EXIT

# unpack PACKAGE: below target/test-tools.
unpack() {
    if ! have apt-get || ! have dpkg-deb; then
        echo "install the package \`$1\`" >&2
        exit 1
    fi
    cd "$download"
    if ! apt-get download "$1" >/dev/null 2>&1; then
        as_root apt-get update
        apt-get download "$1"
    fi
    mkdir -p "$tools"
    dpkg-deb -x "$1"_*.deb "$tools"
}

# need PACKAGE COMMAND...: unpacks the package, unless the commands are there.
need() {
    local package="$1" tool missing=""
    shift
    for tool; do have "$tool" || missing+=" $tool"; done
    if [ -z "$missing" ]; then
        echo "$*: $(command -v "$1")"
        return
    fi
    unpack "$package"
    echo "$*: unpacked below target/test-tools"
}

# wrap COMMAND: a script in target/test-tools/bin that starts the unpacked program with the
# unpacked libraries. It becomes that program (`exec`), so that a signal to it reaches the program.
wrap() {
    local program="$tools/usr/bin/$1" folder libraries=""
    for folder in "$tools"/usr/lib/*-linux-* "$tools"/lib/*-linux-*; do
        if [ -d "$folder" ]; then libraries+=":$folder"; fi
    done
    libraries="${libraries#:}"
    if LD_LIBRARY_PATH="$libraries" ldd "$program" | grep "not found"; then
        echo "$1: the libraries above are missing; install the package \`redis-server\`" >&2
        exit 1
    fi
    mkdir -p "$tools/bin"
    cat >"$tools/bin/.$1" <<END
#!/bin/sh
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
exec "$program" "\$@"
END
    chmod +x "$tools/bin/.$1"
    mv "$tools/bin/.$1" "$tools/bin/$1"
}

# Redis with the libraries that are not installed: what apt would install, it says by itself.
redis() {
    local package
    if [ ! -e "$tools/usr/bin/redis-server" ] && have redis-server && have redis-cli; then
        echo "redis-server redis-cli: $(command -v redis-server)"
        return
    fi
    if [ -x "$tools/bin/redis-server" ] && [ -x "$tools/bin/redis-cli" ]; then
        echo "redis-server redis-cli: $tools/bin/redis-server"
        return
    fi
    # First: this one fetches the package list, if it is empty.
    unpack redis-tools
    for package in $(apt-get --simulate --no-install-recommends install redis-server |
        awk '/^Inst (redis|lib|lua)/ { print $2 }'); do
        unpack "$package"
    done
    wrap redis-server
    wrap redis-cli
    echo "redis-server redis-cli: unpacked below target/test-tools"
}

need prometheus promtool prometheus
redis
if [ "$(uname -sm)" = "Linux x86_64" ]; then need valgrind valgrind; fi
