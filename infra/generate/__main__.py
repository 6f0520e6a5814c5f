"""Writes what follows from the list of domains into the files that need it: `make generate`.

    python3 infra/generate            writes the regions that aren't up to date, and says which
    python3 infra/generate --check    writes nothing; exits with 1 and one line for each such region

A region stands between two lines, which are comments of the file:

    # --- generated: queues (make generate) ---
    # --- end of generated ---

A change belongs into the text (`regions.py` says where it is), the domain's code, or `differences.py`. Python 3.10, no
packages. `infra/generate/test_generate.py` shows that each rule can fail.
"""

import sys

import domains
import files
from text import Refused


def main(arguments, root=domains.ROOT):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        changed = files.changed(root)
    except Refused as refused:
        print(f"generate: {refused}", file=sys.stderr)
        return 1
    for (name, region), _ in sorted(changed.items()):
        if arguments:
            print(f"{name}: the region {region} isn't what `make generate` writes", file=sys.stderr)
        else:
            print(f"{name}: {region}")
    if arguments:
        return 1 if changed else 0
    files.write(root, changed)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
