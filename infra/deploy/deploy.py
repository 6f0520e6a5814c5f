"""Says, before anything is built or sent, why a deployment can't work; and deploys.

    .venv/lint/bin/python infra/deploy/deploy.py [--built | --go] [--yes] [--template FILE] STAGE [Name=value ...]

What it looks at: the stage in samconfig.toml, the parameters (named in the template, within its bounds, and sound
together), a Region, credentials that AWS accepts, and the stack as it is: whether it can be updated, and the parameters that
it has. SAM keeps those that aren't given, so they are judged with the others (`parameters.py`). Exit status 0 and what would
be deployed where, or 2 and a sentence for each thing that is missing. It prints no secret; AWS is asked nothing where the
stage or a parameter is wrong by itself. If AWS doesn't answer, the parameters are judged as those of a new stack.

What is judged is the template as it is written, or with `--built` what `sam build` or a release (`from_release.py`) has left.
`--go` then runs `sam deploy` with that (or with another template, `--template`), and `--yes` lets it ask nothing. The parameters given are added to the stage's own: SAM by itself would take them in place of the stage's, and a
live stack would silently become one for tests. `Name=@default` gives the template's default, which takes back what the stack
has. `Revision` is made here (`revision.py`), if it isn't given.

A first deployment with DeletionProtection=true is made in two steps, without it and with it: CloudFormation could not take
back tables that refuse to be deleted.

`infra/deploy/test_deploy.py` shows each refusal.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import boto3
import tomlkit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.yaml_helper import yaml_parse

import parameters
import processor
import stack
import variables
from revision import PARAMETER as REVISION
from revision import for_stack, revision

ROOT = Path(__file__).resolve().parents[2]

# What an answer of AWS's may take, in seconds, and how often it is asked.
ANSWER_TIMEOUT_S = 10
TRIES = 2

PROTECTION = "DeletionProtection"


def stages(config):
    """The stages that can be deployed."""
    return [name for name, section in config.items() if isinstance(section, dict) and "deploy" in section]


def template_of(section, is_built):
    """The stage's template: as it is written, or as `sam build` leaves it."""
    if is_built:
        return ROOT / section["deploy"]["parameters"].get("template_file", ".aws-sam/build/template.yaml")
    return ROOT / section.get("build", {}).get("parameters", {}).get("template_file", "template.yaml")


def client_of(session, service):
    """A client that doesn't wait for long."""
    config = Config(connect_timeout=ANSWER_TIMEOUT_S, read_timeout=ANSWER_TIMEOUT_S, retries={"total_max_attempts": TRIES})
    return session.client(service, config=config)


def caller(session):
    """Who AWS says we are: (ARN, None), or (None, a sentence)."""
    if not session.get_credentials():
        return None, (
            "AWS credentials are missing: sign in with `aws sso login` or `aws configure`, and name the profile with "
            "AWS_PROFILE; in GitHub Actions, aws-actions/configure-aws-credentials"
        )
    try:
        return client_of(session, "sts").get_caller_identity()["Arn"], None
    except ClientError as error:
        return None, f"AWS refuses the credentials ({error.response['Error']['Code']}): sign in again"
    except BotoCoreError as error:
        return None, f"AWS couldn't be asked who we are: {error}"


def session_of_environment():
    """A session for the Region and the credentials of the environment: (session, None), or (None, a sentence)."""
    try:
        # SAM and boto3 know the second name alone; the AWS CLI and the functions' own code prefer the first.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    except BotoCoreError as error:
        # A profile that isn't there.
        return None, f"{error}: AWS_PROFILE names a profile of ~/.aws/config"
    if not session.region_name:
        return None, "the AWS Region is missing: set AWS_REGION, or a region in your profile"
    return session, None


def find(name):
    """Who we are and the stack of this name, as AWS has them: (session, ARN, stack, None), or a sentence in the last place."""
    session, problem = session_of_environment()
    if problem:
        return None, None, stack.Stack(name), problem
    arn, problem = caller(session)
    if problem:
        return session, None, stack.Stack(name), problem
    try:
        found = stack.read(client_of(session, "cloudformation"), name)
    except stack.Unreadable as error:
        return session, arn, stack.Stack(name), str(error)
    except BotoCoreError as error:
        return session, arn, stack.Stack(name), f"AWS couldn't be asked about the stack {name}: {error}"
    return session, arn, found, found.obstacle()


def steps(found, sent, values):
    """The parameters of each deployment that it takes: one, or two for a new stack whose tables are to be protected."""
    if found.is_new and PROTECTION in values and values[PROTECTION].text == "true":
        return [sent | {PROTECTION: "false"}, sent | {PROTECTION: "true"}]
    return [sent]


