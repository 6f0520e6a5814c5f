"""Shows that no event of Stripe's that is kept here has a number that could be a card's, as infra/docs/controls.md says.

A card's number has 13 to 19 digits, perhaps separated by spaces or hyphens, and passes Luhn's check.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import json
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EVENTS = sorted((ROOT / "tests/events/stripe").glob("*.json"))

NUMBER = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")


def passes_luhn(digits):
    """Whether the last digit is the others' check digit."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def card_numbers(text):
    """What in a text could be a card's number."""
    found = (re.sub(r"[ -]", "", match[0]) for match in NUMBER.finditer(text))
    return [digits for digits in found if passes_luhn(digits)]


def leaves(value):
    """Each text and number of a JSON value, as text."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield str(value)


class CardNumbers(unittest.TestCase):
    def test_a_card_s_number_is_found_in_whatever_form_it_is_written(self):
        for text in ("4242424242424242", "card 4242 4242 4242 4242.", "378282246310005", "4000-0025-0000-3155"):
            self.assertEqual(len(card_numbers(text)), 1, text)
        # A wrong check digit, the last four, an id, and the time in milliseconds.
        for text in ("4242424242424241", "4242", "ch_4242424242424242", "1764000000123"):
            self.assertEqual(card_numbers(text), [], text)

    def test_no_event_of_stripe_s_has_one(self):
        self.assertGreater(len(EVENTS), 50)
        cards = 0
        for path in EVENTS:
            event = json.loads(path.read_text(encoding="utf-8"))
            cards += '"last4"' in json.dumps(event)
            for leaf in leaves(event):
                self.assertEqual(card_numbers(leaf), [], f"{path.relative_to(ROOT)}: {leaf}")
        # Cards are in them, so there was something to find.
        self.assertGreater(cards, 5)


if __name__ == "__main__":
    unittest.main()
