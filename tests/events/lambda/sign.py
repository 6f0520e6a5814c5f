#!/usr/bin/env python3
"""Prints a freshly signed webhook as Lambda's HTTP API event (payload 2.0), for `cargo lambda invoke`.

    tests/events/lambda/sign.py customer.created > target/http.json
    cargo lambda invoke ingest --data-file target/http.json

The files beside this one can't be fresh: a signature is good for five minutes. This one takes a sample's name (a file
of ../stripe without `.json`) or any file, gives the event an id that was never seen (unless told to keep it), and
signs it with a secret: `--secret`, else what `make run` wrote to target/local/stack.json, else the samples' own.
"""

import argparse
import json
import pathlib
import secrets
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "generate"))

import aws  # noqa: E402  (it lies beside the samples' generator)


def arguments():
    """The command line, read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("event", help="a sample's name, such as customer.created, or a file with an event")
    parser.add_argument("--endpoint", help="post to /webhooks/stripe/ENDPOINT instead of /webhooks/stripe")
    parser.add_argument("--secret", help="the endpoint's signing secret (whsec_...)")
    parser.add_argument("--base64", action="store_true", help="hand the body over base64-encoded")
    parser.add_argument("--keep-id", action="store_true", help="keep the event's id, to send it again")
    return parser.parse_args()


def main():
    args = arguments()
    sample = HERE.parent / "stripe" / f"{args.event}.json"
    path = sample if sample.is_file() else pathlib.Path(args.event)
    if not path.is_file():
        names = sorted(file.stem for file in sample.parent.glob("*.json"))
        raise SystemExit(
            f"sign.py: no file and no sample is named {args.event}; the samples are:\n  " + "\n  ".join(names)
        )

    body = path.read_bytes()
    if not args.keep_id:
        old = json.loads(body)["id"]
        # In the bytes, so that nothing else of them changes.
        body = body.replace(old.encode(), (old[:-14] + secrets.token_hex(7)).encode(), 1)

    stack = ROOT / "target" / "local" / "stack.json"
    secret = args.secret
    if not secret and stack.is_file():
        secret = json.loads(stack.read_text()).get("webhook_secret")

    event = aws.http(
        body,
        t=int(time.time()),
        secret=secret or aws.SAMPLE_SECRET,
        endpoint=args.endpoint,
        as_base64=args.base64,
    )
    json.dump(event, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
