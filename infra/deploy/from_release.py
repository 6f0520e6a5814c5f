"""Lays a release where `sam build` leaves what it built, so that `deploy.py --go` deploys it: `make deploy RELEASE=v1.2.3`.

    .venv/lint/bin/python infra/deploy/from_release.py RELEASE STAGE [Name=value ...]

RELEASE is a version's tag, or a folder with the files of one. A tag's files are fetched from
`<repository>/releases/download/<tag>/`, where `repository` is that of Cargo.toml, or from `<RELEASE_URL>/<tag>/` if the
environment has that: a fork's, or a mirror's. What is fetched is the archive of the functions for the processor of the stage
(`Architecture`), and the checksums. They are kept in `.aws-sam/release/<tag>/`, in place of what was fetched before.

What is deployed is the release as a whole: its functions with its own template. The stages (samconfig.toml) and these tools
are the checkout's; a note says so if that is of another version.

Nothing is laid that isn't the release: a checksum that differs or is missing, a file that is missing or that no release has, a
name that leads out of the folder, a template of another form, more than `archives.py` allows. Exit status 0, or 2 and a sentence.
`infra/deploy/test_from_release.py` shows each refusal.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import tomlkit
import yaml
from samtranslator.yaml_helper import yaml_parse

import parameters
from archives import ARCHIVE_MAX_BYTES, SUMS, Refused, read_sums, read_zip, verify
from deploy import stages
from processor import PARAMETER as ARCHITECTURE
from release import MANIFEST, functions_archive, own_version, repository
from revision import FUNCTION

ROOT = Path(__file__).resolve().parents[2]

TAG = re.compile(r"v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")
FILES = re.compile(r"release\.json|template\.yaml|functions/notify/template\.yaml|functions/[a-z]+/bootstrap")
ARCHIVE = re.compile(r"sluice-functions-(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)-(arm64|x86_64)\.zip")
GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?")

# Where a tag's files are kept, in a folder of its name.
FETCHED = ".aws-sam/release"

# What CloudFormation calls a resource by; a function's code is laid in a folder of this name.
LOGICAL_ID = re.compile(r"[A-Za-z0-9]{1,255}")

# How long the server may be silent, in seconds.
SILENCE_MAX_S = 60


class OnlySafe(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but none to a place that could be overheard."""

    def redirect_request(self, request, file, code, message, headers, url):
        must_be_safe(url)
        return super().redirect_request(request, file, code, message, headers, url)


def must_be_safe(url):
    """HTTPS, or this machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "127.0.0.1"):
        raise Refused(f"{url}: a release is fetched over HTTPS")


def download(url, path):
    """Fetches a file of a release, of bounded length."""
    must_be_safe(url)
    try:
        with urllib.request.build_opener(OnlySafe).open(url, timeout=SILENCE_MAX_S) as answer, open(path, "wb") as file:
            left = ARCHIVE_MAX_BYTES
            while block := answer.read(1 << 20):
                left -= len(block)
                if left < 0:
                    raise Refused(f"{url} is larger than {ARCHIVE_MAX_BYTES} bytes")
                file.write(block)
    except (urllib.error.URLError, OSError) as error:
        raise Refused(f"{url} can't be fetched: {error}") from error


@contextlib.contextmanager
def replacing(folder):
    """A new folder that takes the place of this one when all of it is there; until then, and if it fails, the old one stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, so that what is there is whole at any time.
    made = Path(tempfile.mkdtemp(prefix=folder.name + "-", dir=folder.parent))
    try:
        yield made
        made.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def base_url(environment):
    """Where the releases' folders are."""
    given = environment.get("RELEASE_URL") or (repository(ROOT) and f"{repository(ROOT)}/releases/download")
    if not given:
        raise Refused(
            "where are the releases? Set RELEASE_URL=https://github.com/<owner>/<repository>/releases/download, or "
            "`repository` in Cargo.toml's [workspace.package]; or give a folder: RELEASE=path"
        )
    return given.rstrip("/")


def fetched(release, arch, environment):
    """The archive's path and version, held to its checksum: in the folder, or fetched to `FETCHED/<tag>` and kept there."""
    folder = Path(release)
    if folder.is_dir():
        sums = read_sums(text_of(folder / SUMS))
        versions = [found[1] for found in map(ARCHIVE.fullmatch, sums) if found and found[2] == arch]
        if len(versions) != 1:
            raise Refused(f"{folder / SUMS} names {len(versions)} archives of functions for {arch}, and has to name one")
        path = folder / functions_archive(versions[0], arch)
        if not path.is_file():
            raise Refused(f"{path} isn't there")
        verify(path, sums)
        return path, versions[0]
    tag = TAG.fullmatch(release)
    if not tag:
        raise Refused(f"RELEASE={release} is no folder, and no version's tag like v1.2.3")
    url, name, kept = f"{base_url(environment)}/{release}", functions_archive(tag[1], arch), ROOT / FETCHED / release
    with replacing(kept) as made:
        for one in (SUMS, name):
            download(f"{url}/{one}", made / one)
        verify(made / name, read_sums(text_of(made / SUMS)))
    return kept / name, tag[1]


def text_of(path):
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} can't be read: {error}") from error


