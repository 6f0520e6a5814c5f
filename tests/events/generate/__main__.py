"""Writes the sample events: `python3 tests/events/generate`, or with `--check` only says whether they are current.

The files under `stripe/` and `lambda/` are this program's output and nothing else's: change the stories here, run it,
and review the difference. It needs Python 3.10 and nothing more, reads no clock and no random numbers, and writes the
same bytes everywhere.
"""

import json
import pathlib
import sys

import aws
import billing
import others
import payments

EVENTS = pathlib.Path(__file__).resolve().parent.parent


def name_of(event, taken):
    """`<type>`; an older version's is `<type>.<version>`; a later event of the same type gets its story's word."""
    version = event.get("api_version")
    name = event["type"]
    if version == payments.OLD_API_VERSION:
        return f"{name}.{version}"
    for word in ("", ".more-seats", ".canceling"):
        if name + word not in taken:
            return name + word
    raise SystemExit(f"no name left for another {name}")


def text(value):
    """As Stripe writes its bodies: indented by two, UTF-8 unescaped."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        raise SystemExit(__doc__)

    stripe = {}
    for module in (payments, billing, others):
        for event in module.all_events():
            name = name_of(event, stripe)
            stripe[name] = text(event)
    files = {EVENTS / "stripe" / f"{name}.json": body for name, body in stripe.items()}
    for name, value in aws.all_files(stripe).items():
        files[EVENTS / "lambda" / f"{name}.json"] = text(value)

    present = {path for folder in ("stripe", "lambda") for path in (EVENTS / folder).glob("*.json")}
    stale = [path for path, body in files.items() if path not in present or path.read_bytes() != body]
    extra = sorted(present - set(files))
    if check:
        for path in sorted(stale) + extra:
            print(f"{path.relative_to(EVENTS)} is not what tests/events/generate writes", file=sys.stderr)
        raise SystemExit(1 if stale or extra else 0)

    for path in extra:
        path.unlink()
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(files[path])
    sizes = sorted(len(body) for body in stripe.values())
    print(f"{len(files)} samples, {len(stale)} written; Stripe's are {sizes[0]} to {sizes[-1]} bytes")


if __name__ == "__main__":
    main()
