"""Shows what the template's parameters take and refuse, where a wrong value would fail late or silently; and that the key
policy of `infra/kms-key-policy.md` admits what the template encrypts with that key.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import fnmatch
import json
import re
import unittest
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
PARAMETERS = TEMPLATE["Parameters"]


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


class KeyPolicy(unittest.TestCase):
    def setUp(self):
        page = (ROOT / "infra/kms-key-policy.md").read_text(encoding="utf-8")
        [block] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
        self.statements = {one["Sid"]: one for one in json.loads(block)}

    def test_every_log_group_under_the_key_is_named(self):
        condition = self.statements["LogGroups"]["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        patterns = [one.rsplit(":log-group:", 1)[1] for one in condition]
        groups = [one["Properties"] for one in TEMPLATE["Resources"].values() if one["Type"] == "AWS::Logs::LogGroup"]
        self.assertGreater(len(groups), 5)
        for group in groups:
            name = group["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "<stack>")
            self.assertTrue(any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns), name)

    def test_eventbridge_may_use_the_key_for_queues_whether_or_not_it_names_the_account(self):
        statement = self.statements["EventsIntoQueues"]
        self.assertEqual(statement["Principal"], {"Service": "events.amazonaws.com"})
        self.assertEqual(set(statement["Action"]), {"kms:Decrypt", "kms:GenerateDataKey"})
        self.assertNotIn("Condition", statement)

    def test_who_deploys_may_do_what_dynamodb_asks_of_who_makes_a_table(self):
        wanted = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
        self.assertEqual(set(self.statements["WhoDeploysUsesIt"]["Action"]), wanted)
        self.assertEqual(self.statements["WhoDeploysLendsItToTablesAndFunctions"]["Action"], "kms:CreateGrant")


if __name__ == "__main__":
    unittest.main()
