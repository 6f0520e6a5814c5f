"""The parameters that a stack is deployed with: where each value comes from, and what is wrong with them together.

SAM gives a stack what is given now, and what the stage has in samconfig.toml; for every other parameter it keeps the value
that the stack has (`UsePreviousValue`). So a value that was given once stays until another is given, and so does the default
of the version that made the stack. `resolve` follows SAM in that, and what it yields is judged and shown.
"""

import json
import re
import shlex
from dataclasses import dataclass

# A value that stands for the template's default: `Name=@default` takes a stack's own value back.
DEFAULT = "@default"

# Where a value comes from.
GIVEN, STAGE, STACK, TEMPLATE, MADE = "given now", "stage", "stack", "template", "made"

DAY_S = 86_400

# For how long a domain's queue keeps a message: MessageRetentionPeriod in template.yaml.
QUEUE_DAYS = 7

# A stage that takes live events, and what it mustn't be without.
LIVE_STAGE = "prod"
LIVE_WANTS = {"AlarmTopicArn": "an SNS topic that notifies you: PARAMETERS='AlarmTopicArn=arn:aws:sns:…'"}


@dataclass(frozen=True)
class Value:
    """A parameter's value, and where it comes from."""

    text: str
    source: str

    @property
    def is_sent(self):
        """Whether SAM has to be given it; else the stack has it, or takes the template's default by itself."""
        return self.source in (GIVEN, STAGE, MADE)


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


def default_of(declared):
    """A parameter's default, or None."""
    return str(declared["Default"]) if "Default" in declared else None


def resolve(declared, staged, given, stacked):
    """The value of each parameter as SAM will have it, in the template's order; without those that have none."""
    found = {}
    for name, one in declared.items():
        default = default_of(one)
        for values, source in ((given, GIVEN), (staged, STAGE), (stacked, STACK)):
            if name in values:
                text = default if values[name] == DEFAULT and source != STACK else values[name]
                found[name] = Value(text, source)
                break
        else:
            if default is not None:
                found[name] = Value(default, TEMPLATE)
    return found


def unknown(declared, chosen):
    """Yields what is wrong with values whatever the stack has: names and bounds."""
    for name, value in chosen.items():
        if name not in declared:
            yield f"{name}: the template has no such parameter"
        elif value == DEFAULT:
            if default_of(declared[name]) is None:
                yield f"{name}={DEFAULT}: the template has no default for it"
        else:
            yield from bounds(name, declared[name], value)


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


def judge(stage, declared, values):
    """Yields what is wrong with the values that the stack will have."""
    wrong = [
        f"{name} is missing: PARAMETERS='{name}=…'. {one.get('Description', '')}"
        for name, one in declared.items()
        if name not in values
    ]
    for name, value in values.items():
        # Values that SAM is given have been looked at before.
        if value.source == STACK:
            back = f"(the stack has it; {name}={DEFAULT} takes it back)"
            wrong += [f"{sentence} {back}" for sentence in bounds(name, declared[name], value.text)]
    texts = {name: value.text for name, value in values.items()}
    if stage == LIVE_STAGE:
        wrong += [f"{name} is missing: {why}" for name, why in LIVE_WANTS.items() if not texts.get(name)]
    if texts.get("CanaryDeployment") == "true" and values.get("Revision") == Value("", GIVEN):
        wrong.append("Revision is empty: CanaryDeployment=true needs one, so leave it out and it is made")
    return wrong or list(together(stage, texts))


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


def shown(stage, declared, values):
    """Yields a line for each value that differs from the template's default, or was given now, and where it comes from."""
    where = {GIVEN: GIVEN, STAGE: f"samconfig.toml, stage {stage}", MADE: "made of the code, the template and the parameters"}
    for name, value in values.items():
        if value.source == GIVEN or value.text != default_of(declared[name]):
            known = where.get(value.source, f"the stack has it; {name}={DEFAULT} takes it back")
            yield f"  {name}={value.text}  ({known})"


def changed_defaults(declared, values, deployed):
    """Yields a sentence for each parameter whose default is another in this version, and doesn't reach the stack by itself.

    `deployed` has the defaults of the template that is deployed.
    """
    for name, value in values.items():
        default = default_of(declared[name])
        if value.source == STACK and default is not None and value.text == deployed.get(name) != default:
            yield (
                f"{name}={value.text} was the default of the version that is deployed, and the stack keeps it; this version's "
                f"is {default!r}: {name}={DEFAULT} takes it"
            )
