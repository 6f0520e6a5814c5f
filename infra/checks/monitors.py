"""Writes the table of infra/docs/observability.md: each alarm of the templates, and the Datadog query that looks at the same.

    .venv/lint/bin/python infra/checks/monitors.py            says whether the page has the table that the templates make
    .venv/lint/bin/python infra/checks/monitors.py --write    writes it into the page

An alarm over a metric of AWS's is a metric query. One over a metric of Sluice's own is a log query: each such metric is a field of
a log line, or the count of lines with a code, and Datadog knows fields by the names that they have here. The domains' alarms
are the same and stand as one. A test holds the page to it.
"""

import re
import sys
from functools import cache
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "infra/generate"))

import domains

PAGE = ROOT / "infra/docs/observability.md"
# The templates with alarms, and what stands for each one's stack in the table.
TEMPLATES = {ROOT / "template.yaml": "STACK", ROOT / "functions/notify/template.yaml": "RECEIVER"}
FORWARDING = ROOT / "infra/observability/datadog.yaml"

BEGIN, END = "<!-- infra/checks/monitors.py --write -->", "<!-- end -->"
HEAD = "| alarm | CloudWatch | fires when | Datadog |\n|---|---|---|---|"

DOMAINS = domains.names()
OWN = "Sluice/${AWS::StackName}"

# Where CloudWatch finds a resource by a dimension, the property that is its name.
NAMES = {"FunctionName": "FunctionName", "QueueName": "QueueName", "EventBusName": "Name", "RuleName": "Name"}

SIGNS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": "≥", "LessThanThreshold": "<"}


@cache
def load(path):
    """A template, as it is written."""
    return yaml_parse(path.read_text(encoding="utf-8"))


def alarms(template):
    """The properties of each alarm, in the template's order."""
    resources = template["Resources"].values()
    return [one["Properties"] for one in resources if one["Type"] == "AWS::CloudWatch::Alarm"]


def metrics(alarm):
    """The metrics that an alarm looks at: (id, namespace, metric, dimensions, statistic, period); the id is None of a single one."""

    def form(name, metric, statistic, period):
        dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}
        return name, text(metric["Namespace"]), str(metric["MetricName"]), dimensions, statistic, period

    if "Metrics" not in alarm:
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return [form(None, alarm, statistic, alarm["Period"])]
    stats = [(one["Id"], one["MetricStat"]) for one in alarm["Metrics"] if "MetricStat" in one]
    return [form(name, one["Metric"], one["Stat"], one["Period"]) for name, one in stats]


def text(value):
    """A value as text: what `Fn::Sub` and `Ref` would fill in stays by its name."""
    if isinstance(value, dict):
        return value.get("Fn::Sub") or value["Ref"]
    return str(value)


def name_of(template, stack, dimension, value):
    """The name that a dimension asks for, in terms of the stack's."""
    if isinstance(value, dict) and "Fn::Sub" not in value:
        get = value.get("Fn::GetAtt")
        resource = get[0] if isinstance(get, list) else (get or value["Ref"])
        resource = resource.split(".")[0]
        if resource in template.get("Parameters", {}):
            return f"<{resource}>"
        value = template["Resources"][resource]["Properties"].get(NAMES.get(dimension))
        if value is None:
            return f"<{resource}>"
    return text(value).replace("${AWS::StackName}", stack)


def snake(name):
    """`FailedInvocations` as Datadog writes it: `failed_invocations`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def of_aws(template, stack, namespace, metric, dimensions, statistic):
    """The query of a metric of AWS's."""
    service = namespace.removeprefix("AWS/").lower()
    tags = ",".join(f"{name.lower()}:{name_of(template, stack, name, value)}" for name, value in dimensions.items())
    name = f"aws.{service}.{snake(metric)}"
    if statistic == "Sum":
        return f"sum:{name}{{{tags}}}.as_count()"
    percentile = "" if statistic == "Maximum" else f".{statistic}"
    return f"max:{name}{percentile}{{{tags}}}"


def of_lines(metric, dimensions, statistic):
    """The query of a metric of Sluice's own, over its lines."""
    fields = [f"@{name}:{text(value)}" for name, value in dimensions.items()]
    if metric == "Steady":
        fields = ["@function:ingest", "@outcome:accepted", *fields]
    measure = 'rollup("count")'
    if statistic == "Maximum":
        measure = f'rollup("max", "@{metric}")'
    elif statistic == "SampleCount":
        fields.append(f"@{metric}:*")
    return f'logs("stack:STACK {" ".join(fields)}").{measure}'


def query(template, stack, form):
    """What Datadog is asked for one of an alarm's metrics. Lines have the tag of the main stack, also a receiver's."""
    _, namespace, metric, dimensions, statistic, _ = form
    if namespace == OWN:
        return of_lines(metric, dimensions, statistic)
    return of_aws(template, stack, namespace, metric, dimensions, statistic)


def minutes(seconds):
    """A period for people."""
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"


def fires(alarm, period):
    """When an alarm fires: its threshold, and how many periods have to be over it."""
    of = text(alarm["EvaluationPeriods"])
    needed = text(alarm.get("DatapointsToAlarm", of))
    within = f"{minutes(period)}" if of == "1" else f"{needed} of {of} × {minutes(period)}"
    silent = ", also of none" if alarm["TreatMissingData"] == "breaching" else ""
    expression = next((one["Expression"] for one in alarm.get("Metrics", []) if "Expression" in one), None)
    about = f"`{expression}` " if expression else ""
    return f"{about}{SIGNS[alarm['ComparisonOperator']]} {text(alarm['Threshold'])}{silent} in {within}"


def row(template, stack, alarm):
    """An alarm's line of the table."""
    name = text(alarm["AlarmName"]).removeprefix("${AWS::StackName}-")
    forms = metrics(alarm)

    def labelled(label, what):
        return f"{label}: `{what}`" if label else f"`{what}`"

    looked_at = []
    for form in forms:
        label, namespace, metric, dimensions, statistic, _ = form
        where = "" if namespace == OWN else f"{namespace} "
        of = "".join(f" {text(value)}" for value in dimensions.values()) if namespace == OWN else ""
        looked_at.append(labelled(label, f"{where}{metric}{of}") + f" {statistic}")
    queries = [labelled(form[0], query(template, stack, form)) for form in forms]
    cells = [f"`{name}`", "<br>".join(looked_at), fires(alarm, forms[0][-1]), "<br>".join(queries)]
    return f"| {' | '.join(cells)} |"


def table():
    """The whole table. The rows of the domains are the same but for the domain, and become one."""
    rows = []
    for path, stack in TEMPLATES.items():
        template = load(path)
        for alarm in alarms(template):
            line = row(template, stack, alarm)
            for domain in DOMAINS:
                line = re.sub(rf"\b{domain}\b", "<domain>", line)
            if line not in rows:
                rows.append(line)
    return "\n".join([HEAD, *rows])


def parts(page):
    """The page before the table, the table, and the page after it."""
    before, rest = page.split(BEGIN, 1)
    inside, after = rest.split(END, 1)
    return before, inside.strip(), after


def main():
    page = PAGE.read_text(encoding="utf-8")
    before, inside, after = parts(page)
    if "--write" in sys.argv[1:]:
        PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}", encoding="utf-8")
        return 0
    if inside != table():
        print(f"{PAGE.relative_to(ROOT)}: isn't in step with the alarms; infra/checks/monitors.py --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
