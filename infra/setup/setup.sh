#!/bin/sh
# Makes the Python environments that the Makefile's targets use: `.venv/local` (the AWS on this machine, for
# `make run` and `make test`), `.venv/lint` (sam, cfn-lint, cargo-lambda, for `make lint` and `sam build`),
# `.venv/checkov` and `.venv/workflows` (for `make lint`), `.venv/moto` (a second emulated DynamoDB, for
# `make conformance`), `.venv/bench` (for `make bench`) and `.venv/browser` (for `make browser`, with Debian's Chromium).
#
#   infra/setup/setup.sh local|lint|checkov|workflows|moto|bench|browser ...
#                                                            makes the ones named, only where their pinned list has changed
#   infra/setup/setup.sh pin [moto ...]                      resolves *.in into *.txt (all, or those named), to the newest
#                                                            versions and for every supported platform
#
# Every package is pinned by version and by hash, so what is installed is what was reviewed. The sets are
# apart because they ask for different botocores, and so that a first `make run` waits for the smaller one only.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
tools="$root/infra/setup"
sets="local lint checkov workflows moto bench browser"

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

# What a set's packages ask for and is never used here, as options of uv.
left_out() { # name
    case $1 in
        # Of axe-playwright-python only the file axe.min.js is read.
        browser) echo --no-emit-package playwright --no-emit-package greenlet --no-emit-package pyee ;;
    esac
}

has() { # program...
    for program in "$@"; do
        if command -v "$program" >/dev/null; then
            return
        fi
    done
    return 1
}

# A browser and its driver are no Python packages. Root gets Debian's here; otherwise they have to be there. The names are
# those of infra/console/browser: CI's machines have Chrome.
browser() {
    missing=
    has chromium chromium-browser google-chrome || missing="chromium"
    has chromedriver || missing="${missing:+$missing }chromium-driver"
    if [ -z "$missing" ]; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! has apt-get; then
        echo "setup: a browser or its driver is missing. On Debian: apt install $missing. Elsewhere: Chromium or Chrome, and" \
            "the chromedriver of its version, on PATH as chromium or google-chrome, and chromedriver." >&2
        exit 1
    fi
    echo "setup: installing $missing with apt-get (a minute or so, once)"
    mkdir -p "$root/.venv"
    log="$root/.venv/apt.log"
    # The machine's lists may be of another day, and name a version that is gone.
    # shellcheck disable=SC2086 # Names, one word each.
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        echo "setup: apt-get could not install $missing" >&2
        exit 1
    fi
    echo "setup: $missing: ready"
}

pin() { # name...
    mkdir -p "$root/.venv"
    new_venv "$root/.venv/pin"
    "$root/.venv/pin/bin/python" -m pip install --quiet --disable-pip-version-check uv
    for name in "$@"; do
        (cd "$tools" && "$root/.venv/pin/bin/uv" pip compile --quiet --universal --python-version 3.10 \
            --generate-hashes --no-emit-index-url --only-binary :all: --upgrade \
            --custom-compile-command 'infra/setup/setup.sh pin' $(left_out "$name") "$name.in" -o "$name.txt")
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
    if [ "$name" = browser ]; then
        browser
    fi
    install "$name"
done
