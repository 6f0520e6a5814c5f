"""Says, before anything is built or sent, why a deployment can't work; and deploys.

    .venv/lint/bin/python infra/tools/deploy.py [--go] [--yes] [--template FILE] STAGE [Name=value ...]

What it looks at: the stage in samconfig.toml, the parameters (named in the template, within its bounds, and sound
together), a Region, and credentials that AWS accepts. Exit status 0 and what would be deployed where, or 2 and a sentence
for each thing that is missing. It prints no secret; AWS is asked for the caller's identity only, and not at all where the
rest is wrong already.

`--go` then runs `sam deploy` with what `sam build` has built (or with another template, `--template`), and `--yes` lets it
ask nothing. The parameters given are added to the
stage's own: SAM by itself would take them in place of the stage's, and a live stack would silently become one for tests.

`infra/tools/test_deploy.py` shows each refusal.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import boto3
import tomlkit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]

# What AWS's answer to a caller's identity may take, in seconds, and how often it is asked.
ANSWER_TIMEOUT_S = 10
TRIES = 2

DAY_S = 86_400

# For how long a domain's queue keeps a message: MessageRetentionPeriod in template.yaml.
QUEUE_DAYS = 7

# A stage that takes live events, and what it mustn't be without.
LIVE_STAGE = "prod"
LIVE_WANTS = {"AlarmTopicArn": "an SNS topic that wakes somebody: PARAMETERS='AlarmTopicArn=arn:aws:sns:…'"}


def stages(config):
    """The stages that can be deployed."""
    return [name for name, section in config.items() if isinstance(section, dict) and "deploy" in section]


def overrides(words):
    """`Name=value` pairs, as SAM reads them: quotes around a value, and backslashes before quotes, go away."""
    found = {}
    for word in words:
        for pair in shlex.split(word):
            name, equals, value = pair.partition("=")
            if not equals:
                raise ValueError(f"{pair!r} is no parameter: write Name=value")
            found[name] = value
    return found


def quoted(chosen):
    """The same, as arguments that SAM reads back."""
    escaped = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in chosen.items()}
    return [f'{name}="{value}"' for name, value in escaped.items()]


def bounds(name, declared, value):
    """Yields what the template's own declaration has against a value."""
    allowed = [str(one) for one in declared.get("AllowedValues", [])]
    pattern = declared.get("AllowedPattern")
    if allowed and value not in allowed:
        yield f"{name}={value}: the template allows {', '.join(allowed)}"
    if pattern and not re.fullmatch(pattern, value):
        yield f"{name}={value}: isn't of the form {pattern}"
    if declared["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            yield f"{name}={value}: isn't a number"
            return
        if number < declared.get("MinValue", number) or number > declared.get("MaxValue", number):
            least, most = declared.get("MinValue", "any"), declared.get("MaxValue", "any")
            yield f"{name}={value}: the template allows {least} to {most}"


def together(stage, values):
    """Yields what is wrong with values that depend on each other."""
    number = lambda name: float(values[name])  # noqa: E731
    if {"QueueVisibilitySeconds", "DomainTimeoutSeconds", "BatchWindowSeconds"} <= values.keys():
        least = 6 * number("DomainTimeoutSeconds") + number("BatchWindowSeconds")
        if number("QueueVisibilitySeconds") < least:
            yield (
                f"QueueVisibilitySeconds={values['QueueVisibilitySeconds']}: has to be {least:.0f} or more, which is "
                "6 x DomainTimeoutSeconds + BatchWindowSeconds; or messages are handed out while they are handled"
            )
    if values.keys() >= {"BatchSize", "BatchWindowSeconds"} and number("BatchSize") > 10 and number("BatchWindowSeconds") < 1:
        yield f"BatchSize={values['BatchSize']}: above 10 it needs BatchWindowSeconds=1 or more"
    if {"MaxReceiveCount", "QueueVisibilitySeconds"} <= values.keys():
        reach = number("MaxReceiveCount") * number("QueueVisibilitySeconds")
        if reach < DAY_S:
            yield (
                f"MaxReceiveCount={values['MaxReceiveCount']}: times QueueVisibilitySeconds it is {reach:.0f} s, less than a "
                "day; an outage of a day would end in dead letters"
            )
        if reach > QUEUE_DAYS * DAY_S:
            yield (
                f"MaxReceiveCount={values['MaxReceiveCount']}: times QueueVisibilitySeconds it is {reach:.0f} s, more than the "
                f"{QUEUE_DAYS} days that a queue keeps a message; it would be forgotten before it is a dead letter"
            )
    if {"DomainReservedConcurrency", "MaximumConcurrency"} <= values.keys():
        reserved = number("DomainReservedConcurrency")
        if 0 < reserved < number("MaximumConcurrency"):
            yield (
                f"DomainReservedConcurrency={values['DomainReservedConcurrency']}: has to be MaximumConcurrency "
                f"({values['MaximumConcurrency']}) or more, or messages use up receives for nothing"
            )
    if "Endpoints" in values:
        yield from endpoints(stage, values["Endpoints"])


def endpoints(stage, text):
    """Yields what is wrong with the parameter `Endpoints`."""
    try:
        given = json.loads(text)
        live = {name: one["livemode"] for name, one in given.items() if one["scope"] in ("platform", "connect", "both")}
    except (ValueError, TypeError, KeyError, AttributeError):
        live, given = {}, {"?": None}
    accounts = [one.get("account", "acct_1") for one in given.values() if isinstance(one, dict)]
    if not all(isinstance(one, str) and re.fullmatch(r"acct_\w+", one) for one in accounts):
        yield "Endpoints: account is your account's own id (acct_…), or left out"
    payloads = [one.get("payload", "thin") for one in given.values() if isinstance(one, dict)]
    if not all(one in ("snapshot", "thin") for one in payloads):
        yield "Endpoints: payload is snapshot or thin, or left out, which is snapshot"
    if len(live) != len(given) or not given:
        yield 'Endpoints: isn\'t JSON of the form {"platform":{"scope":"platform|connect|both","livemode":false}}'
    elif stage == LIVE_STAGE and not any(live.values()):
        yield f"Endpoints: the stage {stage} has no endpoint for live events ({', '.join(live)} are for test events)"


def parameters(stage, config, given):
    """What is deployed with, and what is wrong with it."""
    section = config[stage]
    template = section.get("build", {}).get("parameters", {}).get("template_file", "template.yaml")
    declared = yaml_parse((ROOT / template).read_text(encoding="utf-8"))["Parameters"]
    kept = section["deploy"].get("parameters", {}).get("parameter_overrides", [])
    try:
        chosen = overrides([kept] if isinstance(kept, str) else kept) | overrides(given)
    except ValueError as error:
        return {}, [f"PARAMETERS: {error}"]
    values = {name: str(one["Default"]) for name, one in declared.items() if "Default" in one} | chosen
    wrong = [f"{name}: the template {template} has no such parameter" for name in chosen if name not in declared]
    for name, one in declared.items():
        if name not in values:
            wrong.append(f"{name} is missing: PARAMETERS='{name}=…'. {one.get('Description', '')}")
        elif name in chosen:
            wrong.extend(bounds(name, one, values[name]))
    if stage == LIVE_STAGE:
        wrong.extend(f"{name} is missing: {why}" for name, why in LIVE_WANTS.items() if not values.get(name))
    if not wrong:
        wrong.extend(together(stage, values))
    return chosen, wrong


def caller(session):
    """Who AWS says we are: (ARN, None), or (None, a sentence)."""
    if not session.get_credentials():
        return None, (
            "AWS credentials are missing: sign in with `aws sso login` or `aws configure`, and name the profile with "
            "AWS_PROFILE; in GitHub Actions, aws-actions/configure-aws-credentials"
        )
    config = Config(connect_timeout=ANSWER_TIMEOUT_S, read_timeout=ANSWER_TIMEOUT_S, retries={"total_max_attempts": TRIES})
    try:
        return session.client("sts", config=config).get_caller_identity()["Arn"], None
    except ClientError as error:
        return None, f"AWS refuses the credentials ({error.response['Error']['Code']}): sign in again"
    except BotoCoreError as error:
        return None, f"AWS couldn't be asked who we are: {error}"


def main(arguments):
    reader = argparse.ArgumentParser(prog="deploy.py")
    reader.add_argument("--go", action="store_true")
    reader.add_argument("--yes", action="store_true")
    reader.add_argument("--template", metavar="FILE")
    reader.add_argument("stage")
    reader.add_argument("given", metavar="Name=value", nargs="*")
    options = reader.parse_args(arguments)
    stage, given = options.stage, options.given
    config = tomlkit.parse((ROOT / "samconfig.toml").read_text(encoding="utf-8")).unwrap()
    known = stages(config)
    if stage not in known:
        refuse([f"STAGE={stage}: there are {', '.join(known)}; samconfig.toml has them"])
    chosen, wrong = parameters(stage, config, given)
    try:
        # SAM and boto3 know the second name alone; the AWS CLI and the functions' own code prefer the first.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        if not session.region_name:
            wrong.append("the AWS Region is missing: set AWS_REGION, or a region in your profile")
    except BotoCoreError as error:
        # A profile that isn't there.
        wrong.append(f"{error}: AWS_PROFILE names a profile of ~/.aws/config")
    if wrong:
        refuse(wrong)
    arn, problem = caller(session)
    if problem:
        refuse([problem])
    stack = config[stage]["global"]["parameters"]["stack_name"]
    print(f"stack {stack} in {session.region_name}, as {arn}")
    for name, value in chosen.items():
        print(f"  {name}={value}", flush=True)
    if not options.go:
        return 0
    command = [Path(sys.executable).with_name("sam"), "deploy", "--config-env", stage, "--config-file", ROOT / "samconfig.toml"]
    command += ["--no-confirm-changeset"] if options.yes else []
    command += ["--template-file", options.template] if options.template else []
    command += ["--parameter-overrides", *quoted(chosen)] if chosen else []
    env = os.environ | {"AWS_DEFAULT_REGION": session.region_name, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def refuse(sentences):
    for sentence in sentences:
        print(f"deploy: {sentence}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
