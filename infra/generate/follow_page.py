"""Follows infra/docs/adding-a-domain.md in a copy of the project, and looks that the new domain is everywhere: `make test`.

    .venv/lint/bin/python infra/generate/follow_page.py

The files and the commands are those of the page, taken from its blocks, so that the page can't promise what doesn't work.
Each command is run but those of `NOT_RUN`. Among them are the tests of effects, of the list of domains and of their types. Then:

- `make generate` has nothing left to write, no other list of domains is left, the template names a binary for each domain, and
  formats and directions are right;
- the tests that count functions find the new one: what a release holds, and what their variables come to;
- cfn-lint finds nothing in the template as SAM transforms it, nor do our own rules (tests/template);
- `sluice`, built in the copy, names the domain among those that it was built with.

The copy is in target/adding-a-domain and has a target folder of its own beside it: cargo names what it makes of a workspace's
crates by their place in it, so in one folder the copy's crates would be taken for the project's. What was compiled of crates.io is
linked into that folder and isn't compiled again. Files that are as they were at the last run keep their times, for cargo.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import domains
import files

ROOT = domains.ROOT
PAGE = "infra/docs/adding-a-domain.md"
NAME = "tax"

# They test the whole project, which the caller does with the project as it is; or they make what is made here already, need a
# repository, or would hide what `cargo fmt --check` is to find.
NOT_RUN = {
    "make lint",
    "make test",
    "make run",
    "cargo fmt --all",
    "infra/setup/setup.sh local lint",
    "SLUICE_GOLDENS=write cargo test --locked --workspace --test it goldens",
    "cargo build --locked --workspace --bins",
    "git status --short tests/goldens",
}

# What `make lint` looks at without compiling, and a new domain could break.
CHECKS = (
    ("infra/generate", "--check"),
    ("infra/generate/lists.py",),
    ("-m", "unittest", "discover", "--quiet", "--start-directory", "infra/generate"),
    ("infra/checks/directions.py",),
    ("infra/checks/monitors.py",),
    ("infra/checks/runbooks.py",),
    *(
        ("-m", "unittest", "discover", "--quiet", "--start-directory", "infra/deploy", "--pattern", f"test_{what}.py")
        for what in ("variables", "from_release")
    ),
)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`((?:functions|infra)/[^`]+)`:\s*$")


class Broken(Exception):
    """A step of the page doesn't do what it says."""


def steps(page):
    """The page's blocks in its order: (file, content), or (None, commands)."""
    found = []
    for block in FENCE.finditer(page):
        language, body = block.groups()
        named = FILE.search(page[: block.start()])
        if language == "sh":
            found.append((None, [line for line in body.splitlines() if line and not line.startswith("#")]))
        elif named:
            found.append((named[1], body))
        else:
            raise Broken(f"{PAGE}: a block of {language or 'no language'} is neither commands (sh) nor after the name of its file")
    return found


def take_over(draft, copy):
    """Makes the copy what the draft is, and leaves files alone that are the same."""
    wanted = {one.relative_to(draft) for one in draft.rglob("*") if one.is_file()}
    there = {one.relative_to(copy) for one in copy.rglob("*") if one.is_file()} if copy.exists() else set()
    for gone in there - wanted:
        (copy / gone).unlink()
    for name in wanted:
        if name not in there or (copy / name).read_bytes() != (draft / name).read_bytes():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(draft / name, copy / name)


def crates(cargo, root):
    """The workspace's crates, as cargo names what it makes of them."""
    asked = [cargo, "metadata", "--format-version", "1", "--no-deps", "--locked"]
    packages = json.loads(subprocess.run(asked, cwd=root, stdout=subprocess.PIPE, check=True).stdout)["packages"]
    names = [package["name"] for package in packages] + [one["name"] for package in packages for one in package["targets"]]
    return {name.replace("-", "_") for name in names}


def lend_third_parties(members, target, own):
    """Links what was compiled of other projects' crates into a target folder of one's own. The workspace's crates stay out."""

    def is_a_members(name):
        crate = name.rpartition("-")[0].replace("-", "_")
        return crate in members or crate.removeprefix("lib") in members

    for part in (".fingerprint", "build", "deps"):
        there = own / "debug" / part
        there.mkdir(parents=True, exist_ok=True)
        for made in (target / "debug" / part).iterdir() if (target / "debug" / part).is_dir() else ():
            if is_a_members(made.stem if part == "deps" else made.name) or (there / made.name).exists():
                continue
            if made.is_dir():
                shutil.copytree(made, there / made.name, symlinks=True)
            elif made.suffix in (".rlib", ".rmeta", ".so", ".dylib"):
                # Never written in place, so one file serves both.
                os.link(made, there / made.name)
            elif made.suffix == ".d":
                shutil.copy2(made, there / made.name)


