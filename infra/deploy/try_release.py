"""Tries a release's archives as a user who downloads them: on a PATH without Rust.

    .venv/lint/bin/python infra/deploy/try_release.py [FOLDER]

The archives are those of the folder, or made of development builds (`release.py --profile debug`), which takes seconds where
`make test` has run.

1. The trial is unpacked into an empty folder and run there: it installs the local AWS, deploys, posts the sample's traffic, and
   has to end with status 0, the table, and no object other than Stripe has it. Once more, it has its Python packages already.
2. The functions' archive is laid and judged for a stage, against a local AWS, as far as `make deploy RELEASE=` goes before it
   calls SAM. A byte is changed in a copy: that one has to be refused.

What it doesn't show: SAM's own part (`make rehearse` does), and what GitHub does (infra/docs/releasing.md).
"""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

import release
from archives import SUMS
from rehearse import REGION, free_port, start

ROOT = Path(__file__).resolve().parents[2]

# All that the trial calls. Whatever else a machine has, it isn't found.
TRIAL_NEEDS = ("sh", "cat", "cmp", "cp", "dirname", "grep", "kill", "mkdir", "rm", "sleep")
# And what `make deploy RELEASE=` calls.
DEPLOY_NEEDS = ("make", "sed", "awk", "printf", "test", "env")

# How long the trial may take, in seconds; most of it is PyPI's.
TRIAL_MAX_S = 300


def expect(is_so, what, said=""):
    if not is_so:
        sys.exit(f"{said}\ntry_release: this isn't so: {what}")


def machine():
    return "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def path_of(folder, names):
    """A folder with these programs, and Python: for PATH."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        expect(found, f"this machine has {name}")
        (folder / name).symlink_to(found)
    (folder / "python3").symlink_to(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    for name in ("cargo", "rustc", "rustup"):
        expect(not shutil.which(name, path=str(folder)), f"there is no {name} on this PATH")
    return folder


def environment(folder):
    """Next to nothing: how this machine reaches PyPI, and where things are."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in ("HOME", "LANG")}
    return kept | {"PATH": str(folder), "TMPDIR": tempfile.gettempdir()}


def run(command, env, **options):
    done = subprocess.run(
        command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options
    )
    return done.returncode, done.stdout


def shown(folder, env, scratch):
    """Runs the trial to its end; what it said, and the seconds that it took."""
    began = time.monotonic()
    command = [folder / "run", "run", "--once", "--port", str(free_port())]
    status, said = run(command, env, cwd=scratch, timeout=TRIAL_MAX_S)
    expect(status == 0, "the trial ends with status 0", said)
    expect("Stripe has" in said and "Sluice has" in said, "it shows its table", said)
    expect(" objects, 0 of them other than Stripe has them." in said, "every object is right", said)
    return said, time.monotonic() - began


def trial(archives, scratch):
    """Unpacks the trial and runs it, twice."""
    [archive] = archives.glob(f"sluice-try-*-linux-{machine()}.tar.gz")
    where = scratch / "trial"
    where.mkdir()
    with tarfile.open(archive) as packed:
        packed.extractall(where, filter="data") if hasattr(tarfile, "data_filter") else packed.extractall(where)
    [folder] = where.iterdir()
    env = environment(path_of(scratch / "path-trial", TRIAL_NEEDS))
    said, first = shown(folder, env, scratch)
    print(said[said.index("story ") :])
    print(f"try_release: shown in {first:.0f} s: the trial runs without Rust", flush=True)
    _, second = shown(folder, env, scratch)
    print(f"try_release: shown in {second:.0f} s: it runs again, with its Python packages there", flush=True)
    status, said = run([folder / "run", "send", "--event", "charge.refunded"], env)
    expect(status != 0 and "./run" in said, "what needs it running says how to start it", said)
    (folder / "functions/billing/bootstrap").unlink()
    status, said = run([folder / "run", "run", "--once", "--port", str(free_port())], env)
    expect(status != 0 and "unpack the archive as a whole" in said, "a function that is missing is named", said)


def deployment(archives, scratch):
    """Lays the release and judges it, as far as SAM."""
    (scratch / "ministack.log.d").mkdir()
    port = free_port()
    with open(scratch / "ministack.log", "w", encoding="utf-8") as log:
        process, url = start(port, log)
        try:
            env = environment(path_of(scratch / "path-deploy", TRIAL_NEEDS + DEPLOY_NEEDS))
            env |= {"AWS_ENDPOINT_URL": url, "AWS_REGION": REGION}
            env |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            command = ["make", "preflight", "STAGE=dev", f"PARAMETERS=Architecture={machine()}"]
            began = time.monotonic()
            status, said = run([*command, f"RELEASE={archives}"], env, cwd=ROOT)
            expect(status == 0, "the release is judged sound", said)
            expect("its checksum is right" in said and "  Revision=" in said, "it has a revision", said)
            print(f"try_release: shown in {time.monotonic() - began:.0f} s: the release is laid and judged, up to SAM", flush=True)

            other = "x86_64" if machine() == "arm64" else "arm64"
            status, said = run([*command[:-1], f"PARAMETERS=Architecture={other}", f"RELEASE={archives}"], env, cwd=ROOT)
            expect(status != 0 and f"archives of functions for {other}" in said, "another processor's is missed", said)

            tampered = scratch / "tampered"
            shutil.copytree(archives, tampered)
            [path] = tampered.glob(f"sluice-functions-*-{machine()}.zip")
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
            status, said = run([*command, f"RELEASE={tampered}"], env, cwd=ROOT)
            expect(status != 0 and "isn't what was released" in said, "a changed byte is refused", said)
            print(f"try_release: shown: an archive with one byte changed is refused, by {SUMS}")
        finally:
            urllib.request.urlopen(urllib.request.Request(f"{url}/_ministack/reset", method="POST"), timeout=5)
            process.kill()
            process.wait()


def main(arguments):
    with tempfile.TemporaryDirectory(prefix="sluice-try-") as scratch:
        scratch = Path(scratch)
        archives = Path(arguments[0]).resolve() if arguments else scratch / "archives"
        if not arguments:
            began = time.monotonic()
            release.main(["--arch", machine(), "--profile", "debug", "--to", str(archives)])
            print(f"try_release: archives of development builds in {time.monotonic() - began:.0f} s", flush=True)
        trial(archives, scratch)
        deployment(archives, scratch)


if __name__ == "__main__":
    main(sys.argv[1:])
