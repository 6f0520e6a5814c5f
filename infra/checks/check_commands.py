"""Checks each `aws …` command that a page or a template's comment shows, as the AWS CLI of version 2 would read it.

    .venv/lint/bin/python infra/checks/check_commands.py

A command stands in a code span or a fenced block. What is checked is what botocore's models know, offline: that the
service, the operation or waiter and each option are there, that nothing required is missing, that numbers, choices, JSON and
shorthand have the form of their option, that a `--query` is JMESPath, and that a blob is base64, a `fileb://`, or comes with
`--cli-binary-format raw-in-base64-out` (https://docs.aws.amazon.com/cli/latest/userguide/cliv2-migration-changes.html).
`<placeholders>`, `$variables` and `…` stand for any value. What the CLI has beside the API (`CUSTOM`) is known by name alone.

Exit status 1 and one line for each breach; `infra/checks/test_check_commands.py` shows that each can be found.
"""

import base64
import binascii
import json
import re
import shlex
import sys
from pathlib import Path

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from jmespath.exceptions import JMESPathError

ROOT = Path(__file__).resolve().parents[2]

# Options of every command: with a value, and without one.
GLOBAL_VALUES = {
    "ca-bundle", "cli-binary-format", "cli-connect-timeout", "cli-input-json", "cli-input-yaml", "cli-read-timeout", "color",
    "endpoint-url", "output", "profile", "query", "region",
}  # fmt: skip
GLOBAL_FLAGS = {
    "cli-auto-prompt", "debug", "generate-cli-skeleton", "no-cli-auto-prompt", "no-cli-pager", "no-paginate", "no-sign-request",
    "no-verify-ssl",
}  # fmt: skip
PAGING_VALUES = {"max-items", "page-size", "starting-token"}

# What the CLI has beside the API's operations.
CUSTOM = {
    "cloudformation": {"deploy", "package"},
    "configure": {None, "list", "sso"},
    "logs": {"tail"},
    "s3": {"cp", "ls", "mb", "rm", "sync"},
    "sso": {"login", "logout"},
}

# What the CLI calls by another name than the API.
RENAMED = {"deploy": "codedeploy"}

FENCE = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
# Where a command may begin within a line of shell.
START = re.compile(r"(?:^|[|;&(]\s*|\bdo\s+|\bthen\s+|^(?:\w+=\S*\s+)+)(?=aws\s)")
PLACEHOLDER = re.compile(r"<[^<>\n|&;]+>")
ANY = "\N{WHITE SQUARE}"
VARIABLE = re.compile(r"\$(?:\w+|\{\w+\})")


class Wrong(Exception):
    """A sentence about a command."""


def inner(text):
    """A command line without its `$(…)`, each replaced by a placeholder; and what stood in them."""
    found = []
    while (start := text.rfind("$(")) >= 0:
        end = text.find(")", start)
        end = len(text) if end < 0 else end
        found.append(text[start + 2 : end])
        text = text[:start] + ANY + text[end + 1 :]
    return text, found


def lines(text):
    """The logical lines of a page's code, and whether they stand in a sentence."""
    for _, block in FENCE.findall(text):
        yield from ((line, False) for line in block.replace("\\\n", " ").splitlines())
    for span in SPAN.findall(FENCE.sub("", text)):
        yield re.sub(r"\s*\n[\s#]*", " ", span), True


def commands(text):
    """Each `aws …` command of a page, as words, and whether it stands in a sentence."""
    for line, is_span in lines(text):
        whole, nested = inner(PLACEHOLDER.sub(ANY, line.strip()))
        for part in [whole, *nested]:
            for start in START.finditer(part):
                lexer = shlex.shlex(part[start.end() :], posix=True, punctuation_chars=True)
                lexer.whitespace_split, lexer.commenters = True, "#"
                words = []
                try:
                    for word in lexer:
                        if word and set(word) <= set("();<>|&"):
                            break
                        words.append(word)
                except ValueError as error:
                    words.append(f"--{error}")
                yield words, is_span


def is_open(value):
    """Whether a value stands for one that isn't known."""
    return any(mark in value for mark in (ANY, "$", "…"))


def keyed(shape, keys, option):
    """Refuses keys that a structure doesn't have."""
    for key in keys:
        if shape.type_name == "structure" and key not in shape.members:
            raise Wrong(f"--{option} has no {key}: {', '.join(shape.members)}")


def judge_json(shape, value, option):
    """Refuses a decoded value that isn't of a shape's form."""
    if isinstance(value, str) and is_open(value):
        return
    wanted = {"structure": dict, "map": dict, "list": list, "boolean": bool}.get(shape.type_name)
    wanted = (int, float) if shape.type_name in ("integer", "long", "float", "double") else wanted or str
    if not isinstance(value, wanted):
        raise Wrong(f"--{option}: {json.dumps(value)} isn't a {shape.type_name}")
    if shape.type_name == "structure":
        keyed(shape, value, option)
        for key, one in value.items():
            judge_json(shape.members[key], one, option)
    elif shape.type_name == "map":
        for one in value.values():
            judge_json(shape.value, one, option)
    elif shape.type_name == "list":
        for one in value:
            judge_json(shape.member, one, option)


