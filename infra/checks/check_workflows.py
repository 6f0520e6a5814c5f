"""Checks what GitHub runs for us: workflows, actions, and the updates of what is pinned.

    .venv/lint/bin/python infra/checks/check_workflows.py

- zizmor, offline: actions that aren't pinned by commit, texts of strangers in scripts, rights that aren't needed, and more
  (`.github/zizmor.yml` has what differs from its defaults);
- the schemas of GitHub's workflows, actions and Dependabot, as check-jsonschema brings them;
- beside each pinned commit, its version: `# v1.2.3`. Dependabot updates both.

It exits with 1 if anything is found. `infra/checks/test_check_workflows.py` shows that each of the three can fail.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".venv/workflows/bin"

USES = re.compile(r"^\s*(?:- )?uses: ([^./\s]\S*)(.*)$", re.MULTILINE)
VERSION = re.compile(r"^ # v\d+\.\d+\.\d+$")


def files(root):
    """The files by the name of their schema."""
    github = root / ".github"
    return {
        "vendor.github-workflows": sorted((github / "workflows").glob("*.y*ml")),
        "vendor.github-actions": sorted((github / "actions").glob("*/action.y*ml")),
        "vendor.dependabot": sorted(github.glob("dependabot.y*ml")),
    }


def without_version(root):
    """A sentence for each pinned action whose version isn't said."""
    found = files(root)
    for path in found["vendor.github-workflows"] + found["vendor.github-actions"]:
        for used in USES.finditer(path.read_text(encoding="utf-8")):
            if not VERSION.match(used[2]):
                yield f"{path.relative_to(root)}: {used[1]} has no version beside it: # v1.2.3"


def commands(root):
    """The tools' commands for a project's folder."""
    yield [TOOLS / "zizmor", "--offline", "--no-progress", "--quiet", "--strict-collection", root / ".github"]
    for schema, paths in files(root).items():
        if paths:
            yield [TOOLS / "check-jsonschema", "--quiet", "--builtin-schema", schema, *paths]


def check(root):
    """Whether all is well; what isn't has been printed."""
    breaches = list(without_version(root))
    for breach in breaches:
        print(breach, file=sys.stderr)
    # All of them, so that one run shows everything.
    statuses = [subprocess.run(command, cwd=root, check=False).returncode for command in commands(root)]
    return not breaches and not any(statuses)


if __name__ == "__main__":
    sys.exit(not check(ROOT))
