"""The local stack as `make run` starts it, with the sample's traffic and its console, out of the binaries that are built.

It is laid as a release's trial is, in a temporary folder: nothing is compiled, and a `make run` of the same checkout isn't
disturbed.
"""

import hashlib
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILT = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\w+")

# Who the console takes its user for.
USER = "ann of the night shift"

# Until the stack is up and its traffic has arrived, in seconds. It takes 10 to 20.
START_MAX_S = 180
STOP_MAX_S = 30


def wait_until(look, what, within_s=30):
    """What `look` returns, once that is something; asked again and again."""
    until = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > until:
            raise AssertionError(f"waited {within_s} s for: {what}")
        # Between two looks, no more than that.
        threading.Event().wait(0.05)
    return found


class Program:
    """A program of ours that runs until it is stopped, and its lines."""

    def __init__(self, command, folder):
        env = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")} | {"USER": USER}
        self.name = Path(command[0]).name
        self.lines = []
        self.process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def line(self, begins, within_s):
        """The first line that has this text, once it is there."""

        def look():
            found = next((line for line in list(self.lines) if begins in line), None)
            if found is None and self.process.poll() is not None:
                sys.exit("\n".join([*self.lines, f"browser: {self.name} has ended before it said {begins!r}"]))
            return found

        return wait_until(look, f"{begins!r} of {self.name}", within_s)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()


class Stack:
    """A stack that is up; as a context, it ends with it."""

    def __init__(self, scratch):
        self.folder = Path(scratch) / "stack"
        self.lay()
        self.consoles = []
        self.made = 0
        port = str(free_port())
        command = [BUILT / "sluice-local", "--unpacked", self.folder, "run", "--port", port, "--traffic", "sample", "--still"]
        self.program = Program([str(part) for part in command], self.folder)
        try:
            # The address that it prints, which works once, in one browser.
            self.address = ADDRESS.search(self.program.line("/?token=", START_MAX_S))[0]
            self.info = json.loads((self.folder / "target/local/stack.json").read_text(encoding="utf-8"))
            self.program.line("Deliveries as they come", START_MAX_S)
        except BaseException:
            self.program.stop()
            raise

    def lay(self):
        """The folder, of links."""
        functions = [path.parent.name for path in (ROOT / "functions").glob("*/Cargo.toml")]
        links = {f"functions/{name}/bootstrap": BUILT / name for name in functions}
        links |= {name: ROOT / name for name in ("template.yaml", ".venv", "tests")}
        for name, path in links.items():
            if not path.exists():
                sys.exit(f"browser: there is no {path}; `make browser` builds and installs what is missing")
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).symlink_to(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for console in self.consoles:
            console.stop()
        self.program.stop()

    def console(self, *options):
        """The address of another console of the stack, for another browser."""
        command = [str(BUILT / "sluice"), "console", "--no-open", "--port", "0", "--json", *options]
        console = Program(command, self.folder)
        self.consoles.append(console)
        return ADDRESS.search(console.line("/?token=", START_MAX_S))[0]

    def new_id(self, prefix):
        """An id that wasn't used before."""
        self.made += 1
        return f"{prefix}_browser{self.made:03}"

    def send(self, event):
        """Posts an event as Stripe does. It has to be taken."""
        body = json.dumps(event).encode()
        at = str(int(time.time()))
        secret = self.info["webhook_secret"].encode()
        signature = hmac.new(secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={signature}"}
        request = urllib.request.Request(self.info["webhook_url"], data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200, answer.read()
        return event["id"]

    def intent(self, **of_object):
        """An event of a payment intent that succeeded, with these fields of it otherwise."""
        intent = {
            "id": self.new_id("pi"), "object": "payment_intent", "status": "succeeded", "amount": 4200,
            "amount_received": 4200, "currency": "usd", "latest_charge": "ch_1",
        }
        return {
            "id": self.new_id("evt"), "object": "event", "type": "payment_intent.succeeded", "livemode": False,
            "created": int(time.time()), "api_version": "2025-09-30.clover", "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None}, "data": {"object": intent | of_object},
        }

    def send_rejected(self):
        """Sends an event that its domain rejects, and returns it: the object has no status."""
        event = self.intent(status=None)
        self.send(event)
        return event

    def put_dead_letter(self, domain, event):
        """Puts an event into a domain's queue of dead letters, in a message as the bus makes it."""
        sluice = {
            "account": None, "endpoint": "platform", "livemode": False, "received_at_ms": int(time.time() * 1000),
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "body": "inline",
        }
        detail = event | {"sluice": sluice}
        message = {"version": "0", "source": "sluice.stripe", "detail-type": event["type"], "detail": detail}
        url = self.info["queues"][f"{domain}_dead_letters"]
        self.call("sqs", "AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": json.dumps(message)})

    def put_stopped_rebuild(self, domain, key, why):
        """Records a rebuild of an object that was stopped before its last page, as a program does. The path of its page."""
        at_ms = int(time.time() * 1000)
        name = f"rebuild-{domain}-{at_ms:x}"
        asked = {
            "domain": domain, "keys": [key], "without_key": True, "emit": False, "reopen": False, "rate": 10,
            "stop_percent": 10,
        }
        run = {
            "name": name, "who": USER, "why": "a rebuild to stop", "asked": asked, "at": None, "at_ms": at_ms, "looked": 1,
            "failed": 0, "counts": {"same": 1}, "standing": f"by {USER}: {why}",
        }
        expires_at = {"N": str(at_ms // 1000 + 86400)}
        place = {
            "pk": {"S": "runs"}, "sk": {"S": f"{at_ms:015}#rebuild#{name}"}, "kind": {"S": "rebuild"}, "name": {"S": name},
            "at": {"N": str(at_ms)}, "expires_at": expires_at,
        }
        record = {
            "pk": {"S": f"rebuild#{name}"}, "sk": {"S": "run"}, "doc": {"S": json.dumps(run)}, "expires_at": expires_at,
        }
        for item in (place, record):
            table = self.info["tables"]["outcomes"]
            self.call("dynamodb", "DynamoDB_20120810.PutItem", {"TableName": table, "Item": item})
        return f"/runs/rebuild/{name}?began={at_ms}"

    def call(self, service, operation, asked):
        """Calls an operation of the local AWS."""
        credential = f"Credential=local/20260101/{self.info['region']}/{service}/aws4_request"
        headers = {
            "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": operation,
            "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0",
        }
        body = json.dumps(asked).encode()
        request = urllib.request.Request(self.info["aws_endpoint_url"], data=body, headers=headers, method="POST")
        urllib.request.urlopen(request, timeout=30).close()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
