#!/bin/sh
# Installs what `make lint` needs of cargo's own tools into target/tools: cargo-deny (licences, bans, sources) and
# cargo-machete (dependencies without a use). Versions are pinned, and each is built from the lock file it was
# published with. A tool that is there in its version is left alone, without asking the network.
#
# They are built without optimization: they run for a second or two, and optimizing them would take four times as
# long as building them so (80 s for both on two cores).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
tools="$root/target/tools"

install() { # name version [cargo install's options]
    name=$1
    version=$2
    shift 2
    stamp="$tools/$name-$version"
    if [ -f "$stamp" ] && [ -x "$tools/bin/$name" ]; then
        return
    fi
    echo "tools: building $name $version (about a minute, once)"
    mkdir -p "$tools"
    # Away from the workspace's own build, whose flags and target would apply.
    (cd "$tools" && CARGO_TARGET_DIR="$tools/build" CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 RUSTFLAGS='' \
        "${CARGO:-cargo}" install --quiet --locked --force --root "$tools" "$@" "$name@$version")
    rm -rf "$tools/build" "$tools/$name"-*
    touch "$stamp"
}

# --no-default-features: git is called as a program instead of being linked in.
install cargo-deny 0.20.2 --no-default-features
install cargo-machete 0.9.2
