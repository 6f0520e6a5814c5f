"""Makes a release's archives of what has been built: `make release` runs it.

    python3 infra/deploy/release.py --arch arm64|x86_64 [--tag v1.2.3] [--profile release|debug] [--to FOLDER]

On Linux, in target/release-archives unless `--to` names another folder:

    sluice-functions-<version>-<arch>.zip        what `make deploy RELEASE=` deploys: each function, and the templates
    sluice-<version>-linux-<arch>.tar.gz         the operator's program
    sluice-try-<version>-linux-<arch>.tar.gz     Sluice on a machine without Rust (infra/local/trial/README.md)
    sluice-<version>.cdx.json                    the bill of materials (sbom.py)
    SHA256SUMS, notes.md                         of all of them; and the version's section of CHANGELOG.md, if there is a tag

On macOS the operator's program alone. The same files give archives of the same bytes: no time, user or order of a folder is
in them.

With `--tag` it is a release, and refused unless the tag is the version in Cargo.toml and CHANGELOG.md has a section for it.
`--profile debug` takes what `cargo build` made for this machine, stripped, and builds what is missing: CI tries the archives
with them, in seconds (`try_release.py`).

Python 3.10, no packages. `infra/deploy/test_release.py` shows the refusals.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import sbom
from archives import Refused, write_sums, write_tar, write_zip

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ("template.yaml", "functions/notify/template.yaml")
MANIFEST = "release.json"
LICENCES = ("LICENSE", "LICENSE-APACHE", "LICENSE-MIT")
# What others wrote of the console's pages, which are in the operator's program.
NOTICES = "NOTICES"
# What isn't the same file in the trial as in the repository.
TRIAL = {"run": "infra/local/trial/run", "README.md": "infra/local/trial/README.md"}
TRIAL_TOOLS = ("infra/setup/setup.sh", "infra/setup/local.txt")
SAMPLES = "tests/events/stripe"
# By this variable development builds find faults to make; a release doesn't know it.
FAULTS_VARIABLE = b"SLUICE_FAULTS_FILE"

MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def own_version(root):
    """The version in Cargo.toml."""
    workspace = (root / "Cargo.toml").read_text(encoding="utf-8").split("[workspace.package]", 1)[1].split("\n[", 1)[0]
    return re.search(r'^version = "(.*)"$', workspace, re.MULTILINE)[1]


def repository(root):
    """The repository's address in Cargo.toml, if it has one: https://github.com/<owner>/<repository>."""
    workspace = (root / "Cargo.toml").read_text(encoding="utf-8").split("[workspace.package]", 1)[1].split("\n[", 1)[0]
    found = re.search(r'^repository = "(.*)"$', workspace, re.MULTILINE)
    return found[1].rstrip("/") if found else None


def functions_archive(version, arch):
    return f"sluice-functions-{version}-{arch}.zip"


def changes(root, version):
    """The version's section of CHANGELOG.md, without its heading."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        if re.match(rf"\[?v?{re.escape(version)}\]?(\s|$)", heading) and body.strip():
            return body.strip() + "\n"
    raise Refused(f"CHANGELOG.md has no section of version {version}: what is under Unreleased is to be `## {version}`")


def judge_tag(root, tag):
    """Refuses a tag that isn't the version's, or a version whose changes aren't written down; its section else."""
    version = own_version(root)
    if tag != f"v{version}":
        raise Refused(f"the tag is {tag}, and the version in Cargo.toml is {version}: its tag is v{version}")
    return changes(root, version)


def functions(root):
    """The names of what AWS runs: every crate directly under functions/."""
    return sorted(one.parent.name for one in (root / "functions").glob("*/Cargo.toml"))


def program(path):
    """A program's content, and that it is one."""
    if not path.is_file():
        raise Refused(f"{path} isn't built")
    return path.read_bytes(), True


def text(path):
    return path.read_bytes(), os.access(path, os.X_OK)


def manifest(version, arch, commit, compiler):
    """What the functions' archive says of itself."""
    said = {"version": version, "arch": arch, "commit": commit, "compiler": compiler}
    return (json.dumps(said, indent=1) + "\n").encode(), False


def functions_entries(root, codes, said):
    """The files of the functions' archive. `codes`: binary → content."""
    entries = {f"functions/{name}/bootstrap": (code, True) for name, code in codes.items()}
    return entries | {place: text(root / place) for place in TEMPLATES} | {MANIFEST: said}


def notices(root):
    """Who wrote the files of others that are in the operator's program, and by which licence: each with its text."""
    texts = {}
    for row in sbom.vendored(root):
        licence = (root / sbom.ASSETS / f"{row['file'].split('.')[0]}.LICENSE").read_text(encoding="utf-8").strip()
        heading = f"{row['name']} {row['version']} ({row['licence']}), from {row['source'].split(' ')[0]}"
        texts.setdefault((heading, licence), []).append(row["file"])
    parts = ["The pages of `sluice console` hold files that others wrote. They are compiled into the program `sluice`.\n"]
    parts += [f"{heading}: {', '.join(files)}\n\n{licence}\n" for (heading, licence), files in texts.items()]
    return "\n----\n\n".join(parts).encode()