def run_sam(session, stage, sent, options):
    """Runs `sam deploy` once; its exit status."""
    command = [Path(sys.executable).with_name("sam"), "deploy", "--config-env", stage, "--config-file", ROOT / "samconfig.toml"]
    command += ["--no-confirm-changeset"] if options.yes else []
    command += ["--template-file", options.template] if options.template else []
    command += ["--parameter-overrides", *parameters.quoted(sent)] if sent else []
    env = os.environ | {"AWS_DEFAULT_REGION": session.region_name, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def carry_out(deployments, deploy, look):
    """Makes the deployments one after the other; the exit status of the last one made.

    `deploy` makes one with its parameters, `look` reads the stack again.
    """
    for number, sent in enumerate(deployments, 1):
        status = deploy(sent)
        left = len(deployments) - number
        found = look() if status or left else None
        if found and found.obstacle():
            print(f"deploy: {found.obstacle()}", file=sys.stderr)
        if status:
            return status
        # SAM ends with 0 as well if its question is answered with no.
        if left and found.is_new:
            return 0
        if left:
            print(f"deploy: the stack {found.name} is there; now with {PROTECTION}=true", flush=True)
    return 0


def main(arguments):
    reader = argparse.ArgumentParser(prog="deploy.py")
    reader.add_argument("--built", action="store_true")
    reader.add_argument("--go", action="store_true")
    reader.add_argument("--yes", action="store_true")
    reader.add_argument("--template", metavar="FILE")
    reader.add_argument("stage")
    reader.add_argument("given", metavar="Name=value", nargs="*")
    options = reader.parse_args(arguments)
    stage = options.stage
    config = tomlkit.parse((ROOT / "samconfig.toml").read_text(encoding="utf-8")).unwrap()
    known = stages(config)
    if stage not in known:
        refuse([f"STAGE={stage}: there are {', '.join(known)}; samconfig.toml has them"])
    section = config[stage]
    template_file = Path(options.template) if options.template else template_of(section, options.go or options.built)
    if not template_file.exists():
        refuse([f"nothing is built at {template_file}: make sam-build STAGE={stage}"])
    template = yaml_parse(template_file.read_text(encoding="utf-8"))
    declared = template["Parameters"]
    try:
        kept = section["deploy"]["parameters"].get("parameter_overrides", [])
        staged = parameters.overrides([kept] if isinstance(kept, str) else kept)
        given = parameters.overrides(options.given)
    except ValueError as error:
        refuse([f"PARAMETERS: {error}"])
    refuse(list(parameters.unknown(declared, staged | given)))

    name = section["global"]["parameters"]["stack_name"]
    session, arn, found, problem = find(name)
    values = parameters.resolve(declared, staged, given, found.parameters)
    texts = {key: value.text for key, value in values.items()}
    wrong = [problem] if problem else []
    wrong += parameters.judge(stage, declared, values) or variables.too_large(template, texts, name)
    # Before anything is built, there is no code.
    is_made = options.go or options.built or options.template
    wrong += processor.wrong(template_file, template, texts) if is_made else []
    refuse(wrong)

    if REVISION in declared and REVISION not in given:
        # The stage's is for SAM alone.
        values.pop(REVISION)
        if is_made:
            try:
                values[REVISION] = parameters.Value(for_stack(revision(template_file, texts), found), parameters.MADE)
            except FileNotFoundError as error:
                refuse([f"{error}: make sam-build STAGE={stage}"])
    print(f"stack {name} in {session.region_name}, as {arn}")
    for line in parameters.shown(stage, declared, values):
        print(line)
    for note in notes(session, declared, values, found):
        print(f"note: {note}")
    deployments = steps(found, {key: value.text for key, value in values.items() if value.is_sent}, values)
    if len(deployments) > 1:
        print(f"note: the stack is new, so it is deployed with {PROTECTION}=false first and with true at once after it")
    sys.stdout.flush()
    if not options.go:
        return 0
    look = lambda: stack.read(client_of(session, "cloudformation"), name)  # noqa: E731
    return carry_out(deployments, lambda sent: run_sam(session, stage, sent, options), look)


def notes(session, declared, values, found):
    """What is worth knowing of the stack, a sentence each."""
    said = [found.note()] if found.note() else []
    if any(one.source == parameters.STACK and one.text != parameters.default_of(declared[key]) for key, one in values.items()):
        deployed = stack.deployed_defaults(client_of(session, "cloudformation"), found.name)
        said += parameters.changed_defaults(declared, values, deployed)
    return said


def refuse(sentences):
    """Ends with a sentence for each thing that is wrong, if anything is."""
    for sentence in sentences:
        print(f"deploy: {sentence}", file=sys.stderr)
    if sentences:
        sys.exit(2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
