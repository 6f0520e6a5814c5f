"""Shows on a made-up project that each rule of `runbooks.py` can fail, and that a sound one passes.

python3 -m unittest discover --start-directory infra/checks
"""

import pathlib
import tempfile
import unittest

import runbooks

ROUTES = "type\tshape\tgoes to\treason\ncheckout.session.completed\tsnapshot\tpayments\t\n"

SOURCE = """// "comment.only" is none
const KIND: &str = "checkout.session";
fn f() { Fault::retry("ledger.unavailable", cause) }

#[cfg(test)]
mod tests {
    const MADE_UP: &str = "test.only";
}
"""

TEMPLATE = """Resources:
  SweepAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: Sweep has stopped. See infra/runbooks/alarm.sweep.md
  Topic:
    Type: AWS::SNS::Topic
"""

CONSOLE = """enum Command {
    /// Shows.
    Show(show::Args),
    Dlq {
        command: dlq::Command,
    },
    Verify,
}
"""


def runbook(name, text="Nothing."):
    parts = "\n\n".join(f"**{part}.** {text}" for part in runbooks.PARTS)
    return f"# `{name}`\n\n{parts}\n"


class Project:
    """A made-up project, sound until a test breaks it."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.write("functions/shared/kernel/src/bus/routes.tsv", ROUTES)
        self.write("functions/sweep/src/lib.rs", SOURCE)
        self.write("template.yaml", TEMPLATE)
        self.write("functions/notify/template.yaml", "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n")
        self.write("infra/cli/src/main.rs", CONSOLE)
        self.runbook("ledger.unavailable")
        self.runbook("alarm.sweep")

    def write(self, place, text):
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def runbook(self, name, text=None):
        self.write(f"infra/runbooks/{name}.md", text or runbook(name))
        self.write("infra/runbooks/README.md", runbooks.index(self.root))

    def breaches(self):
        return list(runbooks.breaches(self.root))


class Rules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.project = Project(folder.name)

    def broken(self, words):
        found = self.project.breaches()
        self.assertTrue(any(words in one for one in found), found)

    def test_a_sound_project_passes(self):
        self.assertEqual(self.project.breaches(), [])

    def test_codes_are_literals_of_what_is_shipped(self):
        self.assertEqual(runbooks.codes(self.project.root), {"ledger.unavailable": {"functions/sweep/src/lib.rs"}})

    def test_a_code_without_a_runbook(self):
        self.project.write("functions/sweep/src/main.rs", 'const CODE: &str = "sweep.stuck";\n')
        self.broken("sweep.stuck: is made in functions/sweep/src/main.rs and has no")

    def test_a_code_of_the_operators_program_without_a_runbook(self):
        self.project.write("infra/cli/src/doctor.rs", 'const CODE: &str = "alias.gone";\n')
        self.broken("alias.gone: is made in infra/cli/src/doctor.rs and has no")

    def test_a_code_with_a_digit_without_a_runbook(self):
        self.project.write("functions/sweep/src/main.rs", 'const CODE: &str = "signature.no_v1";\n')
        self.broken("signature.no_v1: is made in functions/sweep/src/main.rs and has no")
        self.project.runbook("signature.no_v1")
        self.assertEqual(self.project.breaches(), [])

    def test_an_alarm_that_names_a_runbook_with_a_digit_that_is_not_there(self):
        self.project.write("template.yaml", TEMPLATE.replace("alarm.sweep", "alarm.v1"))
        self.broken("names infra/runbooks/alarm.v1.md, which isn't there")

    def test_a_runbook_for_nothing(self):
        self.project.runbook("ledger.gone")
        self.broken("infra/runbooks/ledger.gone.md: no code and no alarm")

    def test_an_alarm_that_names_no_runbook(self):
        self.project.write("template.yaml", TEMPLATE.replace("See infra/runbooks/alarm.sweep.md", ""))
        self.broken("the alarm SweepAlarm names no runbook")

    def test_an_alarm_that_names_a_runbook_that_is_not_there(self):
        self.project.write("template.yaml", TEMPLATE.replace("alarm.sweep", "alarm.swept"))
        self.broken("names infra/runbooks/alarm.swept.md, which isn't there")

    def test_a_runbook_with_a_part_missing(self):
        self.project.runbook("ledger.unavailable", runbook("ledger.unavailable").replace("**Do.**", "**Then.**"))
        self.broken("has no part **Do.**")

    def test_a_runbook_under_another_name(self):
        self.project.runbook("ledger.unavailable", runbook("ledger.away"))
        self.broken("doesn't begin with its name")

    def test_a_link_to_nowhere(self):
        self.project.runbook("ledger.unavailable", runbook("ledger.unavailable", "See [it](ledger.away.md#there)."))
        self.broken("leads to ledger.away.md")

    def test_a_command_that_the_program_does_not_have(self):
        for good in ("`sluice show evt_1`", "`sluice --stack x dlq list`", "`sluice\nverify`"):
            self.project.runbook("ledger.unavailable", runbook("ledger.unavailable", good))
            self.assertEqual(self.project.breaches(), [], good)
        self.project.runbook("ledger.unavailable", runbook("ledger.unavailable", "`sluice correct evt_1`"))
        self.broken("names `sluice correct`")

    def test_an_index_out_of_step(self):
        self.project.write("infra/runbooks/README.md", "# Runbooks\n")
        self.broken("isn't in step")


if __name__ == "__main__":
    unittest.main()