def program_entries(root, content):
    """The files of the operator's program's archive."""
    entries = {name: text(root / name) for name in LICENCES}
    return entries | {"sluice": (content, True), NOTICES: (notices(root), False)}


def trial_entries(root, codes, programs):
    """The files of the trial. `programs`: name → content."""
    entries = {f"functions/{name}/bootstrap": (code, True) for name, code in codes.items() if name != "notify"}
    entries |= {name: (content, True) for name, content in programs.items()}
    entries |= {name: text(root / place) for name, place in TRIAL.items()}
    places = ["template.yaml", *TRIAL_TOOLS, *LICENCES]
    places += sorted(str(one.relative_to(root)) for one in (root / SAMPLES).glob("*.json"))
    return entries | {place: text(root / place) for place in places} | {NOTICES: (notices(root), False)}


def said_by(*command):
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def built(profile, arch, names):
    """Where the programs of these names are: name → path. Those of the debug profile are built if they aren't."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    if profile == "debug":
        wanted = [argument for name in names for argument in ("--bin", name)]
        cargo = os.environ.get("CARGO", "cargo")
        subprocess.run([cargo, "build", "--quiet", "--locked", "--workspace", *wanted], cwd=ROOT, check=True)
        return {name: target / "debug" / name for name in names}
    if platform.system() == "Darwin":
        return {name: target / f"{MACHINES[arch]}-apple-darwin" / "release" / name for name in names}
    return {name: target / "lambda" / name / "bootstrap" for name in names}


def read_all(paths, is_stripped):
    """Name → content, stripped if asked for: a release's are, by its profile."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="sluice-strip-") as scratch:
        for name, path in paths.items():
            if is_stripped and path.is_file():
                path = Path(shutil.copy(path, Path(scratch) / name))
                subprocess.run(["strip", path], check=False)
            found[name] = program(path)[0]
    return found


def make(options, to):
    version = own_version(ROOT)
    notes = judge_tag(ROOT, options.tag) if options.tag else None
    system = "macos" if platform.system() == "Darwin" else "linux"
    is_debug = options.profile == "debug"
    if is_debug and options.tag:
        raise Refused("a release is no development build")
    names = functions(ROOT) if system == "linux" else []
    programs = ["sluice", "sluice-local"] if system == "linux" else ["sluice"]
    found = read_all(built(options.profile, options.arch, names + programs), is_debug)
    faulty = [name for name in names if FAULTS_VARIABLE in found[name] and not is_debug]
    if faulty:
        raise Refused(f"{', '.join(faulty)}: takes faults by rule, which only development builds may")

    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    place = f"{version}-{system}-{options.arch}"
    # Development builds are large, and their archives go away again.
    level = 1 if is_debug else 9
    entries = program_entries(ROOT, found["sluice"])
    write_tar(to / f"sluice-{place}.tar.gz", f"sluice-{place}", entries, level)
    if system == "linux":
        codes = {name: found[name] for name in names}
        said = manifest(version, options.arch, said_by("git", "rev-parse", "HEAD"), said_by("rustc", "--version"))
        write_zip(to / functions_archive(version, options.arch), functions_entries(ROOT, codes, said), level)
        tools = {name: found[name] for name in programs}
        write_tar(to / f"sluice-try-{place}.tar.gz", f"sluice-try-{place}", trial_entries(ROOT, codes, tools), level)
        bill = json.dumps(sbom.bill(), indent=1) + "\n"
        (to / f"sluice-{version}.cdx.json").write_text(bill, encoding="utf-8")
    write_sums(to)
    if notes:
        (to / "notes.md").write_text(notes, encoding="utf-8")
    for path in sorted(to.glob("sluice-*")):
        print(f"{path.stat().st_size:>12}  {path}")
    if not options.tag:
        print(f"release: no release, since there is no TAG; one of this version is TAG=v{version}")


def main(arguments):
    reader = argparse.ArgumentParser(prog="release.py")
    reader.add_argument("--arch", choices=sorted(MACHINES), required=True)
    reader.add_argument("--tag")
    reader.add_argument("--check", action="store_true", help="judge the tag alone")
    reader.add_argument("--profile", choices=["release", "debug"], default="release")
    reader.add_argument("--to", type=Path, default=ROOT / "target/release-archives")
    options = reader.parse_args(arguments)
    if options.check:
        if options.tag:
            judge_tag(ROOT, options.tag)
        return
    make(options, options.to)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refused as refused:
        sys.exit(f"release: {refused}")
