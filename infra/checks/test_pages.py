"""Shows on a made-up project that each rule of `pages.py` can fail, and that a sound one passes.

python3 -m unittest discover --start-directory infra/checks
"""

import pathlib
import tempfile
import unittest

import pages

SOUND = "See [this](docs/it.md#part), `make run`, `sluice --stack x show evt_1`, `ingest::one_that_is_taken_once`, `Vec::new`.\n"


FAULTS = "| what | sees | happens | then | test |\n|---|---|---|---|---|\n| a | b | c | d | `ingest::one_that_is_taken_once` |\n"
CONTROLS = "| number | asks | met by | stays |\n|---|---|---|---|\n| 1.2 | a | `KmsKeyArn`; `ingest::one_that_is_taken_once` | b |\n"
TYPES = "| domain | subscribe to | because |\n|---|---|---|\n| payments | `charge.failed` | . |\n"


class Rules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("README.md", SOUND)
        self.write("docs/it.md", "")
        self.write("Makefile", "run: need\n\t@true\n")
        self.write("infra/cli/src/main.rs", "enum Command {\n    Show(show::Args),\n}\n")
        self.write("infra/docs/availability.md", FAULTS)
        self.write("infra/docs/controls.md", CONTROLS)
        self.write("template.yaml", "Parameters:\n  KmsKeyArn:\n    Type: String\n")
        self.write("infra/docs/first-deploy.md", TYPES)
        self.write("functions/shared/kernel/src/bus/routes.tsv", "type\tshape\tgoes to\ncharge.failed\tsnapshot\tpayments\n")
        self.write("tests/it/ingest.rs", "#[test]\nfn one_that_is_taken_once() {}\n")

    def write(self, place, text):
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def broken(self, text, words):
        self.write("README.md", SOUND + text)
        found = list(pages.breaches(self.root))
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])

    def test_a_sound_page_passes(self):
        self.assertEqual(list(pages.breaches(self.root)), [])

    def test_a_test_that_is_not_there(self):
        self.broken("`ingest::one_that_is_taken_twice`", "ingest::one_that_is_taken_twice")

    def test_a_test_of_another_file(self):
        self.broken("`cases::one_that_is_taken_once`", "cases::one_that_is_taken_once")

    def test_a_file_in_passing_that_is_not_there(self):
        self.write("functions/shared/kernel/src/event.rs", "")
        self.write("README.md", SOUND + "`kernel/src/event.rs`, `functions/shared/kernel/src/event.rs`, `target/local/stack.json`")
        self.assertEqual(list(pages.breaches(self.root)), [])
        self.broken("`kernel/src/take.rs`", "names the file kernel/src/take.rs")

    def test_a_target_that_is_not_there(self):
        self.broken("\nmake walk STAGE=x\n", "`make walk`")

    def test_a_command_that_is_not_there(self):
        self.broken("\nsluice correct evt_1\n", "`sluice correct`")

    def test_a_fault_without_a_test(self):
        self.write("infra/docs/availability.md", FAULTS + "| x | . | . | . | not on the local AWS |\n| y | . | . | . | — |\n")
        self.broken("", "'y' has no test")

    def test_a_control_that_shows_nothing_it_is_met_by(self):
        backed = "| 1.3 | a | `make run` | . |\n| 1.4 | a | `sluice show` | . |\n| 1.5 | a | [it](../../docs/it.md) | . |\n"
        self.write("infra/docs/controls.md", CONTROLS + backed + "| 1.6 | a | we are careful | . |\n")
        self.broken("", "'1.6' shows nothing")

    def test_a_control_that_names_what_the_template_does_not_have(self):
        self.write("infra/docs/controls.md", CONTROLS + "With `KmsKeyArm`.\n")
        self.broken("", "names KmsKeyArm")

    def test_a_type_that_comes_to_another_domain(self):
        self.write("infra/docs/first-deploy.md", TYPES + "| | `charge.failed`, `.moved` | . |\n")
        self.broken("", "charge.moved comes to no domain")
        self.write("infra/docs/first-deploy.md", TYPES.replace("payments", "billing"))
        self.broken("", "charge.failed comes to payments, and not to billing")

    def test_a_link_to_nowhere(self):
        self.broken("[that](docs/that.md)", "docs/that.md")


if __name__ == "__main__":
    unittest.main()
