"""Shows on a made-up project that each check of `check_workflows.py` can fail, and that a sound one passes.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import contextlib
import io
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import check_workflows

PINNED = "actions/checkout@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0 # v7.0.0"
WORKFLOW = f"""\
name: ci
on:
  pull_request:
permissions:
  contents: read
concurrency:
  group: ci
  cancel-in-progress: true
jobs:
  test:
    name: test
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - uses: {PINNED}
        with:
          persist-credentials: false
      - run: make test
"""
UPDATES = """\
version: 2
updates:
  - package-ecosystem: github-actions
    directory: /
    schedule:
      interval: weekly
    cooldown:
      default-days: 7
"""


class Workflows(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        config = check_workflows.ROOT / ".github/zizmor.yml"
        self.write("zizmor.yml", config.read_text(encoding="utf-8"))
        self.write("workflows/ci.yml", WORKFLOW)
        self.write("dependabot.yml", UPDATES)

    def write(self, place, text):
        path = self.root / ".github" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def checked(self):
        """Whether all is well, and what was said."""
        said, run = io.StringIO(), subprocess.run

        def quiet(command, **options):
            done = run(command, **options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said.write(done.stdout)
            return done

        with mock.patch.object(check_workflows.subprocess, "run", quiet), contextlib.redirect_stderr(said):
            return check_workflows.check(self.root), said.getvalue()

    def refused(self, words):
        is_well, said = self.checked()
        self.assertFalse(is_well, said)
        self.assertIn(words, said)

    def test_a_sound_project_passes(self):
        is_well, said = self.checked()
        self.assertTrue(is_well, said)

    def test_an_action_by_its_tag_is_refused(self):
        self.write("workflows/ci.yml", WORKFLOW.replace(PINNED, "actions/checkout@v7"))
        self.refused("unpinned-uses")

    def test_a_pinned_action_without_its_version_is_refused(self):
        self.write("workflows/ci.yml", WORKFLOW.replace(" # v7.0.0", ""))
        self.refused("has no version beside it")

    def test_a_strangers_text_in_a_script_is_refused(self):
        self.write("workflows/ci.yml", WORKFLOW.replace("make test", "echo ${{ github.event.pull_request.title }}"))
        self.refused("template-injection")

    def test_a_workflow_that_github_would_not_take_is_refused(self):
        self.write("workflows/ci.yml", WORKFLOW.replace("    runs-on: ubuntu-24.04\n", ""))
        self.refused("runs-on")

    def test_updates_that_dependabot_would_not_take_are_refused(self):
        self.write("dependabot.yml", UPDATES.replace("weekly", "sometimes"))
        self.refused("sometimes")

    def test_updates_without_a_cooldown_are_refused(self):
        self.write("dependabot.yml", UPDATES.replace("    cooldown:\n      default-days: 7\n", ""))
        self.refused("dependabot-cooldown")


if __name__ == "__main__":
    unittest.main()
