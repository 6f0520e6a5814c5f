"""Shows that `tidy.sh` fails if a command leaves something in the temporary folder.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

TIDY = Path(__file__).with_name("tidy.sh")


class Tidy(unittest.TestCase):
    def run_it(self, script, wait_max="1"):
        """Its status, what it said, and what is in the folder around its own."""
        with tempfile.TemporaryDirectory() as around:
            env = os.environ | {"TMPDIR": around, "WAIT_MAX": wait_max}
            done = subprocess.run([TIDY, "sh", "-c", script], env=env, capture_output=True, text=True, check=False)
            return done.returncode, done.stderr, os.listdir(around)

    def test_a_command_that_leaves_nothing_is_what_it_was(self):
        self.assertEqual(self.run_it("exit 0"), (0, "", []))
        self.assertEqual(self.run_it("exit 3"), (3, "", []))
        self.assertEqual(self.run_it('folder=$(mktemp -d) && rm -r "$folder"'), (0, "", []))

    def test_what_is_left_is_listed_and_removed_and_the_command_has_failed(self):
        status, said, around = self.run_it('mkdir "$TMPDIR/left" && touch "$TMPDIR/left/inside"')
        self.assertEqual((status, around), (1, []))
        self.assertIn("  left\n  left/inside\n", said)

    def test_the_status_of_a_command_that_failed_is_kept(self):
        status, said, _ = self.run_it('touch "$TMPDIR/left"; exit 3')
        self.assertEqual(status, 3)
        self.assertIn("  left\n", said)

    def test_what_goes_away_a_moment_later_is_not_left(self):
        # The folder is empty as soon as the pipe of the process in the background is closed.
        background = '(cat <"$TMPDIR/pipe" >/dev/null; rm "$TMPDIR/pipe") &'
        status, said, _ = self.run_it(f'mkfifo "$TMPDIR/pipe"; {background} : >"$TMPDIR/pipe"', wait_max="60")
        self.assertEqual((status, said), (0, ""))


if __name__ == "__main__":
    unittest.main()
