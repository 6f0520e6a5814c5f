"""Rehearses a deployment: `make deploy`'s own command, against an AWS on this machine, and the smoke test after it.

    .venv/lint/bin/python infra/tools/rehearse.py

It starts the local AWS (MiniStack) on a free port, deploys the stage "staging" into it with `deploy.py --go` (so `sam
deploy`: packages to a bucket, a change set, the stage's parameters from samconfig.toml), deploys once more to see that
nothing changes, puts a signing secret, and tries the door with `sluice smoke`.

What it shows: that samconfig.toml, the template, the packaging and the refusals fit together, and that what is deployed
takes a webhook. What it doesn't: the release build for arm64 (development binaries stand in for what `sam build` makes; CI
builds the real ones in a step of its own), IAM, quotas, and what the local AWS doesn't know (`LEFT_OUT`).
"""

import json
import os
import platform
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
STAGE = "staging"
STACK = "sluice-staging"
REGION = "us-east-1"
SECRET = "whsec_rehearsal"

# How long the local AWS may take to answer, in seconds.
START_MAX_S = 60

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
    """Development binaries, built by cargo where they aren't; the folder that they are in."""
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
    path = folder / "template.json"
    path.write_text(json.dumps(template, indent=1), encoding="utf-8")
    return path, made / "sluice"


def deploy(template, env):
    arch = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    began = time.monotonic()
    command = [sys.executable, "-B", ROOT / "infra/tools/deploy.py", "--go", "--yes", "--template", template, STAGE]
    subprocess.run([*command, f"Architecture={arch}"], env=env, check=True)
    print(f"rehearse: deployed in {time.monotonic() - began:.0f} s", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-rehearsal-") as folder:
        folder = Path(folder)
        (folder / "ministack.log.d").mkdir()
        template, sluice = built(folder)
        port = free_port()
        with open(folder / "ministack.log", "w", encoding="utf-8") as log:
            process, url = start(port, log)
            try:
                rehearse(template, sluice, url)
            finally:
                # A reset ends the functions' processes; an exit would leave them to themselves.
                reset = urllib.request.Request(f"{url}/_ministack/reset", method="POST")
                try:
                    urllib.request.urlopen(reset, timeout=5)
                except OSError:
                    pass
                process.kill()
                process.wait()


def rehearse(template, sluice, url):
    # Whatever the caller's AWS is, this goes nowhere but to `url`.
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    deploy(template, env)
    deploy(template, env)
    client = lambda service: boto3.client(  # noqa: E731
        service, endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    described = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}
    secret = json.dumps({"platform": [], "connect": [], "smoke": [SECRET]})
    client("secretsmanager").put_secret_value(SecretId=outputs["SecretId"], SecretString=secret)
    # The local AWS has its APIs under a path.
    api = client("apigatewayv2").get_apis()["Items"][0]["ApiId"]
    door = f"{url}/_aws/execute-api/{api}/$default/webhooks/stripe/smoke"
    env["SLUICE_SMOKE_SECRET"] = SECRET
    subprocess.run([sluice, "--stack", STACK, "smoke", "--url", door], env=env, check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"rehearse: {Path(str(error.cmd[0])).name} ended with {error.returncode}")
