#!/bin/sh
# Builds the functions as they are deployed, sets the peers up, and measures: what `make bench` runs.
#
#   infra/lab/bench/run.sh [--quick] [sluice-bench's options]
#
# Everything it makes is in target/ and .venv/, and made once. Peers are pinned: infra/setup/bench.txt (Python),
# peers/node/package-lock.json, the Rust peers' Cargo.lock. Node is left out where there is none; with --quick, so are the
# peers that take minutes to set up and that no full run has set up yet.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd)
cd "$root"
peers=infra/lab/bench/peers
made=target/bench
cargo=${CARGO:-cargo}
host=$(rustc -vV | sed -n 's/^host: //p')

quick=
for option in "$@"; do
    case "$option" in --quick) quick=yes ;; esac
done
say() { printf 'bench: %s\n' "$*"; }

if [ "$(uname -s)" != Linux ]; then
    say 'CPU time and memory of the functions are read as Linux has them: run it on Linux' >&2
    exit 1
fi
mkdir -p "$made"

# The very programs that are deployed, for this machine's processor, by the tool and the profile of a deployment.
# INGEST and PAYMENTS name others, e.g. target/release/ingest while you work on it.
infra/setup/setup.sh lint bench
if [ -z "${INGEST:-}" ] || [ -z "${PAYMENTS:-}" ]; then
    say 'building the functions for release (some minutes the first time)'
    PATH="$root/.venv/lint/bin:$PATH" cargo-lambda lambda build --locked --release --target "$host" \
        --bin ingest --bin payments
fi
say 'building what measures them'
$cargo build --release --locked -p sluice-bench

# Peers in Rust have their own settings, not those of this workspace: `naive` is cargo's release profile as it is.
if [ -z "$quick" ]; then
    for peer in naive trimmed floor; do
        if [ ! -x "$made/$peer/release/$peer" ]; then
            say "building the Rust peer $peer (some minutes, once)"
        fi
        $cargo build --release --locked --manifest-path "$peers/$peer/Cargo.toml" --target-dir "$made/$peer"
    done
fi

node_peer() { # bundles the Node peer, where its sources have changed
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        say 'the Node peer is left out: node and npm are not there (Node 20 or newer)'
        return
    fi
    if cat "$peers"/node/*.mjs "$peers/node/package-lock.json" | cmp -s - "$made/node/sources"; then
        return
    fi
    say 'setting the Node peer up (a minute, once)'
    rm -rf "$made/node"
    mkdir -p "$made/node/function"
    cp "$peers/node/package.json" "$peers/node/package-lock.json" "$peers"/node/*.mjs "$made/node/"
    (
        cd "$made/node"
        npm ci --no-audit --no-fund --loglevel=error --ignore-scripts
        # As the pages of esbuild and Powertools have it.
        node_modules/.bin/esbuild index.mjs --bundle --minify --platform=node --target=node20 --format=esm \
            --main-fields=module,main --outfile=function/index.mjs --log-level=warning \
            --banner:js="import{createRequire}from'module';const require=createRequire(import.meta.url);"
    )
    cat "$peers"/node/*.mjs "$peers/node/package-lock.json" >"$made/node/sources"
}
if [ -z "$quick" ]; then
    node_peer
fi

mkdir -p "$made/python"
cp -p "$peers"/python/*.py "$made/python/"
ingest=${INGEST:-target/lambda/ingest/bootstrap}
payments=${PAYMENTS:-target/lambda/payments/bootstrap}
.venv/bench/bin/python -B infra/lab/bench/package.py "$made" "$ingest" "$payments"
# PRIORITY=1 puts the measurement before all other work, where the kernel lets it (root): on a machine that has other
# work, tails are otherwise those of waiting for a processor.
first=
if [ -n "${PRIORITY:-}" ]; then
    if chrt -r 5 true 2>/dev/null; then
        first='chrt -r 5'
    else
        say 'PRIORITY is left out: it needs chrt, and root' >&2
    fi
fi
exec $first target/release/sluice-bench --ingest "$ingest" --payments "$payments" --node "$(command -v node || echo /usr/bin/node)" "$@"
