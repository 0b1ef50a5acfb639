#!/usr/bin/env bash
# Counts the instructions that the hottest paths take, and fails where they are more than
# scripts/instructions.limits has it. Counts do not depend on how busy the machine is; times do.
#
#     bash scripts/instructions.sh             a table, and whether it is within the limits
#     bash scripts/instructions.sh --update    writes the limits anew
set -euo pipefail
cd "$(dirname "$0")/.."

# A decimal point, wherever this runs.
export LC_ALL=C

limits=scripts/instructions.limits
# Each path is taken so often, then twice as often; the difference is the path alone, without start
# and end. A multiple of the 1,000 series and the 12 buckets that are used in turn, and of the 12,000
# counters of a page.
times=12000

if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "NOT CHECKED: the limits are for Linux on x86-64, and this is $(uname -sm)" >&2
    exit 0
fi

tools="$PWD/target/test-tools"
PATH="$tools/usr/bin:$PATH"
command -v valgrind >/dev/null || bash scripts/install-test-tools.sh
if [ "$(command -v valgrind)" = "$tools/usr/bin/valgrind" ]; then
    # Else it looks where it would be if it were installed.
    VALGRIND_LIB="$(dirname "$(find "$tools" -name callgrind-amd64-linux)")"
    export VALGRIND_LIB
fi

# Flags of one's own would be measured as well.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
cargo build --profile instructions -p pytheus-instructions --target-dir target
program=target/instructions/pytheus-instructions

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# count PATH TIMES: the instructions of the whole program.
count() {
    if ! valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$@" 2>"$work/log"; then
        cat "$work/log" >&2
        return 1
    fi
    awk '/Collected/ { print $NF }' "$work/log"
}

for path in $(awk '/^[^#]/ { print $1 }' "$limits"); do
    once="$(count "$path" "$times")"
    twice="$(count "$path" $((2 * times)))"
    awk -v path="$path" -v more=$((twice - once)) -v times="$times" \
        'BEGIN { printf "%s %.1f\n", path, more / times }' >>"$work/measured"
done

with="$(rustc --version | cut -d' ' -f1,2) and $(valgrind --version)"
if [ "${1-}" = --update ]; then
    # Three in a hundred, for compilers differ, and so do the seeds of the hash.
    awk -v with="$with" '
        NR == FNR { measured[$1] = $2; next }
        /^# Measured with / { print "# Measured with " with "."; next }
        /^[^#]/ { $2 = sprintf("%.1f", measured[$1] * 1.03) }
        { print }' "$work/measured" "$limits" >"$work/limits"
    cp "$work/limits" "$limits"
fi

awk '
    BEGIN { printf "%-24s %10s %10s\n", "path", "measured", "limit" }
    NR == FNR { measured[$1] = $2; next }
    /^[^#]/ {
        note = ""
        if (measured[$1] > $2) { note = "ABOVE ITS LIMIT"; above++ }
        else if (measured[$1] < $2 * 0.9) note = "far below: lower the limit, with --update"
        printf "%-24s %10.1f %10.1f  %s\n", $1, measured[$1], $2, note
    }
    END { exit (above > 0) }' "$work/measured" "$limits" && exit

echo "If that is meant, or the compiler's doing, run: bash scripts/instructions.sh --update" >&2
echo "The limits were measured with $(sed -n 's/^# Measured with //p' "$limits") This is $with." >&2
exit 1