def part(holder, key, where, kind=dict):
    """What a template has under a key, which has to be of a kind."""
    found = holder.get(key)
    if not isinstance(found, kind):
        raise Refused(f"{where} has no {key}, or one that a template can't have")
    return found


def read_template(content, where):
    """A template as its parts, of a form that can be laid and deployed."""
    try:
        template = yaml_parse(content.decode("utf-8"))
    # What YAML and CloudFormation's short forms (`!GetAtt`) fail with, depending on what they meet.
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"{where} can't be read: {' '.join(str(error).split())}") from error
    if not isinstance(template, dict):
        raise Refused(f"{where} is no template")
    for section in ("Parameters", "Resources"):
        named = part(template, section, where)
        for name in named:
            if not isinstance(name, str) or not LOGICAL_ID.fullmatch(name):
                raise Refused(f"{where} has a name that CloudFormation wouldn't take: {str(name)[:100]!r}")
            part(part(named, name, f"{where}: {section}"), "Type", f"{where}: {name}", str)
    return template


def built_template(content, where):
    """A template as `sam build` leaves it, and logical id → binary: each function's code is the folder of its id."""
    template, named = read_template(content, where), {}
    if "Globals" in template:
        part(part(template, "Globals", where), "Function", f"{where}: Globals").pop("CodeUri", None)
    for name, one in template["Resources"].items():
        if one["Type"] == FUNCTION:
            at = f"{where}: {name}"
            named[name] = part(part(part(one, "Metadata", at), "BuildProperties", at), "Binary", at, str)
            part(one, "Properties", at)["CodeUri"] = name
            del one["Metadata"]
    return template, named


def lay(files, place, built):
    """Writes the template of this place in the release, and the code of its functions, to the folder `built`."""
    if place not in files:
        raise Refused(f"the release has no {place}")
    where = f"the release's {place}"
    template, named = built_template(files[place], where)
    missing = [binary for binary in named.values() if f"functions/{binary}/bootstrap" not in files]
    if missing:
        raise Refused(f"the release has no {', '.join(missing)}, which its {place} names")
    try:
        text = json.dumps(template, indent=1, default=str) + "\n"
    except (ValueError, TypeError, RecursionError) as error:
        # YAML can say what JSON can't: a part within itself, a list as a key.
        raise Refused(f"{where} can't be written: {error}") from error
    with replacing(built) as made:
        for name, binary in named.items():
            (made / name).mkdir()
            code = made / name / "bootstrap"
            code.write_bytes(files[f"functions/{binary}/bootstrap"])
            code.chmod(0o755)
        (made / "template.yaml").write_text(text, encoding="utf-8")


def read(path, version, arch):
    """The files of an archive, whose manifest has to be of this version and processor."""
    files = read_zip(path, FILES)
    try:
        manifest = json.loads(files[MANIFEST])
        is_right = (manifest["version"], manifest["arch"]) == (version, arch) and isinstance(manifest["commit"], str)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Refused(f"{path.name} has no {MANIFEST} of a release: {error}") from error
    if not is_right:
        raise Refused(f"{path.name} holds version {manifest['version']} for {manifest['arch']}, and not what its name says")
    return files, manifest


def architecture(section, given):
    """The processor of the stage, as far as it can be known without asking AWS; `deploy.py` looks at the rest."""
    kept = section["deploy"]["parameters"].get("parameter_overrides", [])
    staged = parameters.overrides([kept] if isinstance(kept, str) else kept)
    value = (staged | parameters.overrides(given)).get(ARCHITECTURE, "arm64")
    # Of `@default` it is the template's.
    return "arm64" if value == "@default" else value


def main(release, stage, given, environment=os.environ):
    config = tomlkit.parse((ROOT / "samconfig.toml").read_text(encoding="utf-8")).unwrap()
    if stage not in stages(config):
        raise Refused(f"STAGE={stage}: there are {', '.join(stages(config))}; samconfig.toml has them")
    section = config[stage]
    build = section.get("build", {}).get("parameters", {})
    try:
        arch = architecture(section, given)
    except ValueError as error:
        raise Refused(f"PARAMETERS: {error}") from error
    path, version = fetched(release, arch, environment)
    files, manifest = read(path, version, arch)
    built = ROOT / build.get("build_dir", ".aws-sam/build")
    lay(files, build.get("template_file", "template.yaml"), built)
    print(f"release {version} for {arch}, of commit {manifest['commit']}: its checksum is right; laid at {built}")
    if version != own_version(ROOT):
        print(f"note: the stages and tools are those of this checkout, {own_version(ROOT)}: `git checkout v{version}` has both")
    print(
        "note: the checksums came from the same place; who built it is shown by\n"
        f"  {attestation(path, version)}\n"
        "  (infra/docs/releasing.md)"
    )


def attestation(path, version):
    """The command that verifies who built an archive, as the pages have it."""
    found = GITHUB.fullmatch(repository(ROOT) or "")
    owned = found[1] if found else "<owner>/<repository>"
    return (
        f"gh attestation verify {shlex.quote(os.path.relpath(path))} --repo {owned} --source-ref refs/tags/v{version} "
        f"--signer-workflow {owned}/.github/workflows/release.yml"
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], sys.argv[3:])
    except Refused as refused:
        print(f"deploy: {refused}", file=sys.stderr)
        sys.exit(2)
