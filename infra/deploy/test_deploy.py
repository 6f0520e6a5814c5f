"""Shows each refusal of `deploy.py`, and that it is a sentence; and what it deploys with, where a stubbed client stands for AWS.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import boto3
from botocore.stub import Stubber

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


ACCOUNT = "123456789012"

# What a template needs for all that is tried here.
TEMPLATE = {
    "Parameters": {
        "Revision": {"Type": "String", "Default": ""},
        "DomainTimeoutSeconds": {"Type": "Number", "Default": 30},
        "QueueVisibilitySeconds": {"Type": "Number", "Default": 190},
        "BatchWindowSeconds": {"Type": "Number", "Default": 1},
        "MaxReceiveCount": {"Type": "Number", "Default": 500},
        "DeletionProtection": {"Type": "String", "Default": "false"},
    },
    "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "F"}}},
}


def missing():
    return {"code": "ValidationError", "message": "Stack with id sluice-dev does not exist"}


def described(status, updated=None, **parameters):
    """An answer of DescribeStacks."""
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    one = {"StackName": "sluice-dev", "CreationTime": "2026-01-01T00:00:00Z", "StackStatus": status, "Parameters": given}
    return {"Stacks": [one | ({"LastUpdatedTime": updated} if updated else {})]}


class Session:
    """A session whose clients give the answers they were given, in this order, and nothing else."""

    region_name = "eu-west-1"

    def __init__(self, stacks, template=None):
        clients = boto3.Session(region_name=self.region_name, aws_access_key_id="x", aws_secret_access_key="x")
        self.clients = {name: clients.client(name) for name in ("sts", "cloudformation")}
        stubs = {name: Stubber(client) for name, client in self.clients.items()}
        stubs["sts"].add_response("get_caller_identity", {"Arn": f"arn:aws:iam::{ACCOUNT}:user/me"})
        for number, answer in enumerate(stacks):
            if "Stacks" in answer:
                stubs["cloudformation"].add_response("describe_stacks", answer)
            else:
                stubs["cloudformation"].add_client_error("describe_stacks", answer["code"], answer["message"])
            if template and number == 0:
                stubs["cloudformation"].add_response("get_template", {"TemplateBody": json.dumps(template)})
        for stub in stubs.values():
            stub.activate()
        self.stubs = stubs

    def get_credentials(self):
        return "some"

    def client(self, name, config=None):
        return self.clients[name]


class Deployments(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.template = Path(folder.name) / "template.json"
        self.template.write_text(json.dumps(TEMPLATE))
        (self.template.parent / "F").mkdir()
        (self.template.parent / "F/bootstrap").write_bytes(b"code")

    def deploy(self, session, *given, statuses=(0, 0)):
        """The exit status, what was printed, and the parameters of each `sam deploy`."""
        said, sent, left = io.StringIO(), [], list(statuses)

        def sam(command, **_):
            given = command[command.index("--parameter-overrides") + 1 :] if "--parameter-overrides" in command else []
            sent.append(deploy.parameters.overrides(given))
            return subprocess.CompletedProcess(command, left.pop(0))

        arguments = ["--go", "--yes", "--template", str(self.template), "dev", *given]
        with (
            mock.patch.object(deploy, "session_of_environment", lambda: (session, None)),
            mock.patch.object(deploy.subprocess, "run", sam),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            try:
                status = deploy.main(arguments)
            except SystemExit as ended:
                status = ended.code
        return status, said.getvalue(), sent

    def test_each_passes_a_revision_which_is_the_same_for_the_same(self):
        stack = described("CREATE_COMPLETE", MaxReceiveCount="500")
        sent = [self.deploy(Session([stack]), *given)[2] for given in ([], [], ["MaxReceiveCount=600"])]
        revisions = [one["Revision"] for [one] in sent]
        self.assertRegex(revisions[0], "^[0-9a-f]{40}$")
        self.assertEqual(revisions[0], revisions[1])
        self.assertNotEqual(revisions[0], revisions[2])

    def test_the_same_after_it_was_taken_back_has_another_revision_each_time_and_keeps_the_one_that_succeeds(self):
        first = "f" * 40
        plain = self.deploy(Session([described("UPDATE_COMPLETE", Revision=first)]))[2][0]["Revision"]
        failures = [f"2026-0{month}-01T00:00:00Z" for month in (1, 2)]
        retries = []
        for updated in failures:
            stack = described("UPDATE_ROLLBACK_COMPLETE", updated, Revision=first)
            status, said, [sent] = self.deploy(Session([stack]))
            self.assertEqual(status, 0, said)
            self.assertIn("its last deployment failed. This one's revision differs", said)
            retries.append(sent["Revision"])
        # SAM names a version by the first ten characters.
        self.assertEqual(len({one[:10] for one in [plain, *retries]}), 3)
        stack = described("UPDATE_COMPLETE", "2026-03-01T00:00:00Z", Revision=retries[1])
        self.assertEqual(self.deploy(Session([stack]))[2][0]["Revision"], retries[1], "nothing changed, nothing is published")
        self.assertNotEqual(self.deploy(Session([stack]), "MaxReceiveCount=600")[2][0]["Revision"][20:], retries[1][20:])

    def test_a_revision_after_one_was_taken_away_is_another(self):
        plain = self.deploy(Session([missing()]))[2][0]["Revision"]
        back = self.deploy(Session([described("UPDATE_COMPLETE", Revision="")]))[2][0]["Revision"]
        self.assertNotEqual(back[:10], plain[:10])

    def test_a_revision_that_is_given_is_taken_also_an_empty_one(self):
        _, _, [sent] = self.deploy(Session([missing()]), "Revision=")
        self.assertEqual(sent, {"Revision": ""})

    def test_the_stacks_own_parameters_count_and_are_shown(self):
        stack = described("UPDATE_COMPLETE", MaxReceiveCount="600", DomainTimeoutSeconds="30")
        status, said, [sent] = self.deploy(Session([stack], TEMPLATE))
        self.assertEqual((status, sorted(sent)), (0, ["Revision"]), said)
        self.assertIn("MaxReceiveCount=600  (the stack has it; MaxReceiveCount=@default takes it back)", said)
        self.assertNotIn("DomainTimeoutSeconds", said)
        plain = self.deploy(Session([described("UPDATE_COMPLETE")]))[2][0]
        self.assertNotEqual(sent["Revision"], plain["Revision"], "what the stack keeps is part of the revision")

    def test_values_are_judged_with_those_that_the_stack_keeps(self):
        stack = described("UPDATE_COMPLETE", DomainTimeoutSeconds="60", QueueVisibilitySeconds="400")
        status, said, sent = self.deploy(Session([stack]), "QueueVisibilitySeconds=@default")
        self.assertEqual((status, sent), (2, []), said)
        self.assertIn("QueueVisibilitySeconds=190: has to be 361 or more", said)

    def test_a_value_goes_back_to_its_default(self):
        stack = described("UPDATE_COMPLETE", MaxReceiveCount="600")
        status, said, [sent] = self.deploy(Session([stack]), "MaxReceiveCount=@default")
        self.assertEqual((status, sent["MaxReceiveCount"]), (0, "500"), said)

    def test_a_default_that_is_new_is_said(self):
        before = json.loads(json.dumps(TEMPLATE))
        before["Parameters"]["MaxReceiveCount"]["Default"] = 480
        stack = described("UPDATE_COMPLETE", MaxReceiveCount="480")
        status, said, _ = self.deploy(Session([stack], before))
        self.assertEqual(status, 0, said)
        self.assertIn("MaxReceiveCount=480 was the default of the version that is deployed", said)
        self.assertIn("this version's is '500': MaxReceiveCount=@default takes it", said)

    def test_a_new_stack_is_protected_in_a_second_step(self):
        session = Session([missing(), described("CREATE_COMPLETE")])
        status, said, sent = self.deploy(session, "DeletionProtection=true")
        self.assertEqual((status, [one["DeletionProtection"] for one in sent]), (0, ["false", "true"]), said)
        self.assertEqual(len({one["Revision"] for one in sent}), 1, "the second step publishes nothing")
        session.stubs["cloudformation"].assert_no_pending_responses()

    def test_a_stack_that_is_there_is_protected_in_one_step(self):
        for status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
            _, said, sent = self.deploy(Session([described(status)]), "DeletionProtection=true")
            self.assertEqual([one["DeletionProtection"] for one in sent], ["true"], said)

    def test_no_second_step_follows_a_first_one_that_nobody_confirmed(self):
        session = Session([missing(), described("REVIEW_IN_PROGRESS")])
        status, said, sent = self.deploy(session, "DeletionProtection=true")
        self.assertEqual((status, len(sent)), (0, 1), said)

    def test_a_first_deployment_that_fails_says_how_to_go_on(self):
        session = Session([missing(), described("ROLLBACK_COMPLETE")])
        status, said, sent = self.deploy(session, "DeletionProtection=true", statuses=[1])
        self.assertEqual((status, len(sent)), (1, 1), said)
        self.assertIn("aws cloudformation delete-stack --stack-name sluice-dev", said)

    def test_a_stack_that_cannot_be_updated_is_left_alone(self):
        status, said, sent = self.deploy(Session([described("ROLLBACK_COMPLETE")]))
        self.assertEqual((status, sent), (2, []), said)
        self.assertIn("deploy: the stack sluice-dev is in ROLLBACK_COMPLETE: its first deployment failed", said)

    def test_a_stack_that_may_not_be_seen_is_left_alone(self):
        denied = {"code": "AccessDenied", "message": "not authorized"}
        status, said, sent = self.deploy(Session([denied]))
        self.assertEqual((status, sent), (2, []), said)
        self.assertIn("AWS doesn't say how the stack sluice-dev is (AccessDenied)", said)

    def test_code_that_is_not_built_is_missed(self):
        (self.template.parent / "F/bootstrap").unlink()
        (self.template.parent / "F").rmdir()
        status, said, sent = self.deploy(Session([missing()]))
        self.assertEqual((status, sent), (2, []), said)
        self.assertIn("make sam-build STAGE=dev", said)


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

    def test_of_a_canary_without_a_revision(self):
        self.refused("CanaryDeployment=true needs one", "dev", "CanaryDeployment=true", "Revision=")

    def test_of_a_default_that_is_not_there(self):
        self.refused("the template has no default for it", "notify", "BusName=@default")

    def test_of_variables_that_lambda_has_no_room_for(self):
        sources = ",".join(f"2600:1f18:{number:04x}:5a00:7c3d:9e1f:0b2a:4d6c" for number in range(100))
        self.refused("IngestFunction: its variables come to", "dev", f"AllowedSources={sources}")

    def test_of_a_template_that_is_not_built(self):
        self.refused("nothing is built at", "--go", "--template", "/nowhere/template.yaml", "dev")

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


if __name__ == "__main__":
    unittest.main()
