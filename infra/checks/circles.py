#!/usr/bin/env python3
"""Checks that no circle is between the modules of a crate, in any crate of the workspace.

What is judged: each root below a package's `src` (`lib.rs`, `main.rs`, `bin/`) without its tests.

- A module and all below it are one node. At each level the modules that one file declares must not form a circle: `a` names
  an item of `b`, and `b` one of `a`. A private module that names its own parent's items is a part of the parent, and no
  circle; the rule holds for its siblings.
- The root stands above all modules. It declares them, so a module that names an item of the root itself is a circle, of two.
- A name is followed through re-exports (`pub use`, and what a parent has imported) to the module that has the item. So a root
  that re-exports its modules' items is no circle by itself.
- What `include_str!` and `include_bytes!` read is named too. A file that lies in the folder of a module belongs to that module.
  One that lies in the folder of another crate may be read only by crates that name that crate in their manifest: else Cargo
  doesn't know of the dependency, and it may run against the direction of those that it knows. `FREE` lists data in a crate's folder that is
  free. This holds for a crate's tests as well.

Paths that begin with `crate`, `super`, `self` or a module that the file declares are read, in `use` and in code. What macros
compose isn't.

Run `infra/checks/circles.py` from anywhere; it exits with 1 and the places that make up each circle. Python 3.10, no packages.
`infra/checks/test_circles.py` shows that each rule can fail.
"""

import collections
import pathlib
import re
import sys

import directions

# Data that lies in a crate's folder and belongs to none.
FREE = ("tests/events/",)

# Circles that are there for now: a package's folder, a group of it (`` for the root), its modules, and why. None.
KNOWN = {}

