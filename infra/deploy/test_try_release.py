"""Shows what `try_release.py` asks of a trial, of one that a shell script stands for.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import archives
import try_release

TABLE = "story  Stripe has  Sluice has\n3 objects, {} of them other than Stripe has them.\n"

# What the real one does, in the same order: it counts its runs, needs itself running to send, and misses a function.
RUN = """#!/bin/sh
here="${0%/*}"
test -f "$here/functions/billing/bootstrap" || { echo 'unpack the archive as a whole'; exit 1; }
test "$1" = run || { echo 'start it with ./run'; exit 1; }
test -f "$here/ran" && wrong=AGAIN || wrong=0
echo >>"$here/ran"
cat <<END
TABLEEND
exit STATUS
"""


class Trial(unittest.TestCase):
    def tried(self, again=0, status=0):
        """What is printed of a trial that has this number of wrong objects when it runs again."""
        said = io.StringIO()
        script = RUN.replace("TABLE", TABLE.format("$wrong")).replace("AGAIN", str(again)).replace("STATUS", str(status))
        entries = {"run": (script.encode(), True), "functions/billing/bootstrap": (b"", True)}
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said):
            made, scratch = Path(folder) / "archives", Path(folder) / "scratch"
            made.mkdir()
            scratch.mkdir()
            archives.write_tar(made / f"sluice-try-1.2.3-linux-{try_release.machine()}.tar.gz", "sluice-try", entries)
            try_release.trial(made, scratch)
            self.assertEqual((scratch / "trial/sluice-try/ran").read_text(), "\n\n", "it ran twice")
        return said.getvalue()

    def test_the_seconds_of_the_first_run_and_of_the_second_are_printed(self):
        said = self.tried()
        self.assertRegex(said, r"shown in \d+ s: the trial runs without Rust")
        self.assertRegex(said, r"shown in \d+ s: it runs again, with its Python packages there")

    def test_a_second_run_with_a_wrong_object_fails(self):
        with self.assertRaisesRegex(SystemExit, "this isn't so: every object is right"):
            self.tried(again=1)

    def test_a_run_that_fails_fails(self):
        with self.assertRaisesRegex(SystemExit, "this isn't so: the trial ends with status 0"):
            self.tried(status=3)


if __name__ == "__main__":
    unittest.main()
