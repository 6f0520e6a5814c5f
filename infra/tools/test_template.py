"""Shows what the template's parameters take and refuse, where a wrong value would fail late or silently.

    .venv/lint/bin/python -m unittest discover --start-directory infra/tools
"""

import re
import unittest
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
PARAMETERS = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Parameters"]


class Patterns(unittest.TestCase):
    def takes(self, name, *values):
        for value in values:
            self.assertTrue(re.fullmatch(PARAMETERS[name]["AllowedPattern"], value), f"{name}={value}")

    def refuses(self, name, *values):
        for value in values:
            self.assertFalse(re.fullmatch(PARAMETERS[name]["AllowedPattern"], value), f"{name}={value}")

    def test_a_secrets_arn_is_whole(self):
        arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:stripe"
        self.takes("ApiKeySecretArn", "", f"{arn}-AbC123", f"{arn}/keys-a-b-AbC123", arn.replace("aws", "aws-cn", 1) + "-AbC123")
        # Secrets Manager takes these, and the functions' role doesn't allow them.
        self.refuses("ApiKeySecretArn", arn, f"{arn}-abc", f"{arn}-AbC1234", "stripe-AbC123")

    def test_a_revision_is_a_hash_of_which_ten_characters_name_a_version(self):
        self.takes("Revision", "", "0123456789", "ab" * 32)
        self.refuses("Revision", "012345678", "v1.2.3", "AB" * 32, "ab" * 33)


if __name__ == "__main__":
    unittest.main()