MODULE = re.compile(r"\bmod\s+(\w+)\s*([;{])")
USE = re.compile(r"\buse\s+((?:::)?[\w{*][^;]*);")
PATH = re.compile(r"(?<![\w:])(?:::)?[a-z_]\w*(?:\s*::\s*\w+)+")
TESTS_ONLY = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:use|mod)\s[^;{]*(?:\{[^;]*\})?;")
INCLUDE = re.compile(r'\binclude_(?:str|bytes)!\(\s*(concat!\(\s*)?"([^"]*)"')
ITEM = r"\b(?:fn|struct|enum|union|trait|type|const|static|macro_rules!)\s+{}\b"


class Module:
    """A module: its place in the crate, its file, its code line for line, and what it declares and imports."""

    def __init__(self, path, file, code, first_line=1):
        self.path, self.file, self.first_line = path, file, first_line
        self.modules = {}
        # Modules within the file have nodes of their own: their text is taken out.
        rest, position = [], 0
        self.inline = []
        for match in MODULE.finditer(code):
            if match.start() < position:
                continue
            if match[2] == ";":
                self.modules[match[1]] = None
                continue
            end = closing(code, match.end() - 1)
            body = code[match.end() : end - 1]
            self.inline.append((match[1], body, first_line + code.count("\n", 0, match.end())))
            rest += [code[position : match.start()], "\n" * code.count("\n", match.start(), end)]
            position = end
            self.modules[match[1]] = None
        self.code = "".join([*rest, code[position:]])
        self.imports, self.globs, self.named = {}, [], []

    def line(self, position):
        return self.first_line + self.code.count("\n", 0, position)


def closing(code, opening):
    """The position behind the brace that closes the one at `opening`."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
    return len(code)


def leaves(tree, before=()):
    """The paths of a `use`, each with the name that it has here (`*` for all)."""
    tree = tree.strip()
    if tree.endswith("}"):
        head, _, inner = tree[:-1].partition("{")
        before = (*before, *[part.strip() for part in head.split("::") if part.strip()])
        depth, part = 0, ""
        for sign in inner + ",":
            if sign == "," and depth == 0:
                if part.strip():
                    yield from leaves(part, before)
                part = ""
                continue
            depth += (sign == "{") - (sign == "}")
            part += sign
        return
    path, _, name = re.sub(r"\s+", " ", tree).partition(" as ")
    path = [*before, *[part.strip() for part in path.split("::") if part.strip()]]
    if path[-1] == "self" and len(path) > 1:
        path.pop()
    yield path, name.strip() or path[-1]


class Crate:
    """The modules of one root file."""

    def __init__(self, root_file):
        self.modules = {}
        self.read((), root_file, root_file.parent)
        for module in self.modules.values():
            self.names_of(module)

    def read(self, path, file, folder):
        code = TESTS_ONLY.sub(lambda match: "\n" * match[0].count("\n"), directions.code_of(file.read_text(encoding="utf-8")))
        # Who may see an item says nothing of what is used.
        self.add(Module(path, file, re.sub(r"\bpub\s*\([^)]*\)", "pub", code)), folder)

    def add(self, module, folder):
        self.modules[module.path] = module
        for name, body, line in module.inline:
            self.add(Module((*module.path, name), module.file, body, line), folder / name)
        for name in module.modules:
            path = (*module.path, name)
            for file in (folder / f"{name}.rs", folder / name / "mod.rs"):
                if path not in self.modules and file.is_file():
                    self.read(path, file, folder / name)

    def names_of(self, module):
        """What a module imports, and all the paths that it names, with their lines."""
        spans = []
        for match in USE.finditer(module.code):
            spans.append(match.span())
            for path, name in leaves(match[1]):
                if name == "*":
                    module.globs.append(path[:-1])
                else:
                    module.imports[name] = path
                module.named.append((path, module.line(match.start())))
        for match in PATH.finditer(module.code):
            if not any(start <= match.start() < end for start, end in spans):
                module.named.append((re.split(r"\s*::\s*", match[0]), module.line(match.start())))

    def origin(self, module, path, seen=()):
        """The module that has what a path names as seen from a module; None if it isn't this crate's."""
        here, rest = module.path, list(path)
        if rest[0] == "crate":
            here, rest = (), rest[1:]
        elif rest[0] in ("super", "self"):
            while rest and rest[0] in ("super", "self"):
                here, rest = here[:-1] if rest[0] == "super" else here, rest[1:]
        elif rest[0] not in module.modules:
            return None
        while rest and (*here, rest[0]) in self.modules:
            here, rest = (*here, rest[0]), rest[1:]
        if here not in self.modules:
            return None
        found = self.modules[here]
        if not rest or rest[0] == "*" or (here, rest[0]) in seen or re.search(ITEM.format(re.escape(rest[0])), found.code):
            return here
        seen = (*seen, (here, rest[0]))
        # An exported macro is named at the root, wherever it is.
        macro = re.compile(rf"#\[macro_export\]\s*macro_rules!\s+{re.escape(rest[0])}\b")
        if here == ():
            exported = [path for path, other in self.modules.items() if macro.search(other.code)]
            if exported:
                return exported[0]
        # What it has imported or re-exports is another's: of this crate, or of none.
        if rest[0] in found.imports:
            if found.imports[rest[0]] == list(path) and found is module:
                return None
            return self.origin(found, [*found.imports[rest[0]], *rest[1:]], seen)
        for glob in found.globs:
            origin = self.origin(found, [*glob, *rest], seen)
            if origin is not None and origin != here and re.search(ITEM.format(re.escape(rest[0])), self.modules[origin].code):
                return origin
        return here

    def edges(self):
        """(group, from, to) → the first place that makes it so; a group is a module, `to` "" the root itself."""
        found = {}
        for module in self.modules.values():
            places = [(self.origin(module, path), line, "::".join(path)) for path, line in module.named]
            places += [(self.owner(file), line, f"includes {file.name}") for file, line in includes(module.file)]
            for target, line, what in places:
                if target is None or target == module.path:
                    continue
                common = 0
                while common < min(len(module.path), len(target)) and module.path[common] == target[common]:
                    common += 1
                one = module.path[common] if common < len(module.path) else ""
                other = target[common] if common < len(target) else ""
                # Between a module and its own parts, the root alone counts.
                if (one and other) or common == 0:
                    found.setdefault((target[:common], one, other), (module.file, line, what))
        # The root declares its modules.
        root = self.modules[()]
        for name in root.modules:
            found.setdefault(((), "", name), (root.file, 1, f"declares {name}"))
        return found

    def owner(self, file):
        """The deepest module whose folder a file lies in."""
        best = None
        for path, module in self.modules.items():
            folder = module.file.parent if module.file.stem in ("lib", "main", "mod") else module.file.with_suffix("")
            if path and folder in file.parents and (best is None or len(path) > len(best)):
                best = path
        return best


def includes(file):
    """The files that a file includes, each with its line."""
    text = file.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        # Within a comment it isn't said.
        if not text[: match.start()].rpartition("\n")[2].lstrip().startswith("//"):
            # A composed name begins with the folder.
            name = match[2] + ("*" if match[1] else "")
            yield (file.parent / name).resolve(), line


def circles(edges):
    """The sets of names that reach each other, each with the edges within it."""
    next_of = collections.defaultdict(set)
    for one, other in edges:
        next_of[one].add(other)

    def reached(start):
        seen, rest = set(), [start]
        while rest:
            for other in next_of[rest.pop()] - seen:
                seen.add(other)
                rest.append(other)
        return seen

    reach = {name: reached(name) for name in list(next_of)}
    done = set()
    for name in sorted(reach):
        if name in done or name not in reach[name]:
            continue
        circle = {other for other in reach[name] if name in reach.get(other, ())}
        done |= circle
        yield sorted(circle), sorted((one, other) for one, other in edges if {one, other} <= circle)


def packages(root):
    """The folders of the workspace's packages."""
    members = re.search(r"^members = \[(.*?)\]", (root / "Cargo.toml").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [root / name for name in re.findall(r'"([^"]+)"', members[1])]


def roots(package):
    """The root files of a package's crates, tests left out."""
    source = package / "src"
    return [file for file in (source / "lib.rs", source / "main.rs", *sorted(source.glob("bin/*.rs"))) if file.is_file()]


def circles_in(root, package):
    """Each circle of a package, unless it is known; and what is known and isn't there any more."""
    place = package.relative_to(root).as_posix()
    found = set()
    for root_file in roots(package):
        by_group = collections.defaultdict(dict)
        for (group, one, other), where in Crate(root_file).edges().items():
            by_group[group][one, other] = where
        for group, edges in sorted(by_group.items()):
            for names, within in circles(edges):
                key = (place, "::".join(group), " ".join(name or root_file.name for name in names))
                found.add(key)
                if key in KNOWN:
                    continue
                yield f"{place}: a circle in {key[1] or root_file.name}: {', '.join(key[2].split())}"
                for one, other in within:
                    file, line, what = edges[one, other]
                    yield (
                        f"  {one or root_file.stem} → {other or root_file.stem}: "
                        f"{file.relative_to(root).as_posix()}:{line} ({what})"
                    )
    for key in sorted(KNOWN):
        if key[0] == place and key not in found:
            yield f"{place}: {key[1] or 'the root'} has no circle of {key[2]}: take it out of circles.py"


def foreign_files(root, package):
    """Files of another crate's folder that a package reads without naming that crate."""
    manifest = (package / "Cargo.toml").read_text(encoding="utf-8")
    folders = sorted(packages(root), key=lambda folder: -len(folder.parts))
    for path in sorted(package.rglob("*.rs")):
        inner = next((folder for folder in folders if folder in path.parents), None)
        if "target" in path.relative_to(root).parts or inner != package:
            continue
        for file, line in includes(path):
            other = next((folder for folder in folders if folder in file.parents), package)
            if other == package or file.as_posix().startswith(tuple((root / free).as_posix() for free in FREE)):
                continue
            name = re.search(r'^name = "([^"]+)"', (other / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
            if not re.search(rf"^{re.escape(name)}\b", manifest, re.MULTILINE):
                yield (
                    f"{path.relative_to(root).as_posix()}:{line}: reads {file.relative_to(root).as_posix()}, "
                    f"which belongs to {name}; its manifest doesn't name that"
                )


def breaches(root):
    """All circles and foreign files, in lines."""
    for package in packages(root):
        yield from circles_in(root, package)
        yield from foreign_files(root, package)
    places = {package.relative_to(root).as_posix() for package in packages(root)}
    for place in sorted({key[0] for key in KNOWN} - places):
        yield f"{place}: no package of the workspace: take its circles out of circles.py"


def main():
    found = list(breaches(pathlib.Path(__file__).resolve().parents[2]))
    for line in found:
        print(line, file=sys.stderr)
    if found:
        raise SystemExit("circles: the rules and their reasons are in circles.py")
    print("circles: none")


if __name__ == "__main__":
    main()
