#!/bin/sh
# Runs a command with a temporary folder of its own, and fails if something is left in it afterwards.
#
#   infra/checks/tidy.sh COMMAND...
#
# Its status is the command's; 1 where that was 0 and something is left. What is left is listed, and removed. Servers that
# a test program has started clean up when they notice its end: they have WAIT_MAX seconds for it.
set -u
WAIT_MAX=${WAIT_MAX:-30}

folder=$(mktemp -d "${TMPDIR:-/tmp}/sluice-tidy-XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

TMPDIR=$folder "$@"
status=$?

waited=0
while [ -n "$(ls -A "$folder")" ] && [ "$waited" -lt "$WAIT_MAX" ]; do
    sleep 1
    waited=$((waited + 1))
done
if [ -n "$(ls -A "$folder")" ]; then
    echo "tidy: left behind in the temporary folder by: $*" >&2
    find "$folder" -mindepth 1 -maxdepth 2 | sed "s|^$folder/|  |" | sort | head -n 50 >&2
    [ "$status" -ne 0 ] || status=1
fi
exit "$status"
