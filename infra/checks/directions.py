#!/usr/bin/env python3
"""Checks that the workspace's directions hold: which crate may name which, and what a function may link.

    kernel <- stripe <- adapters; kernel <- harness; all of these <- functions; domains <- sluice-domains; all <- infra, tests

What is checked, each rule in a function of its own below:

- which crate of the workspace names which, in its manifest (`names`);
- only `sluice-domains` names the domains' crates, with few exceptions (`domains_in_one_place`);
- only a function's `main.rs` names the adapters, so that all else runs in memory (`adapters_in_main_only`);
- the kernel depends on a few pure crates only, and neither it nor a domain reads a clock, the environment or the
  network (`kernel_dependencies`, `purity`);
- no function links an emulator, a command line parser, or a second TLS stack (`function_trees`);
- the operator's program links nothing of the emulator, and its library no terminal (`operators_trees`);
- the console shows what the operations find, and reaches the stack in no other way (`console_through_operations`).

The trees come from `cargo metadata` for the platform that AWS runs. It unifies features over the whole workspace,
tests included, as `cargo build --workspace` does: what passes here is lean however it is built.

Run `infra/checks/directions.py` from anywhere; it exits with 1 and one line for each breach. Python 3.10, no packages.
`infra/checks/test_directions.py` shows that each rule can fail.
"""

import json
import pathlib
import re
import subprocess
import sys

PLATFORM = "aarch64-unknown-linux-gnu"

# Functions that belong to no domain: they serve every event alike.
NOT_DOMAINS = {"ingest", "sweep", "reconcile", "notify"}

# What computes and waits, and reaches nothing: no clock, no network, no runtime.
KERNEL_MAY_DEPEND_ON = {"futures-util", "serde", "serde_json", "sha2"}

# What a function must not link, and why.
NEVER_IN_A_FUNCTION = {
    "clap": "a command line parser is for operators' programs",
    "dynoxide-rs": "an emulator is for tests",
    "stateright": "a model checker is for tests",
    "proptest": "property tests are for tests",
    "rusqlite": "a database engine is for the emulator",
    "reqwest": "a second HTTP client",
    "ureq": "a second HTTP client",
    "aws-config": "its credential chains (SSO, IMDS, profiles) are of no use in Lambda",
    "openssl": "a second TLS stack",
    "openssl-sys": "a second TLS stack",
    "native-tls": "a second TLS stack",
    "boring": "a second TLS stack",
    "s2n-tls": "a second TLS stack",
    "aws-lc-rs": "a second cryptography library beside ring",
    "aws-lc-sys": "a second cryptography library beside ring",
}

# What the operator's program must not link: it runs on any machine, and operates stacks that it didn't start.
NEVER_IN_AN_OPERATORS_PROGRAM = {
    "sluice-local": "it starts the local AWS; where a stack is, sluice-stack says",
    "sluice-stripe-sim": "the simulated Stripe is for tests",
    "dynoxide-rs": "an emulator is for tests",
    "rusqlite": "a database engine is for the emulator",
    "ureq": "a second HTTP client",
}

# What the operations mustn't link beyond that: they print nothing, and ask nobody.
NEVER_IN_OPERATIONS = {
    "clap": "options are for sluice-cli to read",
    "anstream": "terminals are for sluice-cli to write to",
    "anstyle": "terminals are for sluice-cli to write to",
}

# One version of each at most: two are two stacks in one binary.
ONE_VERSION = ("rustls", "ring", "hyper", "tokio")

# Words that betray input or output, and why they are barred from pure code.
CLOCK = {r"\bSystemTime\b": "reads a clock", r"\bInstant\b": "reads a clock"}
IMPURE = CLOCK | {
    r"\bstd\s*::\s*env\b": "reads the environment",
    r"\bstd\s*::\s*fs\b": "reads files",
    r"\bstd\s*::\s*net\b": "uses the network",
    r"\btokio\s*::": "names the runtime",
    r"\b(?:use|extern\s+crate)\s+tokio\b": "names the runtime",
    r"\b(?:http|hyper|lambda_http|lambda_runtime)\s*::": "names HTTP or Lambda",
    r"\baws_[a-z_]+\s*::": "names AWS",
}


def room(package, root):
    """Where a package lives, as a path within the workspace: `functions/shared/kernel`."""
    folder = pathlib.PurePath(package["manifest_path"]).parent
    return folder.relative_to(root).as_posix()


def kind(path):
    """What a room is for: a shared crate's own name, `domain`, `function`, `infra`, `tests` or `model`."""
    if path.startswith("functions/shared/"):
        return path.rsplit("/", 1)[1]
    if path.startswith("functions/"):
        return "function" if path.rsplit("/", 1)[1] in NOT_DOMAINS else "domain"
    if path.startswith("infra/"):
        return "infra"
    return "model" if path == "tests/model" else "tests"