def judge(shape, value, option, raw):
    """Refuses a value that an option doesn't take."""
    kind = shape.type_name
    if is_open(value) and not value.startswith(("{", "[")):
        return
    if kind == "blob":
        if value.startswith("fileb://") or raw:
            return
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Wrong(f"--{option} {value!r} isn't base64: --cli-binary-format raw-in-base64-out, fileb://, or leave it out") from None
    elif value.startswith("file://"):
        return
    elif kind in ("integer", "long", "float", "double"):
        if not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise Wrong(f"--{option} {value!r} isn't a number")
    elif kind == "string":
        if shape.enum and value not in shape.enum:
            raise Wrong(f"--{option} {value!r} is none of {', '.join(shape.enum)}")
    elif kind in ("structure", "map", "list"):
        if value.startswith(("{", "[")):
            try:
                decoded = json.loads(value)
            except ValueError:
                # `[a,b]` and `{a=b}` are shorthand.
                return
            judge_json(shape, decoded, option)
        elif kind != "list":
            # Shorthand: a comma parts the values of a list as well as the keys.
            pairs = [pair.split("=", 1) for pair in value.split(",") if "=" in pair]
            if not pairs:
                raise Wrong(f"--{option} {value!r} is neither JSON nor key=value")
            keyed(shape, [key for key, _ in pairs], option)


def judge_query(text):
    """Refuses a `--query` that the CLI can't read; what isn't known in it stands for a name."""
    try:
        jmespath.compile(VARIABLE.sub("any", text.replace(ANY, "any").replace("…", "any")))
    except JMESPathError as error:
        raise Wrong(f"--query {text!r} isn't JMESPath: {str(error).splitlines()[0]}") from None


def parse(words, session, is_span=False):
    """Refuses a command that the CLI doesn't take. In a sentence it may be named without what it needs."""
    options, positional = [], []
    for word in words[1:]:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            options.append((name, [value] if equals else []))
        elif options and (options[-1][0] not in GLOBAL_VALUES | GLOBAL_FLAGS or not options[-1][1]) and options[-1][0] not in GLOBAL_FLAGS:
            options[-1][1].append(word)
        else:
            positional.append(word)
    for _, values in [one for one in options if one[0] == "query" and len(one[1]) == 1]:
        judge_query(values[0])
    service = positional.pop(0) if positional else None
    name = positional.pop(0) if positional else None
    if service in CUSTOM and name in CUSTOM[service]:
        return
    try:
        model = session.get_service_model(RENAMED.get(service, service))
    except (UnknownServiceError, DataNotFoundError):
        raise Wrong(f"there is no service {service}") from None
    if name == "wait":
        waiters = session.get_waiter_model(RENAMED.get(service, service))
        known = {xform_name(waiter, "-"): waiter for waiter in waiters.waiter_names}
        waiter = positional.pop(0) if positional else None
        if waiter not in known:
            raise Wrong(f"{service} can't wait for {waiter}: {', '.join(known)}")
        operation = model.operation_model(waiters.get_waiter(known[waiter]).operation)
    else:
        known = {xform_name(one, "-"): one for one in model.operation_names}
        if name not in known:
            raise Wrong(f"{service} has no command {name}")
        operation = model.operation_model(known[name])
    shape = operation.input_shape
    members = {xform_name(member, "-"): one for member, one in (shape.members if shape else {}).items()}
    raw = ("cli-binary-format", ["raw-in-base64-out"]) in options
    given = set()
    for option, values in options:
        bare = option.removeprefix("no-")
        if option in GLOBAL_VALUES or (option in PAGING_VALUES and len(values) == 1):
            if len(values) != 1:
                raise Wrong(f"--{option} takes one value")
            continue
        if option in GLOBAL_FLAGS:
            continue
        if option in members and members[option].type_name == "boolean" or (bare in members and members[bare].type_name == "boolean"):
            given.add(bare if bare in members else option)
            positional.extend(values)
            continue
        if option not in members:
            raise Wrong(f"{service} {name} has no option --{option}")
        given.add(option)
        one = members[option]
        is_many = one.type_name == "list" or (one.type_name == "map" and len(values) > 1)
        if not values and is_span:
            return
        if not values:
            raise Wrong(f"--{option} takes a value")
        # What follows the value of an option that takes one stands for itself.
        takes, rest = (values, []) if is_many else (values[:1], values[1:])
        positional.extend(rest)
        for value in takes:
            whole = one.type_name != "list" or value.startswith("[")
            judge(one if whole else one.member, value, option, raw)
    if is_span and not options:
        return
    streams = operation.has_streaming_output
    if len(positional) != (1 if streams else 0):
        raise Wrong(f"{service} {name} takes {'a file for its output' if streams else 'no word'} beside its options: {positional}")
    if not any(option.startswith("cli-input") or option == "generate-cli-skeleton" for option, _ in options):
        for member in shape.required_members if shape else []:
            if xform_name(member, "-") not in given and not shape.members[member].metadata.get("idempotencyToken"):
                raise Wrong(f"{service} {name} needs --{xform_name(member, '-')}")


def pages(root):
    """What shows commands to people: each page, and each template."""
    found = [*root.glob("*.md"), *(root / "infra").glob("*.md"), root / "template.yaml", root / "functions/notify/template.yaml"]
    for folder in ("docs", "runbooks", "contracts", "lab/bench"):
        found += (root / "infra" / folder).glob("*.md")
    return sorted(path for path in found if path.exists())


def breaches(root):
    """Each command that the CLI would refuse, a line each; and how many commands there are."""
    session, count, wrong = botocore.session.get_session(), 0, []
    for path in pages(root):
        for words, is_span in commands(path.read_text(encoding="utf-8")):
            count += 1
            try:
                parse(words, session, is_span)
            except Wrong as error:
                shown = " ".join(words).replace(ANY, "<…>")
                wrong.append(f"{path.relative_to(root).as_posix()}: `{shown}`: {error}")
    return wrong, count


def main():
    wrong, count = breaches(ROOT)
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{count} commands of the AWS CLI are such as it takes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
