"""Shows what the variables of each function are counted with, against what Lambda takes.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import unittest
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

import parameters
import release
import variables

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
STACK = "sluice-prod"
DEFAULTS = {name: text for name, one in TEMPLATE["Parameters"].items() if (text := parameters.default_of(one)) is not None}


class Sizes(unittest.TestCase):
    def of(self, **values):
        return dict(variables.of_functions(TEMPLATE, DEFAULTS | values, STACK))

    def test_every_function_is_counted_with_its_own_and_the_shared_variables(self):
        found = self.of()
        self.assertEqual(sorted(found), sorted(f"{name.capitalize()}Function" for name in release.functions(ROOT) if name != "notify"))
        for name, one in found.items():
            self.assertEqual(one["LEDGER_TABLE"], "sluice-prod-ledger", name)
            self.assertGreater(len(one), 3, name)
        self.assertEqual(found["IngestFunction"]["ENDPOINTS"], DEFAULTS["Endpoints"])
        self.assertTrue(found["PaymentsFunction"]["QUEUE_URL"].endswith("/sluice-prod-payments"))

    def test_what_only_aws_knows_is_counted_as_an_arn(self):
        self.assertEqual(self.of()["IngestFunction"]["SECRET_ID"], variables.ARN)

    def test_quotes_count_twice_as_lambda_counts_them(self):
        self.assertEqual(variables.measured({"A": '"'}), len(r'{"A":"\""}'))

    def test_the_sum_counts_and_no_variable_by_itself(self):
        room = variables.MAX_BYTES - variables.measured(self.of()["IngestFunction"])
        fits, more = "1" * room, "1" * (room + 1)
        self.assertEqual(list(variables.too_large(TEMPLATE, DEFAULTS | {"AllowedSources": fits}, STACK)), [])
        [said] = variables.too_large(TEMPLATE, DEFAULTS | {"AllowedSources": more}, STACK)
        self.assertIn("IngestFunction: its variables come to 4097 bytes, and Lambda takes 4096; the largest are ALLOWED_SOURCES", said)

    def test_stripes_own_addresses_fit(self):
        addresses = [one for one in (ROOT / "infra/stripe-sources.txt").read_text().split("\n") if one and not one.startswith("#")]
        self.assertGreater(len(addresses), 5)
        self.assertEqual(list(variables.too_large(TEMPLATE, DEFAULTS | {"AllowedSources": ",".join(addresses)}, STACK)), [])


if __name__ == "__main__":
    unittest.main()
