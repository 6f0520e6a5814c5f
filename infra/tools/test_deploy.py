"""Shows each refusal of `deploy.py`, and that it is a sentence. Nothing of AWS is asked: there are no credentials.

    .venv/lint/bin/python -m unittest discover --start-directory infra/tools
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import deploy

DEPLOY = Path(__file__).with_name("deploy.py")
TOPIC = "AlarmTopicArn=arn:aws:sns:eu-west-1:123456789012:alarms"


def run(*arguments, **environment):
    """Its exit status and what it said, from an environment without AWS."""
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, "AWS_EC2_METADATA_DISABLED": "true"} | environment
        done = subprocess.run(
            [sys.executable, "-B", DEPLOY, *arguments], env=env, capture_output=True, text=True, check=False
        )
    return done.returncode, done.stdout + done.stderr


class Refusals(unittest.TestCase):
    def refused(self, sentence, *arguments, **environment):
        status, said = run(*arguments, **({"AWS_REGION": "eu-west-1"} | environment))
        self.assertEqual(status, 2, said)
        self.assertIn(sentence, said)
        self.assertNotIn("Traceback", said)

    def test_without_credentials(self):
        self.refused("AWS credentials are missing: sign in", "dev")

    def test_without_a_region(self):
        status, said = run("dev")
        self.assertEqual((status, "Region is missing" in said, "Traceback" in said), (2, True, False), said)

    def test_with_a_profile_that_is_not_there(self):
        self.refused("AWS_PROFILE names a profile", "dev", AWS_PROFILE="nobody")

    def test_where_aws_does_not_answer(self):
        nobody = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        self.refused("couldn't be asked who we are", "dev", **nobody)

    def test_of_a_stage_that_is_not_there(self):
        self.refused("there are dev, staging, prod, notify", "production")

    def test_of_live_events_that_nobody_watches(self):
        self.refused("AlarmTopicArn is missing", "prod")

    def test_of_a_parameter_that_the_template_has_not(self):
        self.refused("has no such parameter", "dev", "LogRetentionDay=30")

    def test_of_a_parameter_without_a_default(self):
        self.refused("BusName is missing", "notify")

    def test_of_what_is_no_parameter(self):
        self.refused("write Name=value", "dev", "LogRetentionDays")

    def test_of_a_value_out_of_bounds(self):
        self.refused("the template allows 3 to 29", "dev", "IngestTimeoutSeconds=30")
        self.refused("isn't a number", "dev", "IngestTimeoutSeconds=long")
        self.refused("the template allows arm64, x86_64", "dev", "Architecture=arm")

    def test_of_a_visibility_that_is_too_short(self):
        self.refused("has to be 361 or more", "dev", "DomainTimeoutSeconds=60")

    def test_of_receives_that_do_not_last_a_day_or_last_longer_than_the_queue(self):
        self.refused("less than a day", "dev", "MaxReceiveCount=400")
        self.refused("forgotten before it is a dead letter", "dev", "DomainTimeoutSeconds=300 QueueVisibilitySeconds=1801")

    def test_of_fewer_reserved_copies_than_a_queue_uses(self):
        self.refused("has to be MaximumConcurrency (10) or more", "dev", "DomainReservedConcurrency=9")

    def test_of_a_large_batch_without_a_window(self):
        self.refused("above 10 it needs", "dev", "BatchSize=11 BatchWindowSeconds=0")

    def test_of_endpoints_that_are_no_json(self):
        self.refused("Endpoints: isn't JSON", "dev", "Endpoints=platform")

    def test_of_an_endpoint_whose_account_is_no_id(self):
        other = r'Endpoints="{\"platform\":{\"scope\":\"both\",\"livemode\":false,\"account\":\"org_1\"}}"'
        self.refused("Endpoints: account is", "dev", other)

    def test_of_an_endpoint_whose_payload_is_none_of_stripes(self):
        other = r'Endpoints="{\"platform\":{\"scope\":\"both\",\"livemode\":false,\"payload\":\"slim\"}}"'
        self.refused("Endpoints: payload is", "dev", other)

    def test_of_live_events_without_an_endpoint_for_them(self):
        test_only = r'Endpoints="{\"platform\":{\"scope\":\"platform\",\"livemode\":false}}"'
        self.refused("has no endpoint for live events", "prod", TOPIC, test_only)

    def test_sound_stages_come_as_far_as_credentials(self):
        sound = {
            "dev": [],
            "staging": [],
            "prod": [TOPIC],
            "notify": ["BusName=b", "TopicArn=arn:aws:sns:eu-west-1:123456789012:t"],
        }
        for stage, given in sound.items():
            with self.subTest(stage):
                status, said = run(stage, *given, AWS_REGION="eu-west-1")
                self.assertEqual(status, 2, said)
                self.assertEqual(said.count("\n"), 1, said)
                self.assertIn("AWS credentials are missing", said)

class Quoting(unittest.TestCase):
    def test_a_value_reads_back_as_it_was(self):
        chosen = {"Endpoints": r'{"a":{"scope":"platform"}}', "Text": r"with \ and spaces", "Empty": ""}
        self.assertEqual(deploy.overrides(deploy.quoted(chosen)), chosen)


if __name__ == "__main__":
    unittest.main()
