"""Shows what is refused as a release, and what its archives have in them.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import re
import tempfile
import unittest
from pathlib import Path

import release
from archives import Refused

ROOT = Path(__file__).resolve().parents[2]
CHANGES = "# Changelog\n\n## Unreleased\n\n### Added\n- More.\n\n## 1.2.3 – 2026-12-01\n\n### Added\n- It.\n\n## 1.2.2\n\n"


class Tags(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.version("1.2.3")
        (self.root / "CHANGELOG.md").write_text(CHANGES, encoding="utf-8")

    def version(self, version, more=""):
        text = f'[workspace]\nversion = "9"\n[workspace.package]\nversion = "{version}"\n{more}\n[other]\nrepository = "no"\n'
        (self.root / "Cargo.toml").write_text(text, encoding="utf-8")

    def refused(self, words, tag):
        with self.assertRaisesRegex(Refused, words):
            release.judge_tag(self.root, tag)

    def test_a_version_with_its_tag_and_its_changes_is_released_with_them(self):
        self.assertEqual(release.judge_tag(self.root, "v1.2.3"), "### Added\n- It.\n")

    def test_a_tag_of_another_version_is_refused(self):
        for tag in ("v1.2.4", "1.2.3", "v1.2.3-rc.1"):
            self.refused("its tag is v1.2.3", tag)

    def test_a_version_without_changes_is_refused(self):
        for version in ("1.2.4", "1.2.2", "1.2"):
            self.version(version)
            self.refused(f"has no section of version {version}", f"v{version}")

    def test_a_heading_may_be_a_link(self):
        (self.root / "CHANGELOG.md").write_text(CHANGES.replace("## 1.2.3 –", "## [1.2.3] -"), encoding="utf-8")
        self.assertIn("It.", release.judge_tag(self.root, "v1.2.3"))

    def test_the_repository_is_the_workspaces_if_it_has_one(self):
        self.assertIsNone(release.repository(self.root))
        self.version("1.2.3", 'repository = "https://github.com/o/r/"')
        self.assertEqual(release.repository(self.root), "https://github.com/o/r")


class Contents(unittest.TestCase):
    codes = {name: name.encode() for name in release.functions(ROOT)}

    def test_the_functions_archive_has_each_function_that_a_template_names_and_both_templates(self):
        entries = release.functions_entries(ROOT, self.codes, release.manifest("1.2.3", "arm64", "c", "r"))
        for place in release.TEMPLATES:
            named = re.findall(r"Binary: ([a-z0-9]+)", entries[place][0].decode())
            self.assertTrue(named, place)
            self.assertLessEqual({f"functions/{name}/bootstrap" for name in named}, set(entries))

    def test_the_trial_has_all_that_its_program_asks_for(self):
        entries = release.trial_entries(ROOT, self.codes, {"sluice": b"", "sluice-local": b""})
        wanted = {"run", "sluice-local", "template.yaml", "infra/setup/setup.sh", "infra/setup/local.txt", "README.md"}
        names = re.findall(r"Binary: ([a-z0-9]+)", (ROOT / "template.yaml").read_text(encoding="utf-8"))
        self.assertLess({"ingest", "sweep", "reconcile"}, set(names))
        wanted |= {f"functions/{name}/bootstrap" for name in names} | {"tests/events/stripe/charge.refunded.json"}
        self.assertLessEqual(wanted, set(entries))
        self.assertTrue(entries["run"][1] and entries["infra/setup/setup.sh"][1], "they can be run")

    def test_the_archives_with_the_console_have_the_licence_of_each_file_of_others(self):
        trial = release.trial_entries(ROOT, self.codes, {"sluice": b"", "sluice-local": b""})
        for entries in (trial, release.program_entries(ROOT, b"")):
            said = entries[release.NOTICES][0].decode()
            for row in release.sbom.vendored(ROOT):
                licence = ROOT / release.sbom.ASSETS / f"{row['file'].split('.')[0]}.LICENSE"
                self.assertIn(licence.read_text(encoding="utf-8").strip(), said)
                for word in ("name", "version", "licence", "file"):
                    self.assertIn(row[word], said)

    def test_a_program_that_is_not_built_is_named(self):
        with self.assertRaisesRegex(Refused, "nowhere/sluice isn't built"):
            release.read_all({"sluice": Path("/nowhere/sluice")}, False)

    def test_development_builds_are_no_release(self):
        with self.assertRaisesRegex(Refused, "development build|its tag is"):
            release.main(["--arch", "arm64", "--profile", "debug", "--tag", "v0"])


if __name__ == "__main__":
    unittest.main()
