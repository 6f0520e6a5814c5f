#!/usr/bin/env python3
"""Checks that what the pages name is there: README.md, ARCHITECTURE.md, CONTRIBUTING.md,
functions/README.md, infra/docs and infra/runbooks.

- a test, `module::name_of_the_test`: a function of that name in a module, file or folder of that name;
- a target, `make name`;
- a command of the operator's program, `sluice name`;
- a link to a file;
- a path of a file in `code`, from the root, or below `functions/shared`, `functions` or `infra`;
- in the table of `infra/docs/availability.md`, a test in each line, or the words why there is none;
- in the table of `infra/docs/first-deploy.md`, event types that the table of routes
  (`functions/shared/kernel/src/bus/routes.tsv`) brings to the domain of their line;
- in the tables of `infra/docs/controls.md`, something in each line that shows it: a test, a command, a parameter of the template or
  a link; and no parameter or resource that the template doesn't have.

Run `infra/checks/pages.py` from anywhere; it exits with 1 and one line for each breach. Python 3.10, no packages.
`infra/checks/test_pages.py` shows that each rule can fail.
"""

import pathlib
import re
import sys

import runbooks

# A test's name is a sentence; what has fewer words may be a function of the code.
WORDS_MIN = 4

TEST = re.compile(r"`(?:\w+::)*(\w+)::(\w+)`")
TARGET = re.compile(r"(?:`|^)make ([a-z][a-z-]*)", re.MULTILINE)
COMMAND = re.compile(r"(?:`|^|-- )sluice (?:--[a-z-]+ \S+ )*([a-z]+)", re.MULTILINE)


# A file that a page names in passing. What is made while running is none, nor the domain that a page adds as its example.
PATH = re.compile(r"`((?:[A-Za-z0-9_-]+/)+[A-Za-z0-9_.-]+\.(?:rs|py|sh|tsv|toml|yaml|json|md))`")
BELOW = ("", "functions/shared", "functions", "infra")
MADE = ("target/", ".aws-sam/", "functions/tax/", "infra/contracts/TaxRateCreated.json")

# What a line of the table of faults says where no test can back it.
UNTESTED = ("not on the local AWS", "no test")


def rows(root, page, columns):
    """The cells of a page's tables that have this number of columns, without their heads."""
    path = root / "infra/docs" / page
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    head = True
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if len(cells) != columns:
            head = True
        elif set(cells[0]) == {"-"}:
            head = False
        elif not head:
            yield cells


def untested(root):
    """Faults whose line names no test and doesn't say why."""
    for cells in rows(root, "availability.md", 5):
        if not TEST.search(cells[-1]) and not cells[-1].startswith(UNTESTED):
            yield f"infra/docs/availability.md: {cells[0]!r} has no test, and doesn't say why"


# A parameter, a resource or a property of the template: `KmsKeyArn`.
NAMED = re.compile(r"`([A-Z][a-z]+(?:[A-Z][A-Za-z]*)+)`")


def unbacked(root):
    """Controls whose line shows nothing that is there, or names what the template doesn't have."""
    page = root / "infra/docs/controls.md"
    template = root / "template.yaml"
    known = set(re.findall(r"^ *(?:- Sid: )?(\w+)", template.read_text(encoding="utf-8"), re.MULTILINE)) if template.exists() else set()
    for cells in rows(root, page.name, 4):
        if not any(kind.search(cells[2]) for kind in (TEST, TARGET, COMMAND, NAMED, runbooks.LINK)):
            yield f"infra/docs/controls.md: {cells[0]!r} shows nothing that it is met by"
    for name in NAMED.findall(page.read_text(encoding="utf-8")) if page.exists() else []:
        if name not in known:
            yield f"infra/docs/controls.md: names {name}, which the template doesn't have"


def misrouted(root):
    """Event types of the first deployment's table that don't come to the domain of their line."""
    table = root / "functions/shared/kernel/src/bus/routes.tsv"
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
    routes = {fields[0]: fields[2] for fields in (line.split("\t") for line in lines) if len(fields) > 2}
    domain = ""
    for cells in rows(root, "first-deploy.md", 3):
        domain, whole = cells[0] or domain, ""
        for name in re.findall(r"`([a-z_.]+)`", cells[1]):
            # `charge.succeeded`, `.failed`: the second has the first's object.
            whole = whole.rpartition(".")[0] + name if name.startswith(".") else name
            if routes.get(whole) != domain:
                yield f"infra/docs/first-deploy.md: {whole} comes to {routes.get(whole, 'no domain')}, and not to {domain}"


def pages(root):
    """Each page, and its text."""
    found = [root / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "functions/README.md")]
    found += sorted((root / "infra/docs").glob("*.md"))
    return {path: path.read_text(encoding="utf-8") for path in found if path.exists()}


def functions(root):
    """(module, name) of each function: a test, or a law that several tests hold others to."""
    found = set()
    for folder in ("tests", "functions", "infra"):
        for path in (root / folder).rglob("*.rs"):
            if "target" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            # A page may name the file, the folder that it is in, or a module within.
            modules = {path.stem, path.parent.name, path.parent.parent.name, *re.findall(r"\bmod (\w+) \{", text)}
            found |= {(module, name) for module in modules for name in re.findall(r"\bfn (\w+)", text)}
    return found


def targets(root):
    """The targets of the Makefile."""
    text = (root / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def breaches(root):
    """All that is named and isn't there, a line each."""
    known, known_targets, known_commands = functions(root), targets(root), runbooks.commands(root)
    for path, text in pages(root).items():
        place = path.relative_to(root).as_posix()
        for module, name in TEST.findall(text):
            if name.count("_") >= WORDS_MIN and (module, name) not in known:
                yield f"{place}: names the test {module}::{name}, which isn't there"
        for target in TARGET.findall(text):
            if target not in known_targets:
                yield f"{place}: names `make {target}`, which isn't there"
        for command in COMMAND.findall(text):
            if command not in known_commands:
                yield f"{place}: names `sluice {command}`, which the program doesn't have"
        for link in runbooks.LINK.findall(text):
            if not (path.parent / link).exists():
                yield f"{place}: leads to {link}, which isn't there"
        for name in PATH.findall(text):
            if not name.startswith(MADE) and not any((root / below / name).exists() for below in BELOW):
                yield f"{place}: names the file {name}, which isn't there"
    yield from untested(root)
    yield from unbacked(root)
    yield from misrouted(root)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    found = list(breaches(root))
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(f"{len(pages(root))} pages name what is there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
