"""Finds the generated regions of files, and puts what they are to have between their marks."""

import os
import re
from pathlib import Path

from domains import domains
from regions import texts, values
from text import Refused, expand

BEGIN = re.compile(r"^ *(?:#|//|<!--) --- generated: (\S+) \(make generate\) ---(?: -->)?$")
END = re.compile(r"^ *(?:#|//|<!--) --- end of generated ---(?: -->)?$")

# Folders that aren't the project's own: what is built or fetched.
NOT_SOURCES = {".git", ".venv", ".aws-sam", "target", "node_modules", "__pycache__"}

# What somebody has meant as a mark.
LIKE_A_MARK = re.compile(r"^ *(?:#|//|<!--) ?-+[^-]*\bgenerated\b", re.IGNORECASE)


def changed(root):
    """The regions that have other lines than they are to have: (file, region) → the right ones."""
    given = values(domains(root))
    found = {}
    for name, wanted in texts().items():
        content = (root / name).read_text(encoding="utf-8")
        there = regions(name, content)
        for region in there:
            if region not in wanted:
                raise Refused(f"{name}: {region} is no region that is generated")
        for region, text in wanted.items():
            if region not in there:
                raise Refused(f"{name}: the region {region} has no marks")
            try:
                right = expand(text, given).splitlines()
            except Refused as refused:
                raise Refused(f"the text of {region} for {name}: {refused}") from refused
            if there[region] != right:
                found[name, region] = right
    return found


def regions(name, content):
    """The lines of each region of a file."""
    found, region = {}, None
    for number, line in enumerate(content.splitlines(), 1):
        if begin := BEGIN.match(line):
            if region is not None:
                raise Refused(f"{name}:{number}: {region} has no end before {begin[1]} begins")
            if begin[1] in found:
                raise Refused(f"{name}:{number}: {begin[1]} is there twice")
            region = begin[1]
            found[region] = []
        elif END.match(line):
            if region is None:
                raise Refused(f"{name}:{number}: an end, and no region has begun")
            region = None
        elif LIKE_A_MARK.match(line):
            raise Refused(f"{name}:{number}: a mark that can't be read: {line.strip()}")
        elif region is not None:
            found[region].append(line)
    if region is not None:
        raise Refused(f"{name}: {region} has no end")
    return found


def write(root, changes):
    """Puts the right lines between the marks of the changed regions."""
    for name in sorted({name for name, _ in changes}):
        path = root / name
        out, skipping = [], False
        for line in path.read_text(encoding="utf-8").splitlines():
            if END.match(line):
                skipping = False
            if not skipping:
                out.append(line)
            begin = BEGIN.match(line)
            if begin and (name, begin[1]) in changes:
                out += changes[name, begin[1]]
                skipping = True
        path.write_text("".join(f"{line}\n" for line in out), encoding="utf-8")


def sources(root):
    """The project's files, as paths from its root."""
    for folder, inside, names in os.walk(root):
        inside[:] = [one for one in inside if one not in NOT_SOURCES]
        for name in names:
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix()
