"""Checks the templates the way AWS will see them: the main one, and that of the sample receiver.

    .venv/lint/bin/python infra/tools/check_template.py [template.yaml ...]

1. cfn-lint on the template as written.
2. cfn-lint on the template as SAM transforms it. SAM's own properties are loosely checked before: a misspelt
   `ReportBatchItemFailures` passes the first and fails the second.
3. The numbers and rules that no linter knows: the `invariants` below, held with the parameters' defaults.

Exit status 0 when all hold. Nothing is sent anywhere: the managed policies' names, which SAM would ask IAM for, are
given here.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The transform asks for a Region, and nothing else of AWS.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

DAY = 24 * 60 * 60
PATTERN_CHARACTERS_MAX = 2048

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = [ROOT / "template.yaml", ROOT / "functions/notify/template.yaml"]

# Whose events a rule may take: Stripe's for a domain, a domain's effects for a receiver. Never both: an effect that came
# back to a domain could go in a circle.
SOURCES = (["sluice.stripe"], ["sluice.effects"])

BACKOFF = ROOT / "functions/shared/kernel/src/backoff.rs"


def backoff(name):
    """A constant of the runner's delays, as its source has it: what a failed message waits is its choice."""
    return int(re.search(rf"^pub const {name}: u32 = ([\d_]+);$", BACKOFF.read_text(), re.MULTILINE)[1])


def transform(template):
    """The CloudFormation that SAM makes of the template. `CodeUri` needs a bucket, which `sam deploy` fills in."""
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=os.environ["AWS_DEFAULT_REGION"]))
    return translator.translate(template, {})


def lint(path):
    """cfn-lint's findings, printed; whether there were none."""
    linter = Path(sys.executable).with_name("cfn-lint")
    return subprocess.run([linter, "--regions", "us-east-1", "--", path], check=False).returncode == 0


