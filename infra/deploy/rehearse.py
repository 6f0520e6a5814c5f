"""Rehearses deployments: `make deploy`'s own command, against an AWS on this machine, and the smoke test after each.

    .venv/lint/bin/python infra/deploy/rehearse.py

It starts the local AWS (MiniStack) on a free port and deploys stages of samconfig.toml into it with `deploy.py --go` (so `sam
deploy`: packages to a bucket, a change set, the stage's parameters). `STEPS` has what happens, in this order; each step
says at its end what it has shown.

What it shows: that samconfig.toml, the template, the packaging and the refusals fit together, and that what is deployed
takes a webhook. What it doesn't: the release build for arm64 (development binaries stand in for what `sam build` makes; CI
builds the real ones in a step of its own), IAM, quotas, and what the local AWS doesn't know (`LEFT_OUT`).
"""

import hashlib
import hmac
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
STAGE, STACK = "staging", "sluice-staging"
OTHER_STAGE, OTHER_STACK = "dev", "sluice-dev"
REGION = "us-east-1"
SECRET = "whsec_rehearsal"

# How long the local AWS may take to answer, in seconds.
START_MAX_S = 60

# How long an event may take to its projection, in seconds.
APPLY_MAX_S = 60

# What the local AWS doesn't know; a template with one would be rolled back. As in infra/local/src/template.rs.
LEFT_OUT = ("AWS::Events::Archive", "AWS::CloudWatch::CompositeAlarm")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(port, log):
    """The local AWS, from an environment of its own: functions inherit it."""
    url = f"http://127.0.0.1:{port}"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        # What it unpacks and leaves goes away with this folder.
        "TMPDIR": log.name + ".d",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_ENDPOINT_URL": url,
    }
    process = subprocess.Popen([ROOT / ".venv/local/bin/ministack"], env=env, stdout=log, stderr=log, cwd=log.name + ".d")
    for _ in range(START_MAX_S * 5):
        try:
            urllib.request.urlopen(f"{url}/_ministack/health", timeout=2)
            return process, url
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.2)
    process.kill()
    sys.exit(f"rehearse: the local AWS doesn't come up; its log is {log.name}")


