#!/bin/sh
# Stripe's webhook addresses, as the value of the parameter AllowedSources.
#
#   infra/deploy/sources.sh            prints infra/stripe-sources.txt, separated by commas
#   infra/deploy/sources.sh refresh    fetches Stripe's list into that file first, and says what has changed
#
# A list that can't be fetched, or that isn't 5 to 100 addresses, changes nothing: a short list keeps Stripe out.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
list="$root/infra/stripe-sources.txt"
url=${STRIPE_SOURCES_URL:-https://stripe.com/files/ips/ips_webhooks.txt}

addresses() { grep -v '^#' "$1" | sed 's/[[:space:]]*$//' | grep -v '^$'; }

case "${1:-}" in
    '') ;;
    refresh)
        new=$(mktemp)
        trap 'rm -f "$new" "$new.list"' EXIT
        curl --fail --silent --show-error --location --max-time 20 --output "$new" "$url" || {
            echo "sources: $url can't be fetched; $list is as it was" >&2
            exit 1
        }
        addresses "$new" >"$new.list" || true
        count=$(wc -l <"$new.list" | tr -d ' ')
        if grep -Evq '^([0-9]{1,3}\.){3}[0-9]{1,3}$|^[0-9a-fA-F:]*:[0-9a-fA-F:]*$' "$new.list" || [ "$count" -lt 5 ] || [ "$count" -gt 100 ]; then
            echo "sources: $url is no list of 5 to 100 addresses; $list is as it was" >&2
            exit 1
        fi
        addresses "$list" | diff - "$new.list" >&2 && echo 'sources: nothing has changed' >&2
        grep '^#' "$list" >"$new"
        cat "$new.list" >>"$new"
        cat "$new" >"$list"
        ;;
    *)
        echo 'usage: infra/deploy/sources.sh [refresh]' >&2
        exit 2
        ;;
esac
addresses "$list" | paste -s -d , -
