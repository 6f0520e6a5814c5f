"""Writes a software bill of materials of what AWS runs and of what the console's pages use, as CycloneDX 1.6.

    python3 infra/deploy/sbom.py [FILE]        target/sbom/sluice.cdx.json, unless another is named

Everything that is linked into any function, for the processor that is deployed, from `cargo metadata` and Cargo.lock: name,
version, licence, where it came from, its checksum, and what it depends on. Tools, tests and build scripts aren't in it. And each
file that others wrote for browsers, which is compiled into the operator's program (`infra/console/assets/vendored.tsv`). The
same files give the same bytes: there is no time and no random number in it.

Python 3.10, no packages. `infra/deploy/test_sbom.py` holds it to the lock file.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLATFORM = "aarch64-unknown-linux-gnu"
ASSETS = "infra/console/assets"


def metadata():
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def checksums():
    """(name, version) → SHA-256, of what came from a registry."""
    blocks = (ROOT / "Cargo.lock").read_text(encoding="utf-8").split("[[package]]")[1:]
    found = {}
    for block in blocks:
        fields = dict(re.findall(r'^(name|version|checksum) = "(.*)"$', block, re.MULTILINE))
        if "checksum" in fields:
            found[fields["name"], fields["version"]] = fields["checksum"]
    return found


def links(node):
    """The ids that a package links: not what only builds or tests it."""
    for dependency in node["deps"]:
        if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
            yield dependency["pkg"]


def linked(read):
    """Ids of all that the functions link, themselves included, and what each links."""
    nodes = {node["id"]: node for node in read["resolve"]["nodes"]}
    packages = {package["id"]: package for package in read["packages"]}
    functions = read["workspace_default_members"]
    found, waiting = {}, list(functions)
    while waiting:
        one = waiting.pop()
        if one not in found:
            # Macros run while it is built, and what they use is in no function.
            mine = [to for to in links(nodes[one]) if "proc-macro" not in packages[to]["targets"][0]["kind"]]
            found[one] = sorted(mine)
            waiting += mine
    return found


def licence(package):
    """As cargo has it; a slash is how it was once written."""
    return [{"expression": package["license"].replace("/", " OR ")}] if package.get("license") else []


def vendored(root=ROOT):
    """The files of others in the console's pages: a row each of their table, by its columns."""
    head, *rows = (root / ASSETS / "vendored.tsv").read_text(encoding="utf-8").splitlines()
    return [dict(zip(head.split("\t"), row.split("\t"), strict=True)) for row in rows]


def for_browsers(row):
    """A file of others as a component: a part of its npm package."""
    package = f"pkg:npm/{row['name']}@{row['version']}"
    archive, place = row["source"].split(" ")
    return {
        "type": "library",
        "bom-ref": f"{package}#{place}",
        "name": row["name"],
        "version": row["version"],
        "licenses": [{"expression": row["licence"]}],
        "purl": f"{package}#{place}",
        "hashes": [{"alg": "SHA-256", "content": row["sha256"]}],
        "externalReferences": [{"type": "distribution", "url": f"https://{archive}"}],
    }


def bill():
    read = metadata()
    packages = {package["id"]: package for package in read["packages"]}
    sums, found = checksums(), linked(read)
    own = next(one for one in read["packages"] if one["name"] == "ingest")["version"]

    def purl(one):
        package = packages[one]
        return f"pkg:cargo/{package['name']}@{package['version']}"

    components = []
    for one in sorted(found, key=purl):
        package = packages[one]
        is_function = one in read["workspace_default_members"]
        component = {
            "type": "application" if is_function else "library",
            "bom-ref": purl(one),
            "name": package["name"],
            "version": package["version"],
            "licenses": licence(package),
        }
        checksum = sums.get((package["name"], package["version"]))
        if checksum:
            component["purl"] = purl(one)
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if package.get("repository"):
            component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        components.append(component)
    components += [for_browsers(row) for row in vendored()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "sluice", "name": "sluice", "version": own}},
        "components": components,
        "dependencies": [
            {"ref": purl(one), "dependsOn": [purl(to) for to in found[one]]} for one in sorted(found, key=purl)
        ],
    }


def main():
    path = pathlib.Path(sys.argv[1]) if sys.argv[1:] else ROOT / "target/sbom/sluice.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = bill()
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {len(written['components'])} components")


if __name__ == "__main__":
    main()
