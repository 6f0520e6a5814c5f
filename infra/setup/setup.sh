#!/bin/sh
# Makes the Python environments that the Makefile's targets use: `.venv/local` (the AWS on this machine, for
# `make run` and `make test`), `.venv/lint` (sam, cfn-lint, cargo-lambda, for `make lint` and `sam build`),
# `.venv/checkov` and `.venv/workflows` (for `make lint`), `.venv/moto` (a second emulated DynamoDB, for
# `make conformance`) and `.venv/bench` (for `make bench`).
#
#   infra/setup/setup.sh local|lint|checkov|workflows|moto|bench ...
#                                                            makes the ones named, only where their pinned list has changed
#   infra/setup/setup.sh pin [moto ...]                      resolves *.in into *.txt (all, or those named), to the newest
#                                                            versions and for every supported platform
#
# Every package is pinned by version and by hash, so what is installed is what was reviewed. The sets are
# apart because they ask for different botocores, and so that a first `make run` waits for the smaller one only.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
tools="$root/infra/setup"
sets="local lint checkov workflows moto bench"

# The newest Python that both sets have wheels for, else whatever `python3` is.
find_python() {
    for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "setup: Python 3.10 to 3.14 is needed (python3, or name one with PYTHON=...), and none was found." >&2
    exit 1
}

new_venv() { # folder
    python=$(find_python)
    rm -rf "$1"
    if ! "$python" -m venv "$1" >"$root/.venv/venv.log" 2>&1; then
        cat "$root/.venv/venv.log" >&2
        echo "setup: '$python -m venv' failed. On Debian and Ubuntu it is its own package: apt install python3-venv" >&2
        exit 1
    fi
}

install() { # name
    name=$1
    venv="$root/.venv/$name"
    list="$tools/$name.txt"
    if [ ! -f "$list" ]; then
        echo "setup: there is no $list; the sets are: $sets" >&2
        exit 2
    fi
    # The stamp is the list itself, written last: a change of the list or an install cut short starts afresh.
    if cmp -s "$list" "$venv/installed.txt" && "$venv/bin/python" -c '' 2>/dev/null; then
        return
    fi
    echo "setup: installing $(grep -c '^[a-z]' "$list") pinned packages into .venv/$name (a minute or so, once)"
    mkdir -p "$root/.venv"
    new_venv "$venv"
    # The list is complete already; with --no-deps pip doesn't resolve it again (and trips over `name[extra]`).
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
        --only-binary :all: --requirement "$list"
    cp "$list" "$venv/installed.txt"
    echo "setup: .venv/$name is ready"
}

pin() { # name...
    mkdir -p "$root/.venv"
    new_venv "$root/.venv/pin"
    "$root/.venv/pin/bin/python" -m pip install --quiet --disable-pip-version-check uv
    for name in "$@"; do
        (cd "$tools" && "$root/.venv/pin/bin/uv" pip compile --quiet --universal --python-version 3.10 \
            --generate-hashes --no-emit-index-url --only-binary :all: --upgrade \
            --custom-compile-command 'infra/setup/setup.sh pin' "$name.in" -o "$name.txt")
    done
}

if [ $# -eq 0 ]; then
    echo "usage: infra/setup/setup.sh NAME ... | pin [NAME ...]; the names are: $sets" >&2
    exit 2
fi
if [ "$1" = pin ]; then
    shift
    # shellcheck disable=SC2086 # Names, one word each.
    pin ${*:-$sets}
    exit
fi
for name in "$@"; do
    install "$name"
done
