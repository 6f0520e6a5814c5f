"""Which domains there are, and which event types each takes: read from the code that decides it, without compiling it.

- the list: `domains![…]` in functions/shared/domains/src/lib.rs;
- the types: `NAME`, `PREFIXES` and `TYPES` in functions/<domain>/src/lib.rs;
- where each type that Stripe documents goes: functions/shared/kernel/src/bus/routes.tsv.

What can't be read, and what doesn't fit together, is refused here with the line to change; the compiler and the tests
hold the code to the same.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from differences import DIFFERENCES, Differences
from text import Refused

ROOT = Path(__file__).resolve().parents[2]
LIST = "functions/shared/domains/src/lib.rs"
TABLE = "functions/shared/kernel/src/bus/routes.tsv"

# A logical id has letters and digits only; a function's name has at most 64 characters, of which 40 are the stack's.
NAME = re.compile(r"[a-z][a-z0-9]{0,22}")

# How the reason of a thin event begins that can't follow its snapshot event to a domain.
UNFETCHABLE = "names no object by an id that could be fetched"

# Names that the stack's own tables, queues and functions have, or the table of routes gives to no domain.
TAKEN = {"ledger", "outcomes", "shared", "ingest", "sweep", "reconcile", "notify", "bus", "rule", "schedule", "receiver"}


@dataclass(frozen=True)
class Domain:
    """A domain: its name, what its rule takes in the rule's order, and what it needs differently."""

    name: str
    takes: tuple[str, ...]
    differences: Differences

    @property
    def id(self):
        """How its logical ids begin: `Payments`."""
        return self.name.capitalize()


def names(root=ROOT):
    """The domains' names, in the order of the list."""
    return [crate for crate, _ in listed(root)]


def listed(root):
    """The lines of the list: (crate, type)."""
    source = without_comments((root / LIST).read_text(encoding="utf-8"))
    found = re.search(r"^domains!\[(.*?)^\];", source, re.DOTALL | re.MULTILINE)
    if found is None:
        raise Refused(f"{LIST}: no list `domains![…];`")
    lines = [one.strip() for one in found[1].split(",") if one.strip()]
    for line in lines:
        if not re.fullmatch(r"\w+::\w+", line):
            raise Refused(f"{LIST}: {line} isn't `crate::Type`")
    pairs = [tuple(line.split("::")) for line in lines]
    crates = [crate for crate, _ in pairs]
    for crate in crates:
        if not NAME.fullmatch(crate):
            raise Refused(f"{LIST}: {crate} can't begin a logical id: at most 23 lower-case letters and digits, a letter first")
        if crate in TAKEN:
            raise Refused(f"{LIST}: {crate} is the name of something else in the stack")
        if crates.count(crate) > 1:
            raise Refused(f"{LIST}: {crate} is there twice")
    return pairs


def domains(root=ROOT, differences=None):
    """Every domain, in the order of the list; refused if rules and table don't fit together."""
    differences = DIFFERENCES if differences is None else differences
    rows = routes(root)
    found = []
    for name, kind in listed(root):
        own = differences.get(name, Differences())
        wanted = own.takes or declared(root, name, kind)
        thin = [f"v1.{one}" for one in wanted if any(to == name and matches(f"v1.{one}", row) for row, to in rows)]
        found.append(Domain(name, (*wanted, *thin), own))
    unknown = sorted(set(differences) - {one.name for one in found})
    if unknown:
        raise Refused(f"infra/generate/differences.py: {unknown[0]} is no domain")
    disagreements(rows, found)
    left_behind(root, dict(rows))
    return found


def declared(root, name, kind):
    """What the domain's own code has a use for."""
    place = f"functions/{name}/src/lib.rs"
    path = root / place
    if not path.is_file():
        raise Refused(f"{LIST} names {name}, and there is no {place}")
    source = without_comments(path.read_text(encoding="utf-8"))
    body = source.partition(f"impl Domain for {kind} {{")[2]
    if not body:
        raise Refused(f"{place}: no `impl Domain for {kind}`")
    called = re.search(r"const NAME: &'static str = \"([^\"]*)\";", body)
    if called is None or called[1] != name:
        raise Refused(f"{place}: NAME isn't {name!r}, as the crate is called")
    types = []
    for constant in ("PREFIXES", "TYPES"):
        if f"const {constant}:" not in body:
            continue
        value = re.search(rf"const {constant}: &'static \[&'static str\] = &\[((?:\s*\"[^\"]*\"\s*,?)*)\s*\];", body)
        if value is None:
            raise Refused(f"{place}: {constant} isn't a list of texts")
        types += re.findall(r'"([^"]*)"', value[1])
    if not types:
        raise Refused(f"{place}: PREFIXES and TYPES name no type")
    return tuple(types)


def without_comments(source):
    """Rust without the comments that take a line of their own or its end; texts that have `//` stay."""
    return re.sub(r'("[^"\n]*")|//[^\n]*', lambda found: found[1] or "", source)


def routes(root):
    """The table's rows: (type, domain or "ledger")."""
    lines = (root / TABLE).read_text(encoding="utf-8").splitlines()[1:]
    return [(columns[0], columns[2]) for columns in (line.split("\t") for line in lines)]


def left_behind(root, places):
    """Refuses thin events that stay in the ledger while their snapshot events go to a domain, but for a reason."""
    for line in (root / TABLE).read_text(encoding="utf-8").splitlines()[1:]:
        kind, _, to, *reason = line.split("\t")
        snapshot = places.get(kind.removeprefix("v1."), "ledger")
        if kind.startswith("v1.") and to == "ledger" != snapshot and not reason[0].startswith(UNFETCHABLE):
            raise Refused(
                f"{TABLE}: {kind} stays in the ledger, and its snapshot event goes to {snapshot}; "
                f'if it has to, its reason begins with "{UNFETCHABLE}"'
            )


def matches(pattern, kind):
    """Whether a rule's entry takes a type, as EventBridge matches it."""
    return kind.startswith(pattern) if pattern.endswith(".") else kind == pattern


def disagreements(rows, found):
    """Refuses a table that gives a type to another domain than the rules do."""
    known = {one.name for one in found}
    for kind, to in rows:
        taking = [one.name for one in found if any(matches(pattern, kind) for pattern in one.takes)]
        wanted = [] if to == "ledger" else [to]
        if to not in known | {"ledger"}:
            raise Refused(f"{TABLE}: {kind} goes to {to}, which is no domain")
        if taking != wanted:
            by = " and ".join(taking) or "no domain"
            raise Refused(f"{TABLE}: {kind} goes to {to}; by PREFIXES and TYPES it would go to {by}")
    for one in found:
        if one.name not in {to for _, to in rows}:
            raise Refused(f"{TABLE}: no type goes to {one.name}")