def invariants(template):
    """Yields a sentence for each rule of ours that the transformed template breaks."""
    parameters = {name: p.get("Default") for name, p in template["Parameters"].items()}
    resources = template["Resources"]

    def value(v):
        return parameters[v["Ref"]] if isinstance(v, dict) and v.get("Ref") in parameters else v

    def named(v):
        return v.get("Ref") or v["Fn::GetAtt"][0]

    def of(kind):
        return {name: r["Properties"] for name, r in resources.items() if r["Type"] == kind}

    queues, functions = of("AWS::SQS::Queue"), of("AWS::Lambda::Function")
    covered = {named(q) for p in of("AWS::SQS::QueuePolicy").values() for q in p["Queues"]}

    for name, mapping in of("AWS::Lambda::EventSourceMapping").items():
        queue = named(mapping["EventSourceArn"])
        timeout = value(functions[named(mapping["FunctionName"])]["Timeout"])
        window = value(mapping.get("MaximumBatchingWindowInSeconds", 0))
        visible = value(queues[queue]["VisibilityTimeout"])
        if visible < 6 * timeout + window:
            yield f"{queue}: visibility {visible} s is less than 6 x {timeout} s + {window} s"
        variables = functions[named(mapping["FunctionName"])]["Environment"]["Variables"]
        if variables.get("QUEUE_URL") != {"Ref": queue}:
            yield f"{name}: its function would set delays at another queue than {queue} (QUEUE_URL)"
        limit = queues[queue].get("RedrivePolicy", {}).get("maxReceiveCount")
        if variables.get("MAX_RECEIVES", limit) != limit:
            yield f"{name}: its function takes another receive than {queue}'s for the last (MAX_RECEIVES)"
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: one bad message would fail its batch (ReportBatchItemFailures)"
        if value(mapping["ScalingConfig"]["MaximumConcurrency"]) < 2:
            yield f"{name}: MaximumConcurrency is at least 2"
        if value(mapping["BatchSize"]) > 10 and window < 1:
            yield f"{name}: a batch over 10 needs a window of 1 s"
        if "RedrivePolicy" not in queues[queue]:
            yield f"{queue}: has no dead letters"

    for name, queue in queues.items():
        if name not in covered:
            yield f"{name}: is in no queue policy, so it takes requests without TLS"
        if not queue.get("SqsManagedSseEnabled"):
            yield f"{name}: is not encrypted"
        if "RedrivePolicy" in queue:
            dead = named(queue["RedrivePolicy"]["deadLetterTargetArn"])
            kept, dead_kept = queue["MessageRetentionPeriod"], queues[dead]["MessageRetentionPeriod"]
            receives = value(queue["RedrivePolicy"]["maxReceiveCount"])
            # By visibility where functions die, by the delays that the runner sets where they fail.
            reach = min(
                receives * value(queue["VisibilityTimeout"]),
                (receives - backoff("RAMP_RECEIVES")) * backoff("FLOOR_S"),
            )
            if reach < DAY:
                yield f"{name}: gives a message up after {reach} s; an outage of a day would drain into {dead}"
            longest = receives * max(backoff("DELAY_S_MAX"), value(queue["VisibilityTimeout"]))
            if longest > kept:
                yield f"{name}: forgets a message after {kept} s; it may be {longest} s before {dead} has it"
            if kept > 7 * DAY or dead_kept != 14 * DAY:
                yield f"{name}: keeps {kept} s and {dead} {dead_kept} s; 7 and 14 days are right"

    for name, rule in of("AWS::Events::Rule").items():
        if rule.get("EventPattern", {}).get("source") not in SOURCES:
            yield f"{name}: takes other sources than either sluice.stripe or sluice.effects"
        length = len(json.dumps(rule.get("EventPattern"), separators=(",", ":")))
        if length > PATTERN_CHARACTERS_MAX:
            yield f"{name}: the pattern has {length} characters; EventBridge takes {PATTERN_CHARACTERS_MAX}"
        for target in rule["Targets"]:
            if "DeadLetterConfig" not in target or "RetryPolicy" not in target:
                yield f"{name}: target {target['Id']} has no dead letters or no retry policy"

    watched = {
        dimension["Value"]
        for alarm in of("AWS::CloudWatch::Alarm").values()
        for dimension in alarm.get("Dimensions", [])
        if alarm["MetricName"] == "Rejected" and dimension["Name"] == "domain"
    }
    for name, function in functions.items():
        if "DOMAIN_TABLE" in function["Environment"]["Variables"]:
            domain = name.removesuffix("Function").lower()
            if domain not in watched:
                yield f"{name}: nobody is told of what {domain} rejects (an alarm on Rejected with domain={domain})"
        if "LogGroup" not in function.get("LoggingConfig", {}):
            yield f"{name}: logs into a group that keeps lines for ever"

    for name, table in of("AWS::DynamoDB::Table").items():
        if resources[name].get("DeletionPolicy") != "Retain" or resources[name].get("UpdateReplacePolicy") != "Retain":
            yield f"{name}: is lost with the stack"
        if table["BillingMode"] != "PAY_PER_REQUEST":
            yield f"{name}: is not on demand"

    for name, role in of("AWS::IAM::Role").items():
        statements = [s for p in role.get("Policies", []) for s in p["PolicyDocument"]["Statement"]]
        # A statement that stands under a condition is held to the same.
        statements = [s["Fn::If"][1] if "Fn::If" in s else s for s in statements]
        for statement in statements:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if any("*" in action for action in actions) or "*" in (statement["Resource"], *statement["Resource"]):
                yield f"{name}: statement {statement.get('Sid')} has a wildcard"
        for policy in role.get("ManagedPolicyArns", []):
            if "SQSQueueExecution" in json.dumps(policy):
                yield f"{name}: may read every queue of the account"


def check(path):
    """Checks one template and prints what is wrong with it, or that nothing is; whether nothing is."""
    good = lint(path)
    transformed = transform(yaml_parse(path.read_text()))
    with tempfile.TemporaryDirectory() as folder:
        as_json = Path(folder) / "transformed.json"
        as_json.write_text(json.dumps(transformed, indent=1))
        good &= lint(as_json)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    broken = list(invariants(transformed))
    for sentence in broken:
        print(f"{name}: {sentence}", file=sys.stderr)
    if not good or broken:
        return False
    print(f"{name}: raw and transformed lint clean, {len(transformed['Resources'])} resources, invariants hold")
    return True


def main():
    given = [Path(argument).resolve() for argument in sys.argv[1:]]
    # All of them are checked, also when the first is wrong.
    return 0 if all([check(path) for path in given or TEMPLATES]) else 1


if __name__ == "__main__":
    sys.exit(main())
