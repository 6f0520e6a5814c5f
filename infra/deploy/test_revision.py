"""Shows that a revision changes with the code, the template and each parameter, and with nothing else.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from revision import for_stack, revision
from stack import Stack

TEMPLATE = {
    "Globals": {"Function": {"CodeUri": "Shared"}},
    "Parameters": {"Revision": {"Type": "String", "Default": ""}, "Days": {"Type": "Number", "Default": 35}},
    "Resources": {
        "A": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "A"}},
        "B": {"Type": "AWS::Serverless::Function", "Properties": {}},
        "Queue": {"Type": "AWS::SQS::Queue"},
    },
}
VALUES = {"Days": "35"}


class Revisions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "built"
        for name in ("A", "Shared"):
            (self.root / name / "lib").mkdir(parents=True)
            (self.root / name / "bootstrap").write_bytes(b"code of " + name.encode())
            (self.root / name / "lib/more").write_bytes(b"more")
        self.write(TEMPLATE)
        self.before = self.made()

    def write(self, template):
        (self.root / "template.json").write_text(json.dumps(template))

    def made(self, root=None, **values):
        return revision((root or self.root) / "template.json", VALUES | values)

    def test_it_is_forty_characters_that_the_template_takes(self):
        self.assertRegex(self.before, "^[0-9a-f]{40}$")

    def test_the_same_has_the_same_wherever_and_whenever_it_was_built(self):
        other = self.root.with_name("elsewhere")
        shutil.copytree(self.root, other)
        for path in other.rglob("*"):
            os.utime(path, (0, 0))
        self.assertEqual(self.made(other), self.before)

    def test_a_byte_of_any_functions_code_changes_it(self):
        for file in ("A/bootstrap", "Shared/bootstrap", "A/lib/more"):
            with self.subTest(file):
                path = self.root / file
                kept = path.read_bytes()
                path.write_bytes(kept + b"!")
                self.assertNotEqual(self.made(), self.before)
                path.write_bytes(kept)
                self.assertEqual(self.made(), self.before)

    def test_a_file_more_or_of_another_name_changes_it(self):
        (self.root / "A/new").write_bytes(b"")
        more = self.made()
        (self.root / "A/new").rename(self.root / "A/newer")
        self.assertEqual(len({self.before, more, self.made()}), 3)

    def test_a_parameters_value_changes_it_and_so_does_a_new_one(self):
        self.assertEqual(len({self.before, self.made(Days="36"), self.made(More="")}), 3)

    def test_the_template_changes_it_and_its_layout_does_not(self):
        (self.root / "template.json").write_text(json.dumps(TEMPLATE, indent=4))
        self.assertEqual(self.made(), self.before)
        self.write(TEMPLATE | {"Description": "other"})
        self.assertNotEqual(self.made(), self.before)

    def test_it_does_not_depend_on_the_revision_before(self):
        self.assertEqual(self.made(Revision="0123456789"), self.before)
        parameters = TEMPLATE["Parameters"] | {"Revision": {"Type": "String", "Default": "0123456789"}}
        self.write(TEMPLATE | {"Parameters": parameters})
        self.assertEqual(self.made(), self.before)

    def test_code_that_is_not_there_is_no_code(self):
        shutil.rmtree(self.root / "Shared")
        with self.assertRaisesRegex(FileNotFoundError, "B: its code"):
            self.made()


class OnAStack(unittest.TestCase):
    """`for_stack`: which revision a stack is deployed with."""

    MADE, OTHER = "a" * 40, "b" * 40

    def chosen(self, status, deployed=None, changed="2026-01-01", made=MADE):
        kept = {} if deployed is None else {"Revision": deployed}
        return for_stack(made, Stack("sluice-dev", status, kept, changed))

    def test_a_new_stack_has_it_as_it_is(self):
        for status in (None, "REVIEW_IN_PROGRESS"):
            self.assertEqual(self.chosen(status), self.MADE)

    def test_a_stack_whose_last_deployment_succeeded_has_it_as_it_is(self):
        for status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            for deployed in (self.MADE, self.OTHER):
                self.assertEqual(self.chosen(status, deployed), self.MADE)

    def test_after_a_failure_it_differs_from_the_one_that_failed_and_from_those_of_other_failures(self):
        for status in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"):
            for deployed in (self.OTHER, self.MADE):
                retries = [self.chosen(status, deployed, changed) for changed in ("2026-01-01", "2026-01-02")]
                # SAM names a version by the first ten characters.
                self.assertEqual(len({one[:10] for one in [self.MADE, *retries]}), 3, status)
                for one in retries:
                    self.assertRegex(one, "^[0-9a-f]{40}$")

    def test_the_same_failure_has_the_same(self):
        self.assertEqual(self.chosen("UPDATE_ROLLBACK_COMPLETE"), self.chosen("UPDATE_ROLLBACK_COMPLETE"))

    def test_what_a_retry_deployed_stays_as_it_is_until_something_changes(self):
        retried = self.chosen("UPDATE_ROLLBACK_COMPLETE", self.OTHER)
        self.assertEqual(self.chosen("UPDATE_COMPLETE", retried, "2026-01-03"), retried)
        self.assertEqual(self.chosen("UPDATE_COMPLETE", retried, made=self.OTHER), self.OTHER)

    def test_a_stack_that_went_without_may_have_versions_of_any(self):
        for deployed in (None, ""):
            self.assertNotEqual(self.chosen("UPDATE_COMPLETE", deployed)[:10], self.MADE[:10])


if __name__ == "__main__":
    unittest.main()
