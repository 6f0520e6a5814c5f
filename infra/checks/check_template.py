"""Lints the templates the way AWS will see them: the main one, that of the sample receiver, and the samples that go beside them.

    .venv/lint/bin/python infra/checks/check_template.py [template.yaml ...]

1. cfn-lint on the template as written.
2. cfn-lint on the template as SAM transforms it. SAM's own properties are loosely checked before: a misspelt
   `ReportBatchItemFailures` passes the first and fails the second. The main one is transformed once more with the
   parameters that SAM itself reads, since they make other resources. A template that isn't SAM's is only linted as written.

The rules that no linter knows are tests: tests/template. Exit status 0 when all is well.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from transform import transform

ROOT = Path(__file__).resolve().parents[2]
MAIN = ROOT / "template.yaml"
TEMPLATES = [MAIN, ROOT / "functions/notify/template.yaml", *sorted((ROOT / "infra/observability").glob("*.yaml"))]

# The parameters that SAM resolves, other than their defaults.
VARIANTS = {MAIN: [{}, {"CanaryDeployment": "true", "Revision": "0123456789abcdef"}]}

# SAM reads these parameters itself and leaves no reference behind: CanaryDeployment.
UNUSED_PARAMETER = "W2001"


def lint(path, *options):
    """cfn-lint's findings, printed; whether there were none."""
    linter = Path(sys.executable).with_name("cfn-lint")
    return subprocess.run([linter, "--regions", "us-east-1", *options, "--", path], check=False).returncode == 0


def check(path):
    """Checks one template and prints what is wrong with it, or that nothing is; whether nothing is."""
    good = lint(path)
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if "\nTransform: AWS::Serverless" not in path.read_text(encoding="utf-8"):
        if good:
            print(f"{name}: lint clean as written")
        return good
    for parameters in VARIANTS.get(path, [{}]):
        transformed = transform(path, parameters)
        with tempfile.TemporaryDirectory() as folder:
            as_json = Path(folder) / "transformed.json"
            as_json.write_text(json.dumps(transformed, indent=1))
            good &= lint(as_json, "--ignore-checks", UNUSED_PARAMETER)
        if good:
            given = "".join(f", {name}={value}" for name, value in parameters.items())
            print(f"{name}: lint clean as written and as transformed, {len(transformed['Resources'])} resources{given}")
    return good


def main():
    given = [Path(argument).resolve() for argument in sys.argv[1:]]
    # All of them are checked, also when the first is wrong.
    return 0 if all([check(path) for path in given or TEMPLATES]) else 1


if __name__ == "__main__":
    sys.exit(main())
