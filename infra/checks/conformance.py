"""Runs the adapters' contract suites against a second emulated DynamoDB: moto's server.

    .venv/moto/bin/python infra/checks/conformance.py

The suites are those of `cargo test` (functions/shared/adapters/src/contract), in the same test program, which is built
if it isn't. There they run on dynoxide; `contract/judge.rs` says where the two differ. Every test runs and has to
pass, or is named in `SKIPPED` with the reason; how many ran and how many were skipped is printed.

moto runs in this process, on a port that the system chooses, and ends with it.
"""

import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "sluice-adapters"
SUITES = "contract::"

# How the test program learns where the second DynamoDB is.
VARIABLE = "SLUICE_TEST_DYNAMODB"

# Tests that can't hold on moto, by their whole names, with the reason.
SKIPPED: dict[str, str] = {}

# How long the suites may take, in seconds. They take some 40 on two idle cores.
RUN_MAX_S = 600


class Problem(Exception):
    """Why the suites didn't pass, or didn't run."""


def program():
    """The adapters' test program, with the features of the whole workspace: `make test` has built it."""
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "test", "--quiet", "--locked", "--workspace", "--lib", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        raise Problem("the tests can't be built")
    messages = (json.loads(line) for line in built.stdout.splitlines() if line.startswith("{"))
    name = PACKAGE.replace("-", "_")
    found = [one["executable"] for one in messages if one.get("executable") and one["target"]["name"] == name]
    if len(found) != 1:
        raise Problem(f"{PACKAGE} has {len(found)} test programs, and not one")
    return found[0]


def serve():
    """moto's DynamoDB on a free port; its URL."""
    # Each test has a Region of its own, by a name that AWS doesn't have.
    os.environ["MOTO_ALLOW_NONEXISTENT_REGION"] = "true"
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = DomainDispatcherApplication(create_backend_app)
    # moto checks a condition and writes in two steps; DynamoDB does both at once for an item.
    lock = threading.Lock()

    def one_by_one(environ, start_response):
        with lock:
            return app(environ, start_response)

    server = make_server("127.0.0.1", 0, one_by_one, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def chosen(listing, skipped):
    """The names to run, of what the test program lists."""
    names = [line.removesuffix(": test") for line in listing.splitlines() if line.endswith(": test")]
    unknown = sorted(set(skipped) - set(names))
    if unknown:
        raise Problem(f"SKIPPED names what is no test: {', '.join(unknown)}")
    names = [name for name in names if name not in skipped]
    if not names:
        raise Problem(f"there is no test of {SUITES}")
    return names


def passed(output):
    """How many tests passed, by the program's last word."""
    found = re.findall(r"^test result: \w+\. (\d+) passed; ", output, re.MULTILINE)
    return int(found[-1]) if found else 0


def run(command, **options):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=RUN_MAX_S, check=False, **options)
    except subprocess.TimeoutExpired as error:
        raise Problem(f"the suites aren't over after {RUN_MAX_S} s") from error


def main():
    tests = program()
    names = chosen(run([tests, SUITES, "--list", "--format=terse"]).stdout, SKIPPED)
    env = os.environ | {VARIABLE: f"moto@{serve()}"}
    began = time.monotonic()
    done = run([tests, "--exact", *names], env=env, cwd=ROOT / "functions/shared/adapters")
    count = passed(done.stdout)
    if done.returncode or count != len(names):
        print(done.stdout)
        raise Problem(f"{count} of {len(names)} contract tests passed on moto {version('moto')}")
    took = time.monotonic() - began
    print(f"conformance: {count} contract tests passed on moto {version('moto')} in {took:.0f} s, {len(SKIPPED)} skipped")
    for name, reason in SKIPPED.items():
        print(f"  skipped {name}: {reason}")


if __name__ == "__main__":
    try:
        main()
    except Problem as problem:
        sys.exit(f"conformance: {problem}")
