"""Finds lists of all domains that a person would have to extend: whatever names every domain within a few lines.

Such a list is generated, or read from the one list, or it stands in `KNOWN` with the reason why a new domain may be missing
in it. A file is known by its name, wherever it lies.

    python3 infra/generate/lists.py      exits with 1 and one line for each list that isn't accounted for
"""

import re
import sys

import files
from domains import LIST, ROOT, names

# Within this number of lines all domains have to be named to make a list.
LINES = 80

KNOWN = {
    "README.md": "a picture and a sentence that show the domains that the project comes with",
    "template.json": "the transformed template, as it is compared in tests",
    "domains.rs": "the order that the first domains keep",
    "ARCHITECTURE.md": "the tree of the project as it comes",
    "CHANGELOG.md": "what was released",
    "first-deploy.md": "the types that each domain needs: only who writes the domain knows them",
    "stripe.rs": "the types of first-deploy.md; a test compares them",
    "personal-data.md": "what is personal in each table",
    "routes.tsv": "the table itself: compared with the domains here",
    "import.rs": "the kinds that can be imported: a domain may have none",
    "calls.rs": "the kinds that can be imported",
    "paths.rs": "Stripe's paths, under Stripe's own headings",
    "truth.rs": "examples in tests",
    "tombstones.rs": "examples in tests",
    "routing.rs": "examples in tests",
    "lambda.rs": "messages to some domains, as samples: they need no new one",
    "trial.rs": "a sample that calls for an effect: a domain may emit none",
    "laws.rs": "a test for each domain, that runs beside the others",
    "laws_thin.rs": "a test for each domain, that runs beside the others",
}

SUFFIXES = (".rs", ".py", ".md", ".yaml", ".yml", ".toml", ".json", ".tsv", ".sh", "Makefile", "run")


def lists(root):
    """The places that name every domain within a few lines, outside generated regions: (file, line)."""
    domains = names(root)
    for name in sorted(files.sources(root)):
        path = root / name
        if not name.endswith(SUFFIXES) or name == LIST:
            continue
        text = path.read_text(encoding="utf-8")
        if all(domain in text or domain.capitalize() in text for domain in domains):
            line = first(by_hand(text), domains)
            if line is not None:
                yield name, line


def by_hand(text):
    """The lines of a file, those of generated regions empty."""
    inside = False
    for line in text.splitlines():
        inside = (inside or files.BEGIN.match(line) is not None) and not files.END.match(line)
        yield "" if inside else line


def first(lines, domains):
    """The line that completes the first list, counted from 1."""
    last = {}
    # By its name, or as its logical ids begin.
    words = {one: re.compile(rf"\b(?:{one}\b|{one.capitalize()}(?![a-z]))") for one in domains}
    for number, line in enumerate(lines, 1):
        for domain, word in words.items():
            if word.search(line):
                last[domain] = number
        if len(last) == len(domains) and number - min(last.values()) < LINES:
            return number
    return None


def unknown(root):
    """Lists that aren't accounted for."""
    for name, line in lists(root):
        if name.rsplit("/", 1)[-1] not in KNOWN:
            yield f"{name}:{line}: a list of all domains: generate it, read it from {LIST}, or say in infra/generate/lists.py why not"


def main():
    found = list(unknown(ROOT))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
