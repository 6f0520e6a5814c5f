"""Shows what `setup.sh browser` does where there is no browser: it names the packages, or installs them as root.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What the script itself calls before it looks for Python.
NEEDED = ("sh", "dirname", "cat", "mkdir", "chmod")


class Browser(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        self.bin = self.root / "bin"
        self.bin.mkdir()
        for name in NEEDED:
            (self.bin / name).symlink_to(shutil.which(name))
        (self.root / "infra/setup").mkdir(parents=True)
        shutil.copy(ROOT / "infra/setup/setup.sh", self.root / "infra/setup")

    def program(self, name, script):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def run_it(self):
        """What it said. With no list of packages beside it, it ends after the browser."""
        command = [self.root / "infra/setup/setup.sh", "browser"]
        done = subprocess.run(command, env={"PATH": str(self.bin)}, capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stdout, done.stderr

    def test_without_a_browser_it_names_the_packages_unless_it_may_install_them(self):
        self.program("id", "echo 1000")
        self.program("apt-get", "exit 1")
        said = self.run_it()[1]
        self.assertIn("On Debian: apt install chromium chromium-driver.", said)
        self.assertNotIn("there is no", said)
        self.program("chromium", "")
        self.assertIn("On Debian: apt install chromium-driver.", self.run_it()[1])

    def test_root_without_apt_get_gets_the_packages_named_too(self):
        self.program("id", "echo 0")
        self.assertIn("On Debian: apt install chromium chromium-driver.", self.run_it()[1])

    def test_root_installs_what_is_missing_and_goes_on(self):
        self.program("id", "echo 0")
        browsers = f"for name in chromium chromedriver; do echo >{self.bin}/$name; chmod +x {self.bin}/$name; done"
        self.program("apt-get", f'echo "$@" >>{self.root}/calls; {browsers}')
        out, said = self.run_it()
        self.assertIn("setup: installing chromium chromium-driver with apt-get", out)
        calls = (self.root / "calls").read_text(encoding="utf-8").splitlines()
        self.assertEqual(calls[0], "update -qq")
        self.assertTrue(calls[1].endswith(" chromium chromium-driver"), calls)
        # The browser is there: next are the Python packages.
        self.assertIn("browser.txt", said)

    def test_what_apt_get_said_is_shown_if_it_fails(self):
        self.program("id", "echo 0")
        self.program("apt-get", "echo 'no such mirror' >&2; exit 100")
        said = self.run_it()[1]
        self.assertIn("no such mirror\nsetup: apt-get could not install chromium chromium-driver", said)

    def test_a_browser_of_another_name_will_do(self):
        for name in ("google-chrome", "chromedriver"):
            self.program(name, "")
        out, said = self.run_it()
        self.assertEqual(out, "")
        self.assertIn("browser.txt", said)


if __name__ == "__main__":
    unittest.main()
