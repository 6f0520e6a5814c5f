#!/usr/bin/env python3
"""Puts together what would be uploaded of each contestant, as ZIP files, so that their sizes can be compared:

    infra/lab/bench/package.py target/bench INGEST PAYMENTS

A Python function's package has the peer's file and the packages that it imports, boto3 included, as AWS advises; the
runtime client is Lambda's own. Made again only if a part has changed. Runs in .venv/bench; what isn't there is left out.
"""

import importlib.metadata
import pathlib
import re
import sys
import zipfile

# The peer's file, and the packages that it imports.
PYTHON = {
    "python": ("webhook.py", ["aws-lambda-powertools", "boto3", "stripe"]),
    "python-plain": ("webhook_plain.py", ["boto3"]),
    "python-batch": ("consumer.py", ["aws-lambda-powertools", "boto3"]),
}


def closure(names):
    """The packages of these names, and all that they need."""
    found, rest = {}, list(names)
    while rest:
        name = rest.pop()
        if name in found:
            continue
        found[name] = package = importlib.metadata.distribution(name)
        for requirement in package.requires or []:
            # What an extra asks for isn't installed.
            if "extra ==" not in requirement:
                name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
                rest.append(re.sub(r"[-_.]+", "-", name).lower())
    return found.values()


def python_files(folder, peer, names):
    """(path in the package, file) of a Python function."""
    yield peer, folder / "python" / peer
    for package in closure(names):
        for file in package.files or []:
            # Scripts are beside the packages, and compiled files are made again.
            if ".." not in file.parts and file.suffix != ".pyc":
                yield str(file), pathlib.Path(file.locate())


def write(archive, files):
    files = [(name, file) for name, file in files if file.is_file()]
    if not files:
        return
    newest = max(file.stat().st_mtime for _, file in files)
    if archive.exists() and archive.stat().st_mtime > newest:
        return
    part = archive.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as to:
        for name, file in sorted(files):
            to.write(file, name)
    part.rename(archive)


def main():
    folder, ingest, payments = (pathlib.Path(argument) for argument in sys.argv[1:4])
    write(folder / "ours.zip", [("bootstrap", ingest)])
    write(folder / "payments.zip", [("bootstrap", payments)])
    for name in ("naive", "trimmed", "floor"):
        write(folder / f"{name}.zip", [("bootstrap", folder / name / "release" / name)])
    write(folder / "node.zip", [("index.mjs", folder / "node/function/index.mjs")])
    for name, (peer, packages) in PYTHON.items():
        write(folder / f"{name}.zip", python_files(folder, peer, packages))


if __name__ == "__main__":
    main()
