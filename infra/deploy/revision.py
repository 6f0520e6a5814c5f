"""The parameter `Revision`: a hash of what a deployment consists of.

SAM publishes a version of a function for each value of it. What is the same has the same revision, and publishes nothing;
whatever differs (a byte of the code, the template, any parameter) has another. Times, modes and places of files don't count,
and neither does the template's layout.

Lambda publishes no version that is the same as the one it published last, and CloudFormation then fails with "A version for this
Lambda function exists". A deployment that CloudFormation took back leaves its versions, so the same revision couldn't be deployed
again. There, and where a stack has no revision and so may have versions of any, `for_stack` gives it another first half; the
second half still says what is deployed.
"""

import hashlib
import json
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

PARAMETER = "Revision"

# How much of SHA-256's 64 characters a revision has. SAM names a version by the first ten.
CHARACTERS = 40

# The first half says which version, the second one of what.
HALF = CHARACTERS // 2

FUNCTION = "AWS::Serverless::Function"


def code_folders(template):
    """Where the code of each function is, by the function's name."""
    everywhere = template.get("Globals", {}).get("Function", {}).get("CodeUri")
    functions = {name: one for name, one in template["Resources"].items() if one["Type"] == FUNCTION}
    return {name: one["Properties"].get("CodeUri", everywhere) for name, one in sorted(functions.items())}


def revision(template_file, values):
    """The revision of a built template with these parameters (a text for each name).

    `FileNotFoundError` if a function's code isn't there.
    """
    template_file = Path(template_file)
    template = yaml_parse(template_file.read_text(encoding="utf-8"))
    # Its own value is no part of what it says.
    template["Parameters"].pop(PARAMETER, None)
    values = {name: value for name, value in values.items() if name != PARAMETER}
    hashed = hashlib.sha256()

    def add(*parts):
        for part in parts:
            part = part if isinstance(part, bytes) else part.encode()
            # With its length before it, so that no two lists of parts are one text.
            hashed.update(f"{len(part)}:".encode() + part)

    add(json.dumps(template, sort_keys=True, default=str), json.dumps(values, sort_keys=True))
    for name, folder in code_folders(template).items():
        root = template_file.parent / str(folder)
        if not root.exists():
            raise FileNotFoundError(f"{name}: its code isn't at {root}")
        files = [root] if root.is_file() else sorted(one for one in root.rglob("*") if one.is_file())
        for path in files:
            add(name, path.relative_to(root).as_posix(), path.read_bytes())
    return hashed.hexdigest()[:CHARACTERS]


def for_stack(made, found):
    """The revision to deploy to a stack (`stack.Stack`), of the one that was made of what is deployed."""
    deployed = found.parameters.get(PARAMETER)
    if found.is_new:
        return made
    if found.is_settled and deployed:
        # What is deployed may have its first half from the retry that it came with.
        return deployed if deployed[HALF:] == made[HALF:] else made
    return hashlib.sha256(f"{made} {found.changed}".encode()).hexdigest()[:HALF] + made[HALF:]
