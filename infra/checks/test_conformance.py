"""Shows that `conformance.py` leaves no test out unseen.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import unittest

import conformance

LISTING = "contract::a_write: test\ncontract::a_read: test\n"


class Choice(unittest.TestCase):
    def test_every_test_is_run_but_those_that_are_named(self):
        self.assertEqual(conformance.chosen(LISTING, {}), ["contract::a_write", "contract::a_read"])
        self.assertEqual(conformance.chosen(LISTING, {"contract::a_read": "why"}), ["contract::a_write"])

    def test_a_name_that_is_no_tests_is_refused(self):
        with self.assertRaisesRegex(conformance.Problem, "contract::gone"):
            conformance.chosen(LISTING, {"contract::gone": "why"})

    def test_a_program_without_the_suites_is_refused(self):
        with self.assertRaisesRegex(conformance.Problem, "no test"):
            conformance.chosen("", {})


class Count(unittest.TestCase):
    def test_what_passed_is_read_from_the_last_line(self):
        result = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.1s\n"
        self.assertEqual(conformance.passed(f"test contract::a_read ... ok\n\n{result}"), 2)

    def test_a_program_that_ended_without_a_result_has_passed_nothing(self):
        self.assertEqual(conformance.passed("test contract::a_read ... ok\n"), 0)


if __name__ == "__main__":
    unittest.main()
