"""Shows that the template is, as SAM transforms it, what `tests/goldens/template.json` says: a change of the template that is to
change nothing in AWS leaves it alone. To renew it, and read the difference:

    SLUICE_GOLDENS=write .venv/lint/bin/python -m unittest discover --start-directory infra/checks --pattern test_goldens.py
"""

import difflib
import itertools
import json
import os
import unittest
from pathlib import Path

from transform import transform

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/goldens/template.json"
COMMAND = "SLUICE_GOLDENS=write .venv/lint/bin/python -m unittest discover --start-directory infra/checks --pattern test_goldens.py"
# The most lines of a difference that are shown.
SHOWN_MAX = 30


def difference(stored, found):
    """The first lines of what differs; empty if nothing does."""
    lines = difflib.unified_diff(stored.splitlines(), found.splitlines(), "stored", "found", n=1, lineterm="")
    return "\n".join(itertools.islice(lines, SHOWN_MAX))


class Goldens(unittest.TestCase):
    def test_the_transformed_template_is_as_it_was(self):
        found = json.dumps(transform(ROOT / "template.yaml"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        if os.environ.get("SLUICE_GOLDENS") == "write":
            GOLDEN.write_text(found, encoding="utf-8")
        shown = difference(GOLDEN.read_text(encoding="utf-8"), found)
        self.assertFalse(shown, f"{GOLDEN.relative_to(ROOT)} differs:\n{shown}\nIf that is meant: {COMMAND}")

    def test_a_difference_is_shown(self):
        self.assertIn("-b\n+x", difference("a\nb\nc\n", "a\nx\nc\n"))
        self.assertEqual(difference("a\n", "a\n"), "")


if __name__ == "__main__":
    unittest.main()