def run(command, folder, what, **more):
    """Runs a command quietly; what it said is shown if it fails."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        raise Broken(f"{what} failed:\n{done.stdout}")
    print(f"  {what}: {time.monotonic() - began:.0f} s")
    return done.stdout


def follow(page, draft, copy, environment):
    """Does what the page says. Whatever comes before cargo happens in the draft."""
    is_copied = False
    for name, what in steps(page):
        if name is not None:
            path = draft / name
            if path.exists():
                raise Broken(f"{PAGE}: {name} is there already")
            path.write_text(what, encoding="utf-8")
            continue
        for command in what:
            if command in NOT_RUN:
                continue
            if command.startswith("cargo ") and not is_copied:
                take_over(draft, copy)
                if not (copy / ".venv").exists():
                    (copy / ".venv").symlink_to(ROOT / ".venv")
                is_copied = True
            run(["sh", "-ec", command], copy if is_copied else draft, command, env=environment)
    if not is_copied:
        raise Broken(f"{PAGE}: nothing is built")


def knows_the_domain(program, folder):
    """Whether `sluice` names the domain among those that it was built with."""
    names = ["ledger", "outcomes", NAME, "unbuilt"]
    texts = ("webhook_url", "webhook_secret", "bus", "secret_id")
    stack = {
        **dict.fromkeys(texts, "none"),
        "webhook_secrets": {},
        "aws_endpoint_url": "http://127.0.0.1:1",
        "region": "us-east-1",
        "tables": {name: name for name in names},
        "queues": {name: "http://127.0.0.1:1/queue" for name in names[2:]},
        "functions": {name: f"sluice-{name}" for name in names[2:]},
        "log_groups": {},
    }
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "stack.json"
        file.write_text(json.dumps(stack), encoding="utf-8")
        done = subprocess.run(
            [program, "--stack-file", file, "rebuild", "unbuilt"], cwd=folder, check=False, capture_output=True, text=True
        )
    if done.returncode != 2 or not re.search(rf"built without.*\b{NAME}\b", done.stderr, re.DOTALL):
        raise Broken(f"`sluice` doesn't name {NAME} among its domains: {done.returncode}, {done.stderr}")


def main():
    began = time.monotonic()
    if NAME in domains.names():
        print(f"{PAGE}: the project has {NAME} already, so there is nothing to try")
        return 0
    copy = ROOT / "target/adding-a-domain"
    target = ROOT / "target/adding-a-domain-target"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_INCREMENTAL": "0"}
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    tools = ROOT / ".venv/lint/bin"
    cargo = os.environ.get("CARGO", "cargo")
    lend_third_parties(crates(cargo, ROOT), Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")), target)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder)
        for name in files.sources(ROOT):
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, draft / name)
        try:
            follow(page, draft, copy, environment)
            for check in CHECKS:
                run([tools / "python", "-B", *check], copy, " ".join(check))
            run([cargo, "fmt", "--all", "--check"], copy, "cargo fmt")
            binaries = set(re.findall(r"Binary: (\w+)", (copy / "template.yaml").read_text(encoding="utf-8")))
            if missing := set(domains.names(copy)) - binaries:
                raise Broken(f"template.yaml has no function for {missing}")
            transformed = run([tools / "python", "-B", "infra/checks/transform.py", "template.yaml"], copy, "SAM's transform")
            lines = [line for line in transformed.splitlines() if line.startswith("{")]
            (draft / "transformed.json").write_text(lines[0], encoding="utf-8")
            lint = [tools / "cfn-lint", "--regions", "us-east-1", "--ignore-checks", "W2001", "--", draft / "transformed.json"]
            run(lint, copy, "cfn-lint")
            # With the features of the whole workspace, as all else: what the program was built of is used again.
            rules = [cargo, "test", "--quiet", "--workspace", "--test", "rules", "--test", "tables"]
            run(rules, copy, "our own rules", env=environment)
            knows_the_domain(target / "debug/sluice", copy)
        except Broken as broken:
            print(broken, file=sys.stderr)
            return 1
    print(f"{PAGE}: {NAME} was added as it says, in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