# What each kind may name for what it ships. A shared crate that isn't in this table may name the kernel.
MAY_NAME = {
    "kernel": set(),
    "stripe": {"kernel"},
    "adapters": {"kernel", "stripe"},
    "harness": {"kernel", "stripe"},
    "function": {"kernel", "stripe", "adapters"},
    "domain": {"kernel", "stripe", "adapters"},
    "domains": {"kernel", "domain"},
    # Which of the domains: see `domains_in_one_place`.
    "infra": {"kernel", "stripe", "adapters", "harness", "function", "domain", "domains", "infra"},
    "tests": {"kernel", "stripe", "adapters", "harness", "function", "domain", "domains", "infra"},
    # The model stands alone, so that it can't inherit a mistake from the code.
    "model": set(),
}


# What a program of infra/ or a test needs of a domain beyond the trait `Domain`, and so can't reach by the domain's name.
MAY_NAME_A_DOMAIN = {
    ("sluice-operations", "subscriptions"): "`access` reads a customer's access as its reader, `customer`, has it",
    ("sluice-tests", "subscriptions"): "the documented query is compared with the same reader",
}

# Tools of infra/ that the tests of functions are held against.
FOR_TESTS = {"sluice-stripe-sim", "sluice-effects"}


def names(packages, root):
    """Which crate of the workspace names which, in its manifest."""
    rooms = {package["name"]: room(package, root) for package in packages}
    for package in packages:
        own = kind(rooms[package["name"]])
        for dependency in package["dependencies"]:
            other = rooms.get(dependency["name"])
            if other is None or not dependency.get("path"):
                continue
            allowed = MAY_NAME.get(own, {"kernel"})
            if dependency["kind"] == "dev" and own != "model":
                allowed = allowed | {"harness"}
                # Tests are held against the simulated Stripe and the schemas of effects, and a crate may turn on a
                # feature of its own for them.
                if dependency["name"] in FOR_TESTS or other == rooms[package["name"]]:
                    continue
            if kind(other) not in allowed:
                section = "[dev-dependencies]" if dependency["kind"] == "dev" else "[dependencies]"
                place = f"{rooms[package['name']]}/Cargo.toml {section}"
                yield f"{place}: {own} may not name {dependency['name']} ({other})"


def domains_in_one_place(packages, root):
    """The domains' crates are named by `sluice-domains` alone: a list of domains anywhere else would be one more to extend."""
    rooms = {package["name"]: room(package, root) for package in packages}
    used = set()
    for package in packages:
        if kind(rooms[package["name"]]) not in ("infra", "tests"):
            continue
        for dependency in package["dependencies"]:
            pair = (package["name"], dependency["name"])
            other = rooms.get(dependency["name"])
            if other is None or not dependency.get("path") or kind(other) != "domain":
                continue
            used.add(pair)
            if pair not in MAY_NAME_A_DOMAIN:
                place = f"{rooms[package['name']]}/Cargo.toml"
                yield f"{place}: only sluice-domains may name {dependency['name']}; visit it by its name"
    for name, domain in sorted(set(MAY_NAME_A_DOMAIN) - used):
        if name in rooms:
            yield f"{rooms[name]}/Cargo.toml: it no longer names {domain}: take the exception out of directions.py"


def kernel_dependencies(packages, root):
    """The kernel's few, pure dependencies."""
    for package in packages:
        if kind(room(package, root)) != "kernel":
            continue
        for dependency in package["dependencies"]:
            if dependency["kind"] != "dev" and dependency["name"] not in KERNEL_MAY_DEPEND_ON:
                yield f"{room(package, root)}/Cargo.toml: the kernel may not depend on {dependency['name']}"


def functions(packages, root):
    """The packages that AWS runs."""
    return [package for package in packages if kind(room(package, root)) in ("function", "domain")]


def linked(metadata, package_id):
    """The packages linked into a package's binary: along normal dependencies, not through procedural macros."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    by_id = {package["id"]: package for package in metadata["packages"]}
    seen, rest = set(), [package_id]
    while rest:
        current = rest.pop()
        if current in seen:
            continue
        seen.add(current)
        if any("proc-macro" in target["kind"] for target in by_id[current]["targets"]):
            seen.discard(current)
            continue
        for dependency in nodes[current]["deps"]:
            if any(dep_kind["kind"] is None for dep_kind in dependency["dep_kinds"]):
                rest.append(dependency["pkg"])
    return [by_id[one] for one in seen]


def function_trees(metadata, packages, root):
    """What a function must not link, and what it may link only once."""
    for package in functions(packages, root):
        tree = linked(metadata, package["id"])
        for found in sorted({one["name"] for one in tree}):
            if found in NEVER_IN_A_FUNCTION:
                how = f"cargo tree -p {package['name']} -e normal -i {found}"
                yield f"{package['name']} links {found} ({NEVER_IN_A_FUNCTION[found]}): see `{how}`"
        for name in ONE_VERSION:
            versions = sorted({one["version"] for one in tree if one["name"] == name})
            if len(versions) > 1:
                yield f"{package['name']} links {name} more than once: {', '.join(versions)}"


def operators_trees(metadata, packages, root):
    """What the operator's program and its library must not link."""
    rules = {
        "sluice-cli": NEVER_IN_AN_OPERATORS_PROGRAM,
        "sluice-console": NEVER_IN_AN_OPERATORS_PROGRAM | NEVER_IN_OPERATIONS,
        "sluice-operations": NEVER_IN_AN_OPERATORS_PROGRAM | NEVER_IN_OPERATIONS,
    }
    for package in packages:
        never = rules.get(package["name"])
        if never is None:
            continue
        names = {one["name"] for one in linked(metadata, package["id"])}
        for found in sorted(names & set(never)):
            how = f"cargo tree -p {package['name']} -e normal -i {found}"
            yield f"{package['name']} links {found} ({never[found]}): see `{how}`"


