#!/usr/bin/env python3
"""Checks that every fault code and every alarm has its runbook, and that no runbook is for nothing.

- A code is a row of a table `codes! { … }` (functions/shared/kernel/src/code.rs) in what AWS runs (functions/) and in the operator's program
  (infra/operations/src and infra/cli/src), without tests: faults, refusals, findings, notes of the log. Its constant is called as it is. No two
  tables have one code, each is used somewhere (`code::NAME`), and no code is written but in its table.
- An alarm is a resource of a template with `AWS::CloudWatch::Alarm` or `CompositeAlarm`; its text names its runbook,
  `infra/runbooks/<name>.md`.
- A runbook is `infra/runbooks/<code>.md`, or named by an alarm, and has the headings of `PARTS`. Links in it lead somewhere,
  and every `sluice` command in it is one that the program has.

    infra/checks/runbooks.py            exits with 1 and one line for each breach
    infra/checks/runbooks.py --list     prints each code and where its constant is used, separated by tabs
    infra/checks/runbooks.py --write    writes infra/runbooks/README.md, the index; the check holds it to the files

Python 3.10, no packages. `infra/checks/test_runbooks.py` shows that each rule can fail.
"""

import pathlib
import re
import sys

TABLE = re.compile(r"\bcodes! *\{(.*?)\}", re.DOTALL)
ROW = re.compile(r'\b([A-Z][A-Z0-9_]*) = "([^"]*)";')
USE = re.compile(r"\bcode::([A-Z][A-Z0-9_]*)\b")
LITERAL = re.compile(r'"([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)"')
# A log line's code, as a text that no table has.
LOGGED = re.compile(r'\bcode = ("[^"]*")')
# What makes a code of a text: for the tables' macro alone.
MAKER = re.compile(r"\bof_table\b")
MACRO = "functions/shared/kernel/src/code.rs"
COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
# A module of tests at the end of a file; what comes before it is shipped.
TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[.*\n)*(?:pub(?:\(.*\))? )?mod \w+ \{", re.MULTILINE)

# The folders and files of functions/ that aren't shipped.
NOT_SHIPPED = {"tests", "fuzz", "harness", "contract", "tests.rs", "contract.rs", "hostile.rs", "properties.rs", "reference.rs"}

SHIPPED = ("functions", "infra/operations/src", "infra/cli/src")

PARTS = ("It means", "Stripe sees", "Look at", "Do", "Harmless")

ALARM = re.compile(r"^    Type: AWS::CloudWatch::(?:Composite)?Alarm$", re.MULTILINE)
RUNBOOK = re.compile(r"infra/runbooks/([a-z0-9_.-]+?)\.md")
RESOURCE = re.compile(r"^  (\w+):\n", re.MULTILINE)
COMMAND = re.compile(r"`sluice (?:--[a-z-]+ \S+ )*([a-z]+)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")

TEMPLATES = ("template.yaml", "functions/notify/template.yaml")

INDEX = """# Runbooks

One for each code that a log line, a metric or an answer can have, and one for each alarm. Each says what it means, what
Stripe sees of it, what to look at, what to do, and when it is harmless. `sluice` is the operator's program
(`cargo run -p sluice-cli --`); `--stack NAME` before its command names a stack in AWS.

This page is written by `infra/checks/runbooks.py --write`, and `make lint` holds it to the code and the template.
"""


def shipped(root):
    """Each source file that is shipped, and its text without comments and tests."""
    for path in sorted(path for folder in SHIPPED for path in (root / folder).rglob("*.rs")):
        place = path.relative_to(root)
        if NOT_SHIPPED.isdisjoint(place.parts):
            text = path.read_text(encoding="utf-8")
            tests = TESTS.search(text)
            yield place.as_posix(), COMMENT.sub("", text[: tests.start()] if tests else text)


def rows(root):
    """Each row of each table, as (file, constant, code)."""
    for place, text in shipped(root):
        for table in TABLE.findall(text):
            for constant, code in ROW.findall(table):
                yield place, constant, code


def codes(root):
    """Each code, and the files that use its constant."""
    by_constant = {constant: code for _, constant, code in rows(root)}
    found = {code: set() for code in by_constant.values()}
    for place, text in shipped(root):
        for constant in USE.findall(text):
            if constant in by_constant:
                found[by_constant[constant]].add(place)
    return found


def tables(root):
    """Rows that are called otherwise than their code, stand twice, or are for nothing; codes that aren't taken from a table."""
    used, first = codes(root), {}
    for place, constant, code in rows(root):
        if constant != code.upper().replace(".", "_"):
            yield f"{place}: {code} is called {constant}, not as it is"
        if code in first:
            yield f"{place}: {code} stands in {first[code]} too"
        first.setdefault(code, place)
        if not used.get(code):
            yield f"{place}: nothing uses {constant}"
    for place, text in shipped(root):
        rest = TABLE.sub("", text)
        for literal in sorted(first.keys() & set(LITERAL.findall(rest))):
            yield f'{place}: writes "{literal}" instead of its constant'
        for literal in LOGGED.findall(rest):
            yield f"{place}: logs the code {literal}, which is no constant of a table"
        if MAKER.search(rest) and place != MACRO:
            yield f"{place}: makes a code outside of a table"


def alarms(root):
    """Each alarm, as (template, logical id, its text in the template)."""
    for name in TEMPLATES:
        text = (root / name).read_text(encoding="utf-8")
        starts = [*RESOURCE.finditer(text)]
        ends = [match.start() for match in starts[1:]] + [len(text)]
        for start, end in zip(starts, ends, strict=True):
            block = text[start.start() : end]
            if ALARM.search(block):
                yield name, start[1], block


def runbooks(root):
    """Each runbook's name, and its text."""
    files = sorted((root / "infra/runbooks").glob("*.md"))
    return {path.stem: path.read_text(encoding="utf-8") for path in files if path.name != "README.md"}


def commands(root):
    """The commands of the operator's program: the variants of its `Command`."""
    text = (root / "infra/cli/src/main.rs").read_text(encoding="utf-8")
    body = text.split("enum Command {", 1)[1].split("\n}", 1)[0]
    return {name.lower() for name in re.findall(r"^    ([A-Z]\w*)(?:\(.*\)| \{)?,?$", body, re.MULTILINE)}


def missing_and_idle(root):
    """Codes and alarms without a runbook; runbooks without a code or an alarm."""
    there, made, linked = runbooks(root), {code: place for place, _, code in rows(root)}, set()
    for code, place in sorted(made.items()):
        if code not in there:
            yield f"{code}: is in the table of {place} and has no infra/runbooks/{code}.md"
    for template, alarm, block in alarms(root):
        names = RUNBOOK.findall(block)
        linked.update(names)
        if not names:
            yield f"{template}: the alarm {alarm} names no runbook in its text (infra/runbooks/<name>.md)"
        for name in names:
            if name not in there:
                yield f"{template}: the alarm {alarm} names infra/runbooks/{name}.md, which isn't there"
    for name in there:
        if name not in made and name not in linked:
            yield f"infra/runbooks/{name}.md: no code and no alarm is called so"


def form(root):
    """Runbooks with a part missing, a link to nowhere, or a command that the program doesn't have."""
    known = commands(root)
    for name, text in runbooks(root).items():
        place = f"infra/runbooks/{name}.md"
        if not text.startswith(f"# `{name}`\n"):
            yield f"{place}: doesn't begin with its name"
        for part in PARTS:
            if f"\n**{part}.** " not in text:
                yield f"{place}: has no part **{part}.**"
        for link in LINK.findall(text):
            if not (root / "infra/runbooks" / link).exists():
                yield f"{place}: leads to {link}, which isn't there"
        for command in COMMAND.findall(text.replace("\n", " ")):
            if command not in known:
                yield f"{place}: names `sluice {command}`, which the program doesn't have"


def first_sentence(text):
    """What a runbook says it means, up to the first full stop."""
    meaning = text.split("**It means.** ", 1)[-1].split("\n\n")[0].replace("\n", " ")
    sentence = re.match(r"(.*?[.:])(?: |$)", meaning)
    return (sentence[1] if sentence else meaning).rstrip(":.") + "."


def index(root):
    """The page that lists all runbooks."""
    there = runbooks(root)
    rows = [f"| [`{name}`]({name}.md) | {first_sentence(text)} |" for name, text in there.items()]
    return "\n".join([INDEX, "| | it means |", "|---|---|", *rows, ""])


def index_in_step(root):
    """The index, if it isn't what `--write` would write."""
    page = root / "infra/runbooks/README.md"
    if not page.exists() or page.read_text(encoding="utf-8") != index(root):
        yield "infra/runbooks/README.md: isn't in step with the runbooks; infra/checks/runbooks.py --write"


def breaches(root):
    """All that is wrong, a line each."""
    yield from tables(root)
    yield from missing_and_idle(root)
    yield from form(root)
    yield from index_in_step(root)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    if "--list" in sys.argv[1:]:
        for code, places in sorted(codes(root).items()):
            print(code, *sorted(places), sep="\t")
        return 0
    if "--write" in sys.argv[1:]:
        (root / "infra/runbooks/README.md").write_text(index(root), encoding="utf-8")
    found = list(breaches(root))
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(f"{len(runbooks(root))} runbooks for {len(codes(root))} codes and {len(list(alarms(root)))} alarms")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
