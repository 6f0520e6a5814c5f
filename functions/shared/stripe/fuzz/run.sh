#!/bin/sh
# Fuzzes each target for half of SECONDS (default 60) and fails on the first finding.
#
#   functions/shared/stripe/fuzz/run.sh 120
#
# Needs cargo (stable will do) and a C++ compiler, for libFuzzer; nothing is installed. What a run learns is kept in
# corpus/, an input that breaks a law is left in artifacts/ (both beside this script, ignored by git); its last lines
# say how to run it again. CARGO_TARGET_DIR is honoured; without it the build goes to target/ beside this script.
#
# Cargo.lock is committed and held to. After a change of dependencies here, in sluice-stripe or in sluice-kernel,
# `cargo update --workspace` in this folder brings it up to date.
set -eu

seconds=${1:-60}
case $seconds in
    '' | *[!0-9]* | 0) echo "usage: $0 SECONDS" >&2; exit 2 ;;
esac
each=$(((seconds + 1) / 2))
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
target_dir=${CARGO_TARGET_DIR:-$here/target}
mkdir -p "$target_dir"
target_dir=$(CDPATH='' cd -- "$target_dir" && pwd)

# Coverage as libFuzzer wants it, by LLVM's own pass: stable rustc has it, and only the sanitizers need nightly.
# Naming the host as the target keeps the flags away from build scripts and procedural macros. Both variables that
# could take precedence over RUSTFLAGS are out of the way.
unset CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
RUSTFLAGS="$RUSTFLAGS -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
RUSTFLAGS="$RUSTFLAGS -Cllvm-args=-sanitizer-coverage-pc-table"
RUSTFLAGS="$RUSTFLAGS -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$RUSTFLAGS -Ccodegen-units=1 --cfg fuzzing"
export RUSTFLAGS
cargo build --manifest-path "$here/Cargo.toml" --release --locked --target "$host" --target-dir "$target_dir" --bins

fuzzer=
trap 'test -z "$fuzzer" || kill "$fuzzer" 2>/dev/null || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for target in signature head; do
    program=$target_dir/$host/release/$target
    artifacts=$here/artifacts/$target
    log=$artifacts/last-run.log
    mkdir -p "$here/corpus/$target" "$artifacts"
    echo "$target: $each s"
    # An input that takes 10 s or 1 GB is a finding too. libFuzzer writes a line for everything it learns, thousands
    # in all: they go to the log, and the newest is shown every few seconds.
    "$program" -max_total_time="$each" -max_len=16384 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -dict="$here/seeds/$target.dict" -artifact_prefix="$artifacts/" \
        "$here/corpus/$target" "$here/seeds/$target" >"$log" 2>&1 &
    fuzzer=$!
    waited=0
    while kill -0 "$fuzzer" 2>/dev/null; do
        sleep 1
        waited=$((waited + 1))
        if [ $((waited % 5)) -eq 0 ]; then
            grep '^#' "$log" | tail -n 1 | cut -c 1-100 || :
        fi
    done
    status=0
    wait "$fuzzer" || status=$?
    fuzzer=
    if [ "$status" -ne 0 ]; then
        grep -m 1 -A 5 'panicked at' "$log" | cut -c 1-2000 >&2 || :
        grep -E 'ERROR: libFuzzer|Test unit written|^Base64' "$log" | cut -c 1-2000 >&2 || :
        echo "$target: a finding (status $status); the whole log is $log" >&2
        echo "to run it again, give the test unit to $program" >&2
        exit 1
    fi
    grep -E 'number_of_executed_units|average_exec_per_sec|peak_rss' "$log"
done
echo "no findings"