def console_through_operations(packages, root):
    """The console names the operations alone: no table is read in two ways, and no action exists that the program lacks."""
    members = {package["name"] for package in packages}
    for package in packages:
        if package["name"] != "sluice-console":
            continue
        for dependency in package["dependencies"]:
            name = dependency["name"]
            is_other = name in members and name != "sluice-operations"
            if dependency["kind"] != "dev" and (is_other or name.startswith(("aws-", "aws_"))):
                yield f"{room(package, root)}/Cargo.toml: the console may not name {name}; the operations have what it shows"


def code_of(source):
    """Rust source without comments, text and its trailing test module, line for line as it was."""
    # Raw strings, strings, character literals (not lifetimes), block and line comments.
    token = re.compile(
        r'r(#*)".*?"\1|"(?:\\.|[^"\\])*"' + r"|'(?:\\.|[^'\\])'" + r"|/\*.*?\*/|//[^\n]*",
        re.DOTALL,
    )

    def blank(match):
        return '""' + "\n" * match.group().count("\n")

    code = token.sub(blank, source)
    # By this project's convention the test module is a file's last item.
    return re.split(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod\s+\w+\s*\{", code)[0]


def is_test_file(path, sources):
    """Whether a file is the body of a `#[cfg(test)] mod name;`, or lies below one."""
    for module in (path, *path.parents):
        if module == sources:
            return False
        for parent in (module.parent / "mod.rs", module.parent.with_suffix(".rs"), sources / "lib.rs"):
            if (
                parent.is_file()
                and parent != path
                and re.search(
                    rf"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\(\w+\))?\s+)?mod\s+{module.stem}\s*;",
                    parent.read_text(encoding="utf-8"),
                )
            ):
                return True
    return False


def offences(folder, patterns, *, skip=()):
    """Each place below `folder` where code that isn't a test matches one of the patterns."""
    for path in sorted(folder.rglob("*.rs")):
        if path.name in skip or is_test_file(path, folder):
            continue
        for number, line in enumerate(code_of(path.read_text(encoding="utf-8")).split("\n"), 1):
            for reason in dict.fromkeys(why for pattern, why in patterns.items() if re.search(pattern, line)):
                yield path, number, reason


def adapters_in_main_only(packages, root):
    """A function's library runs on any ports; only its `main.rs` chooses AWS."""
    for package in functions(packages, root):
        pattern = {r"\bsluice_adapters\b": "only main.rs may name the adapters"}
        folder = root / room(package, root) / "src"
        for path, number, reason in offences(folder, pattern, skip=("main.rs",)):
            yield f"{path.relative_to(root)}:{number}: {reason}"


def purity(packages, root):
    """The kernel and the domains compute; they don't look at the world. Stripe's crate gets the time as an argument."""
    for package in packages:
        place = room(package, root)
        own = kind(place)
        if own in ("kernel", "domain"):
            patterns = IMPURE
        elif own == "stripe":
            patterns = CLOCK
        else:
            continue
        for path, number, reason in offences(root / place / "src", patterns, skip=("main.rs",)):
            yield f"{path.relative_to(root)}:{number}: {reason}, which {place} may not"


def breaches(metadata):
    """Every breach of every rule, as one line each."""
    root = pathlib.Path(metadata["workspace_root"])
    members = set(metadata["workspace_members"])
    packages = [package for package in metadata["packages"] if package["id"] in members]
    return [
        *names(packages, root),
        *domains_in_one_place(packages, root),
        *kernel_dependencies(packages, root),
        *adapters_in_main_only(packages, root),
        *purity(packages, root),
        *function_trees(metadata, packages, root),
        *operators_trees(metadata, packages, root),
        *console_through_operations(packages, root),
    ]


def main():
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM]
    answer = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=False)
    if answer.returncode != 0:
        raise SystemExit("directions: `cargo metadata --locked` failed; its reason is above")
    found = breaches(json.loads(answer.stdout))
    for breach in found:
        print(breach, file=sys.stderr)
    if found:
        raise SystemExit(
            f"directions: {len(found)} breach(es); the rules and their reasons are in {pathlib.Path(__file__).name}"
        )
    print("directions: hold")


if __name__ == "__main__":
    main()
