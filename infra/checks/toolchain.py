#!/usr/bin/env python3
"""Says where the compiler here differs from the one that releases are made with (`.github/rust-toolchain.toml`).

On a machine of yours that is a note: any from `rust-version` of Cargo.toml on will do. In GitHub's workflows it is an error,
and everywhere it is one if the pinned compiler is older than `rust-version`.

Python 3.10, no packages. `infra/checks/test_toolchain.py` shows each answer.
"""

import os
import pathlib
import re
import subprocess
import sys

PIN = ".github/rust-toolchain.toml"


def one_of(path, pattern):
    """The one version that a file has in this place."""
    found = re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    if len(found) != 1:
        sys.exit(f"{path}: there have to be one version like 1.2.3, and are {len(found)}")
    return found[0]


def number(version):
    return [int(part) for part in version.split(".")]


def judge(root, running, is_github):
    """(whether it is well, a sentence or nothing), for what `rustc --version` says."""
    pinned = one_of(root / PIN, r'^channel = "(\d+\.\d+\.\d+)"$')
    least = one_of(root / "Cargo.toml", r'^rust-version = "(\d+\.\d+\.\d+)"$')
    if number(pinned) < number(least):
        return False, f"{PIN} pins {pinned}, and Cargo.toml asks for {least} at least"
    if running.split()[1] != pinned:
        return not is_github, f"this is {running.strip()}; releases are made with {pinned} ({PIN})"
    return True, ""


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    running = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    is_well, sentence = judge(root, running, os.environ.get("GITHUB_ACTIONS") == "true")
    if sentence:
        print(f"{'note' if is_well else 'error'}: {sentence}")
    return not is_well


if __name__ == "__main__":
    sys.exit(main())
