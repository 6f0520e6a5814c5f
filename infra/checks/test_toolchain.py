"""Shows what `toolchain.py` says of a compiler, and when it is an error.

python3 -m unittest discover --start-directory infra/checks
"""

import pathlib
import tempfile
import unittest

import toolchain


class Compilers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / ".github").mkdir()
        self.pin("1.95.0")
        (self.root / "Cargo.toml").write_text('[workspace.package]\nrust-version = "1.94.1"\n')

    def pin(self, version):
        (self.root / toolchain.PIN).write_text(f'[toolchain]\nchannel = "{version}"\n')

    def judged(self, running, is_github):
        return toolchain.judge(self.root, f"rustc {running} (59807616e 2026-04-14)\n", is_github)

    def test_the_pinned_one_is_well_and_nothing_is_said(self):
        for is_github in (False, True):
            self.assertEqual(self.judged("1.95.0", is_github), (True, ""))

    def test_another_one_is_a_note_here_and_an_error_in_github(self):
        for is_github in (False, True):
            is_well, sentence = self.judged("1.99.1", is_github)
            self.assertEqual(is_well, not is_github)
            self.assertIn("this is rustc 1.99.1", sentence)
            self.assertIn("releases are made with 1.95.0", sentence)

    def test_a_pin_below_what_cargo_asks_for_is_an_error(self):
        self.pin("1.94.0")
        is_well, sentence = self.judged("1.95.0", False)
        self.assertFalse(is_well)
        self.assertIn("asks for 1.94.1 at least", sentence)

    def test_a_pin_that_is_no_exact_version_is_an_error(self):
        self.pin("stable")
        with self.assertRaisesRegex(SystemExit, "one version like 1.2.3"):
            self.judged("1.95.0", False)


if __name__ == "__main__":
    unittest.main()
