"""Shows on a made-up project that each rule of `runbooks.py` can fail, and that a sound one passes.

python3 -m unittest discover --start-directory infra/checks
"""

import pathlib
import tempfile
import unittest

import runbooks

TABLE = """//! codes! { COMMENT_ONLY = "comment.only"; }
sluice_kernel::codes! {
    /// The ledger couldn't be read, "in.time".
    LEDGER_UNAVAILABLE = "ledger.unavailable";
}

#[cfg(test)]
mod tests {
    codes! { TEST_ONLY = "test.only"; }
}
"""

SOURCE = """// "ledger.unavailable" in a comment
const KIND: &str = "checkout.session";
fn f() { Fault::retry(code::LEDGER_UNAVAILABLE, cause) }

#[cfg(test)]
mod tests {
    fn f() { assert_eq!(code, "ledger.unavailable") }
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
        self.write("functions/sweep/src/code.rs", TABLE)
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

    def row(self, place, code, constant=None):
        """Another table of one row, and a use of it."""
        constant = constant or code.upper().replace(".", "_")
        self.project.write(f"{place}/code.rs", f'codes! {{\n    /// One.\n    {constant} = "{code}";\n}}\n')
        self.project.write(f"{place}/other.rs", f"fn f() {{ code::{constant} }}\n")

    def test_codes_are_rows_of_tables_and_used_where_their_constants_are(self):
        self.assertEqual(runbooks.codes(self.project.root), {"ledger.unavailable": {"functions/sweep/src/lib.rs"}})

    def test_a_code_without_a_runbook(self):
        self.row("functions/ingest/src", "ingest.stuck")
        self.broken("ingest.stuck: is in the table of functions/ingest/src/code.rs and has no")
        self.project.runbook("ingest.stuck")
        self.assertEqual(self.project.breaches(), [])

    def test_a_code_of_the_operators_program_without_a_runbook(self):
        for place in ("infra/cli/src", "infra/operations/src/doctor"):
            self.row(place, "alias.gone")
            self.broken(f"alias.gone: is in the table of {place}/code.rs and has no")

    def test_a_code_with_a_digit_without_a_runbook(self):
        self.row("functions/ingest/src", "signature.no_v1")
        self.broken("signature.no_v1: is in the table of functions/ingest/src/code.rs and has no")
        self.project.runbook("signature.no_v1")
        self.assertEqual(self.project.breaches(), [])

    def test_a_constant_that_is_called_otherwise_than_its_code(self):
        self.row("functions/ingest/src", "ingest.stuck", "STUCK")
        self.broken("functions/ingest/src/code.rs: ingest.stuck is called STUCK, not as it is")

    def test_a_code_in_two_tables(self):
        self.row("functions/ingest/src", "ledger.unavailable")
        self.broken("functions/sweep/src/code.rs: ledger.unavailable stands in functions/ingest/src/code.rs too")

    def test_a_code_that_nothing_uses(self):
        self.project.write("functions/sweep/src/lib.rs", SOURCE.replace("code::LEDGER_UNAVAILABLE", "code"))
        self.broken("functions/sweep/src/code.rs: nothing uses LEDGER_UNAVAILABLE")

    def test_a_code_that_only_tests_use(self):
        shipped, tests = SOURCE.replace("code::LEDGER_UNAVAILABLE", "code"), "fn f() { code::LEDGER_UNAVAILABLE }\n"
        self.project.write("functions/sweep/src/lib.rs", f"{shipped}#[cfg(test)]\nmod more {{\n{tests}}}\n")
        self.project.write("functions/sweep/src/tests.rs", tests)
        self.broken("functions/sweep/src/code.rs: nothing uses LEDGER_UNAVAILABLE")

    def test_a_code_that_is_written_instead_of_its_constant(self):
        self.project.write("functions/sweep/src/main.rs", 'fn f(code: &str) -> bool { code == "ledger.unavailable" }\n')
        self.broken('functions/sweep/src/main.rs: writes "ledger.unavailable" instead of its constant')

    def test_a_code_of_a_log_line_that_no_table_has(self):
        self.project.write("functions/sweep/src/main.rs", 'fn f() { tracing::warn!(code = "sweep.stuck", cause) }\n')
        self.broken('functions/sweep/src/main.rs: logs the code "sweep.stuck", which is no constant of a table')

    def test_a_code_that_is_made_outside_of_a_table(self):
        made = 'fn f() { Code::of_table("sweep.stuck") }\n'
        self.project.write("functions/sweep/src/main.rs", made)
        self.broken("functions/sweep/src/main.rs: makes a code outside of a table")
        self.project.write("functions/sweep/src/main.rs", "")
        self.project.write(runbooks.MACRO, made)
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
