"""Adds up what the variables of each function come to: Lambda takes 4 KB together, and refuses more in mid-deployment.

What Lambda measures is the variables as JSON, quotes escaped, as its refusal shows ("String measured: …"). What only AWS
knows (an ARN, a queue's address) is counted with what it takes at most.
"""

import json
import re

MAX_BYTES = 4096

FUNCTION = "AWS::Serverless::Function"

# The longest of these, by an example.
ARN = "arn:aws-us-gov:secretsmanager:ap-southeast-1:123456789012:secret:WebhookSecret-AbCdEfGhIjKl-AbCdEf"
QUEUES = "https://sqs.ap-southeast-1.amazonaws.com/123456789012/"
PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Region": "ap-southeast-1", "AWS::Partition": "aws-us-gov", "AWS::NoValue": None}


class Names:
    """Resolves the few intrinsic functions that a variable is written with."""

    def __init__(self, resources, values, stack):
        self.resources = resources
        self.known = PSEUDO | {"AWS::StackName": stack} | values

    def text(self, value):
        """What a variable will have, or something as long; None for none."""
        if not isinstance(value, dict):
            return str(value)
        [(function, argument)] = value.items()
        if function == "Ref":
            return self.referred(argument)
        if function == "Fn::Sub":
            return re.sub(r"\$\{([\w:.]+)\}", lambda found: self.referred(found[1]) or "", argument)
        if function == "Fn::If":
            # Whichever is longer.
            return max((self.text(one) for one in argument[1:]), key=lambda one: len(one or ""))
        return ARN

    def referred(self, name):
        if name in self.known:
            return self.known[name]
        resource = self.resources.get(name, {})
        own = next((one for key, one in resource.get("Properties", {}).items() if key in ("Name", "QueueName", "TableName")), None)
        if own is None:
            return ARN
        return (QUEUES if resource["Type"] == "AWS::SQS::Queue" else "") + self.text(own)


def measured(variables):
    """What Lambda measures, in bytes."""
    return len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode())


def of_functions(template, values, stack):
    """The variables of each function, by its name."""
    names = Names(template["Resources"], values, stack)
    of = lambda one: one.get("Environment", {}).get("Variables", {})  # noqa: E731
    everywhere = of(template.get("Globals", {}).get("Function", {}))
    for name, resource in template["Resources"].items():
        if resource["Type"] == FUNCTION:
            texts = {key: names.text(value) for key, value in (everywhere | of(resource["Properties"])).items()}
            yield name, {key: text for key, text in texts.items() if text is not None}


def too_large(template, values, stack):
    """Yields a sentence for each function whose variables are more than Lambda takes."""
    for name, variables in of_functions(template, values, stack):
        size = measured(variables)
        if size > MAX_BYTES:
            by_size = sorted(variables, key=lambda key: measured({key: variables[key]}), reverse=True)
            largest = ", ".join(f"{key} {measured({key: variables[key]})}" for key in by_size[:2])
            yield (
                f"{name}: its variables come to {size} bytes, and Lambda takes {MAX_BYTES}; the largest are {largest}. "
                "Fewer endpoints, or fewer AllowedSources"
            )