def binaries(names):
    """Development binaries, built by cargo if they aren't; the folder that they are in."""
    wanted = [argument for name in names for argument in ("--bin", name)]
    cargo = os.environ.get("CARGO", "cargo")
    subprocess.run([cargo, "build", "--quiet", "--locked", "--workspace", *wanted], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"


def is_left_out(resource):
    """A resource that the local AWS doesn't know; an alarm over an expression is one too."""
    kind, properties = resource["Type"], resource.get("Properties", {})
    return kind in LEFT_OUT or (kind == "AWS::CloudWatch::Alarm" and "Metrics" in properties)


def built(folder):
    """What `sam build` would leave: a template whose functions' code is a folder each."""
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    resources = template["Resources"]
    for name in [name for name, one in resources.items() if is_left_out(one)]:
        del resources[name]
    functions = {name: one for name, one in resources.items() if one["Type"] == "AWS::Serverless::Function"}
    named = {name: one["Metadata"]["BuildProperties"]["Binary"] for name, one in functions.items()}
    made = binaries([*named.values(), "sluice"])
    template["Globals"]["Function"].pop("CodeUri")
    for name, binary in named.items():
        code = folder / name
        code.mkdir()
        shutil.copy(made / binary, code / "bootstrap")
        subprocess.run(["strip", code / "bootstrap"], check=False)
        functions[name]["Properties"]["CodeUri"] = str(code)
        # What `sam build` leaves of it would ask for a build again.
        functions[name].pop("Metadata")
    for one in resources.values():
        if one["Type"] == "AWS::Lambda::EventSourceMapping":
            # The local AWS takes a number and no text, which every parameter's value is.
            scaling = one["Properties"]["ScalingConfig"]
            scaling["MaximumConcurrency"] = template["Parameters"][scaling["MaximumConcurrency"]["Ref"]]["Default"]
    return template, made / "sluice"


class Rehearsal:
    """A local AWS, and what is deployed into it."""

    def __init__(self, folder, template, sluice, url):
        self.path = folder / "template.json"
        self.template = template
        self.sluice = sluice
        self.url = url
        self.said = ""
        # Whatever the caller's AWS is, this goes nowhere but to `url`.
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.env |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # SAM leaves empty folders behind.
            "TMPDIR": str(folder),
        }

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def write(self, template, revision=""):
        """The template as `sam build` would leave it. The local AWS sees the defaults of what SAM itself reads, and no value."""
        declared = template["Parameters"] | {"Revision": template["Parameters"]["Revision"] | {"Default": revision}}
        self.path.write_text(json.dumps(template | {"Parameters": declared}, indent=1), encoding="utf-8")

    def command(self, stage, given, *options):
        """Runs deploy.py; its exit status and what it said."""
        arch = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
        command = [sys.executable, "-B", ROOT / "infra/deploy/deploy.py", *options, "--template", self.path, stage]
        command += [f"Architecture={arch}", *given]
        done = subprocess.run(command, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.said = done.stdout
        return done.returncode, done.stdout

    def deploy(self, stage, *given, template=None):
        """Deploys a stage; the exit status and what was said."""
        template = template or self.template
        self.write(template)
        status, said = self.command(stage, given)
        made = re.search(r"^  Revision=([0-9a-f]+) ", said, re.MULTILINE)
        if status or not made:
            return status, said
        self.write(template, made[1])
        return self.command(stage, given, "--go", "--yes")

    def expect(self, is_so, what):
        """Ends the rehearsal if something isn't as it has to be, with what the last deployment said."""
        if not is_so:
            sys.exit(f"{self.said}\nrehearse: this isn't so: {what}")

    def outputs(self, stack):
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}

    def put_secrets(self, stack, *endpoints):
        secret = json.dumps({"platform": [], "connect": []} | {name: [SECRET] for name in endpoints})
        self.client("secretsmanager").put_secret_value(SecretId=self.outputs(stack)["SecretId"], SecretString=secret)

    def smoke(self, stack, endpoint):
        """Runs the smoke test."""
        env = self.env | {"SLUICE_SMOKE_SECRET": SECRET}
        subprocess.run([self.sluice, "--stack", stack, "smoke", "--url", self.address(stack, endpoint)], env=env, check=True)

    def address(self, stack, endpoint):
        """Where an endpoint takes deliveries. The local AWS has its APIs under a path."""
        [api] = [one["ApiId"] for one in self.client("apigatewayv2").get_apis()["Items"] if one["Name"] == f"{stack}-webhooks"]
        return f"{self.url}/_aws/execute-api/{api}/$default/webhooks/stripe/{endpoint}"

    def deliver(self, stack, endpoint, event):
        """Delivers an event as Stripe does, signed; the status of the answer."""
        at, body = str(int(time.time())), json.dumps(event).encode()
        signature = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={signature}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.address(stack, endpoint), data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status

    def operate(self, stack, *command):
        """Runs the operator's program on a stack; what it says, a value for each line."""
        done = subprocess.run([self.sluice, "--stack", stack, "--json", *command], env=self.env, text=True, capture_output=True)
        self.said = done.stdout + done.stderr
        self.expect(done.returncode == 0, f"sluice {' '.join(command)}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def live(self, stack, function="ingest"):
        """The version of a function that events go to."""
        return self.client("lambda").get_alias(FunctionName=f"{stack}-{function}", Name="live")["FunctionVersion"]

    def tables(self, stack):
        return [one for one in self.client("dynamodb").list_tables()["TableNames"] if one.startswith(f"{stack}-")]

    def entries(self, stack):
        return self.client("dynamodb").scan(TableName=f"{stack}-ledger", Select="COUNT")["Count"]


def within(seconds, is_so):
    """Whether something becomes so in time."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def endpoints(*names):
    """The parameter with these endpoints, for test events, as `PARAMETERS` has it."""
    value = json.dumps({name: {"scope": "platform", "livemode": False} for name in names}, separators=(",", ":"))
    return 'Endpoints="' + value.replace('"', '\\"') + '"'


def first_deployment_fails(aws):
    broken = json.loads(json.dumps(aws.template))
    resources = broken["Resources"]
    # What the local AWS refuses only when it comes to it: an expression, and so late that the tables are there.
    resources["Refused"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "DependsOn": [name for name, one in resources.items() if one["Type"] == "AWS::DynamoDB::Table"],
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "Metrics": [{"Id": "refused", "Expression": "1 + 1"}],
        },
    }
    status, said = aws.deploy(STAGE, "DeletionProtection=true", template=broken)
    aws.expect(status != 0, "what is refused makes the deployment fail")
    aws.expect(f"{STACK} is in ROLLBACK_COMPLETE" in said, "the status is said")
    aws.expect(not aws.tables(STACK), "no table is left")
    return "a first deployment that fails is taken back with its tables, and the command that helps is named"


def stack_cannot_be_updated(aws):
    status, said = aws.deploy(STAGE)
    aws.expect(status == 2 and f"delete-stack --stack-name {STACK}" in said, "it is refused, with the command")
    cloudformation = aws.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    return "a stack that can't be updated is left alone, until it is deleted as was said"


def first_deployment(aws):
    status, _ = aws.deploy(STAGE, "DeletionProtection=true")
    aws.expect(status == 0, "the retry is well")
    protected = aws.client("dynamodb").describe_table(TableName=f"{STACK}-ledger")["Table"].get("DeletionProtectionEnabled")
    aws.expect(protected is True, "the ledger is protected")
    aws.put_secrets(STACK, "smoke")
    aws.smoke(STACK, "smoke")
    return "the retry of a first deployment makes a stack that takes a webhook, its tables protected in a second step"


def same_again(aws):
    before = aws.live(STACK)
    status, said = aws.deploy(STAGE)
    aws.expect(status == 0 and "DeletionProtection=true  (the stack has it" in said, "what the stack keeps is shown")
    aws.expect(aws.live(STACK) == before, "no version is made")
    return "the same once more changes nothing, and keeps a parameter that isn't given"


def parameter_changes(aws):
    before = aws.live(STACK)
    status, _ = aws.deploy(STAGE, endpoints("platform", "smoke", "next"))
    aws.expect(status == 0, "it is deployed")
    aws.expect(int(aws.live(STACK)) > int(before), "the alias has a later version")
    aws.put_secrets(STACK, "smoke", "next")
    aws.smoke(STACK, "next")
    return "a parameter that changes alone reaches the deliveries: the new endpoint takes a webhook"


def version_is_taken_back(aws):
    before = aws.live(STACK, "payments")
    status, _ = aws.deploy(STAGE, "RetentionDays=40")
    after = aws.live(STACK, "payments")
    aws.expect(status == 0 and int(after) > int(before), "payments has a later version")
    aws.operate(STACK, "rollback", "payments", "--why", "a rehearsal", "--yes")
    aws.expect(aws.live(STACK, "payments") == before, "the alias has the version before")
    now = int(time.time())
    intent = {"id": f"pi_rehearsal{now}", "object": "payment_intent", "status": "succeeded", "amount": 1, "currency": "usd"}
    event = {
        "id": f"evt_rehearsal{now}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "api_version": "2025-09-30.clover",
        "created": now,
        "livemode": False,
        "data": {"object": intent | {"amount_received": 1, "latest_charge": "ch_rehearsal"}},
    }
    aws.expect(aws.deliver(STACK, "smoke", event) == 200, "an event is taken")
    key = {"pk": {"S": f"platform#test#{intent['id']}"}}
    applied = lambda: "Item" in aws.client("dynamodb").get_item(TableName=f"{STACK}-payments", Key=key)
    aws.expect(within(APPLY_MAX_S, applied), "the event is applied by the version before")
    [said] = aws.operate(STACK, "status")[0]["not_as_deployed"]
    aws.expect(f"runs version {before}, the last deployed is {after}" in said and "a rehearsal" in said, "status says so")
    status, _ = aws.deploy(STAGE)
    aws.expect(status == 0 and aws.live(STACK, "payments") == before, "deploying the same leaves the alias where it is")
    aws.operate(STACK, "rollback", "payments", "--to", after, "--why", "the rehearsal ends", "--yes")
    aws.expect(aws.live(STACK, "payments") == after, "the alias has the later version again")
    aws.expect(aws.operate(STACK, "status")[0]["not_as_deployed"] == [], "status says nothing more")
    return "a version is taken back and applies events, a deployment of the same leaves it, and it is gone forward to"


def two_stacks(aws):
    before = aws.entries(STACK)
    status, _ = aws.deploy(OTHER_STAGE, endpoints("smoke"))
    aws.expect(status == 0, "it is deployed")
    aws.put_secrets(OTHER_STACK, "smoke")
    aws.smoke(OTHER_STACK, "smoke")
    aws.expect(aws.entries(OTHER_STACK) > 0 and aws.entries(STACK) == before, "each has its own ledger")
    aws.smoke(STACK, "smoke")
    return "two stacks stand side by side, each with its own API, tables and secrets"


STEPS = [
    first_deployment_fails,
    stack_cannot_be_updated,
    first_deployment,
    same_again,
    parameter_changes,
    version_is_taken_back,
    two_stacks,
]


def rehearse(aws):
    for step in STEPS:
        began = time.monotonic()
        shown = step(aws)
        print(f"rehearse: shown in {time.monotonic() - began:.0f} s: {shown}", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-rehearsal-") as folder:
        folder = Path(folder)
        (folder / "ministack.log.d").mkdir()
        template, sluice = built(folder)
        port = free_port()
        with open(folder / "ministack.log", "w", encoding="utf-8") as log:
            process, url = start(port, log)
            try:
                rehearse(Rehearsal(folder, template, sluice, url))
            finally:
                # A reset ends the functions' processes; an exit would leave them to themselves.
                reset = urllib.request.Request(f"{url}/_ministack/reset", method="POST")
                try:
                    urllib.request.urlopen(reset, timeout=5)
                except OSError:
                    pass
                process.kill()
                process.wait()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"rehearse: {Path(str(error.cmd[0])).name} ended with {error.returncode}")
