"""The building blocks of the samples: ids, the event envelope, and what several objects share.

Everything is a pure function of its arguments, so that a run on another machine writes the same bytes.
"""

import copy
import hashlib

# The version that the samples are frozen in, and an older one whose shapes differ.
API_VERSION = "2025-09-30.clover"
OLD_API_VERSION = "2020-08-27"

# Unix seconds at which the first story begins: 2026-01-05T09:00:00Z.
START_S = 1767603600

DAY_S = 86_400

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def token(name, length):
    """`length` base-62 characters that depend on `name` alone."""
    number = int.from_bytes(hashlib.sha512(name.encode()).digest(), "big")
    out = ""
    while len(out) < length:
        number, digit = divmod(number, 62)
        out += _BASE62[digit]
    return out


def new_id(prefix, name):
    """An id of Stripe's form (`pi_3S…`, 24 characters), marked `Sluice` so that nobody takes it for a real one."""
    short = {"cus": 14, "prod": 14, "si": 14, "req": 14}
    if prefix in short:
        return f"{prefix}_{token(prefix + name, short[prefix])}"
    if prefix == "acct":
        return f"acct_1S{token(prefix + name, 14)}"
    if prefix == "cs_test":
        return f"cs_test_a1{token(prefix + name, 56)}"
    # A payment's objects begin with 3, all others with 1.
    generation = "3" if prefix in ("pi", "ch", "re", "txn", "py") else "1"
    return f"{prefix}_{generation}S{token(prefix + name, 8)}Sluice{token(name + prefix, 8)}"


def event(kind, obj, created, *, name=None, before=None, account=None, request=True, api_version=API_VERSION):
    """A snapshot event around `obj`. With `before`, `previous_attributes` is what honestly differs."""
    # Not the version: an endpoint pinned to another one gets the same event, with the same id, in another shape.
    key = f"{kind}/{name or ''}/{obj.get('id', '')}"
    data = {"object": copy.deepcopy(obj)}
    if before is not None:
        data["previous_attributes"] = previous_attributes(before, obj)
    # Payment objects' events share the `3` of the payment's ids.
    generation = "3" if kind.split(".")[0] in ("payment_intent", "charge", "refund") else "1"
    out = {"id": f"evt_{generation}S{token(key, 8)}Sluice{token(key + '.', 8)}", "object": "event"}
    if account:
        out["account"] = account
    out.update(
        {
            "api_version": api_version,
            "created": created,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {
                "id": new_id("req", key) if request else None,
                "idempotency_key": uuid(key) if request else None,
            },
            "type": kind,
        }
    )
    return out


def thin(kind, created_iso, related, *, context=None, reason=None):
    """A thin event: it names its object instead of carrying it."""
    out = {
        "id": f"evt_test_65{token(kind, 42)}",
        "object": "v2.core.event",
        "type": kind,
        "livemode": False,
        "created": created_iso,
    }
    if context:
        out["context"] = context
    out["related_object"] = related
    out["reason"] = reason
    return out


def uuid(name):
    """A version 4 UUID by form, as Stripe's libraries send for idempotency."""
    h = hashlib.sha256(name.encode()).hexdigest()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}"


def previous_attributes(before, after):
    """What Stripe sends in `previous_attributes`: the old value of each changed key; hashes by their changed keys
    only, lists as a whole, and null for a key that did not exist."""
    out = {}
    for key in sorted(set(before) | set(after)):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            out[key] = previous_attributes(old, new)
        else:
            out[key] = copy.deepcopy(old)
    return out


def changed(obj, **changes):
    """A copy of `obj` with top-level keys replaced, in `obj`'s own key order."""
    out = copy.deepcopy(obj)
    for key in changes:
        if key not in out:
            raise KeyError(f"{out['object']} has no {key}")
    out.update(copy.deepcopy(changes))
    return out


def with_keys(obj, first, **more):
    """A copy of `obj` with further keys, alphabetical after the `first` ones, as Stripe orders them."""
    merged = {**copy.deepcopy(obj), **copy.deepcopy(more)}
    rest = sorted(key for key in merged if key not in first)
    return {key: merged[key] for key in (*first, *rest)}


def listing(items, url):
    """Stripe's list object."""
    return {"object": "list", "data": items, "has_more": False, "total_count": len(items), "url": url}


ADDRESS = {
    "city": "Springfield",
    "country": "US",
    "line1": "742 Cedar Lane",
    "line2": None,
    "postal_code": "62704",
    "state": "IL",
}
NO_ADDRESS = {key: None for key in ADDRESS}

EMAIL = "ada.sample@example.com"
NAME = "Ada Sample"
