"""Shows where a parameter's value comes from, and that SAM reads back what it is given.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import unittest
from pathlib import Path

import tomlkit
from samcli.cli.types import CfnParameterOverridesType

import parameters
from parameters import GIVEN, STACK, STAGE, TEMPLATE, Value

ROOT = Path(__file__).resolve().parents[2]
DECLARED = {
    "Count": {"Type": "Number", "Default": 10, "MinValue": 5},
    "Mode": {"Type": "String", "Default": "a", "AllowedValues": ["a", "b"]},
    "Bus": {"Type": "String"},
}


class Resolving(unittest.TestCase):
    def test_what_is_given_goes_before_the_stage_and_that_before_the_stack_and_the_default(self):
        all_of = [{"Count": "1"}, {"Count": "2"}, {"Count": "3"}]
        expected = [Value("2", GIVEN), Value("1", STAGE), Value("3", STACK)]
        for without, value in zip(([], [1], [0, 1]), expected, strict=True):
            values = [{} if number in without else one for number, one in enumerate(all_of)]
            self.assertEqual(parameters.resolve(DECLARED, *values)["Count"], value)
        self.assertEqual(parameters.resolve(DECLARED, {}, {}, {})["Count"], Value("10", TEMPLATE))

    def test_sam_is_given_what_it_does_not_have(self):
        values = parameters.resolve(DECLARED, {"Mode": "b"}, {"Bus": "x"}, {"Count": "7"})
        self.assertEqual([name for name, one in values.items() if one.is_sent], ["Mode", "Bus"])

    def test_the_default_takes_back_what_the_stack_or_the_stage_has(self):
        values = parameters.resolve(DECLARED, {"Mode": "b"}, {"Mode": "@default", "Count": "@default"}, {"Count": "7"})
        self.assertEqual((values["Count"], values["Mode"]), (Value("10", GIVEN), Value("a", GIVEN)))

    def test_what_the_stack_had_and_the_template_has_no_longer_is_left_out(self):
        self.assertNotIn("Old", parameters.resolve(DECLARED, {}, {}, {"Old": "1"}))

    def test_what_is_missing_is_so_only_if_the_stack_has_it_not(self):
        for stacked, missing in (({}, ["Bus"]), ({"Bus": "x"}, [])):
            wrong = parameters.judge("dev", DECLARED, parameters.resolve(DECLARED, {}, {}, stacked))
            self.assertEqual([one.split()[0] for one in wrong], missing)

    def test_what_the_stack_keeps_is_held_to_this_versions_bounds(self):
        [wrong] = parameters.judge("dev", DECLARED, parameters.resolve(DECLARED, {}, {"Bus": "x"}, {"Count": "4"}))
        self.assertIn("the template allows 5 to any (the stack has it; Count=@default takes it back)", wrong)


class Defaults(unittest.TestCase):
    def said(self, stacked, deployed, given=None):
        values = parameters.resolve(DECLARED, {}, given or {}, stacked)
        return list(parameters.changed_defaults(DECLARED, values, deployed))

    def test_a_new_default_that_the_stack_does_not_get_is_said(self):
        [said] = self.said({"Count": "8"}, {"Count": "8"})
        self.assertIn("Count=8 was the default", said)

    def test_what_was_chosen_or_is_the_same_is_no_new_default(self):
        self.assertEqual(self.said({"Count": "8"}, {"Count": "9"}), [])
        self.assertEqual(self.said({"Count": "8"}, {}), [])
        self.assertEqual(self.said({"Count": "10"}, {"Count": "10"}), [])
        self.assertEqual(self.said({"Count": "8"}, {"Count": "8"}, {"Count": "8"}), [])


class Quoting(unittest.TestCase):
    def test_a_value_reads_back_as_it_was(self):
        chosen = {"Endpoints": r'{"a":{"scope":"platform"}}', "Text": r"with \ and spaces", "Empty": ""}
        self.assertEqual(parameters.overrides(parameters.quoted(chosen)), chosen)

    def test_sam_reads_the_same(self):
        chosen = {"Endpoints": r'{"a":{"scope":"platform"}}', "Revision": "", "Empty": ""}
        self.assertEqual(CfnParameterOverridesType().convert(parameters.quoted(chosen), None, None), chosen)

    def test_by_itself_sam_gives_each_stage_an_empty_revision(self):
        config = tomlkit.parse((ROOT / "samconfig.toml").read_text(encoding="utf-8")).unwrap()
        for name in ("dev", "staging", "prod"):
            kept = CfnParameterOverridesType().convert(config[name]["deploy"]["parameters"]["parameter_overrides"], None, None)
            self.assertEqual(kept["Revision"], "", name)


if __name__ == "__main__":
    unittest.main()
