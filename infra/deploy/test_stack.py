"""Shows what `deploy.py` says of a stack in each status that CloudFormation has.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import re
import unittest

import boto3
from botocore.stub import Stubber

import stack

# Of all statuses, those that a stack can be deployed in.
FREE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}


def client():
    return boto3.client("cloudformation", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


class Statuses(unittest.TestCase):
    def setUp(self):
        shape = client().meta.service_model.shape_for("StackStatus")
        self.all = set(shape.enum)

    def test_each_status_that_a_stack_cannot_be_deployed_in_has_a_sentence_and_a_command(self):
        self.assertGreater(len(self.all), 20)
        for status in sorted(self.all - FREE - {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}):
            with self.subTest(status):
                said = stack.Stack("sluice-dev", status).obstacle()
                self.assertIn(f"sluice-dev is in {status}", said)
                self.assertRegex(said, r"aws cloudformation [a-z-]+ .*--stack-name sluice-dev")

    def test_the_others_have_none(self):
        for status in sorted(FREE) + [None]:
            self.assertIsNone(stack.Stack("sluice-dev", status).obstacle(), status)

    def test_a_command_is_one_that_there_is(self):
        waiters = {f"stack-{name.removeprefix('stack_').replace('_', '-')}" for name in client().waiter_names}
        operations = client().meta.service_model.operation_names
        commands = {re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower() for name in operations}
        for status in sorted(self.all - FREE):
            one = stack.Stack("sluice-dev", status)
            for command, waiter in re.findall(r"aws cloudformation ([a-z-]+) ?([a-z-]*)", one.obstacle() or one.note() or ""):
                self.assertIn(waiter, waiters) if command == "wait" else self.assertIn(command, commands)

    def test_a_change_set_that_nobody_carried_out_is_a_first_deployment_still(self):
        one = stack.Stack("sluice-dev", "REVIEW_IN_PROGRESS")
        self.assertEqual((one.is_new, one.obstacle()), (True, None))
        self.assertIn("This deployment makes another", one.note())

    def test_only_a_deployment_that_succeeded_leaves_a_stack_settled(self):
        settled = {status for status in self.all if stack.Stack("sluice-dev", status).is_settled}
        self.assertEqual(settled, {"CREATE_COMPLETE", "UPDATE_COMPLETE"})
        self.assertFalse(stack.Stack("sluice-dev").is_settled)

    def test_a_deployment_that_was_taken_back_is_said(self):
        for status in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED"):
            self.assertIn("its last deployment failed", stack.Stack("sluice-dev", status).note())
        self.assertIsNone(stack.Stack("sluice-dev", "UPDATE_COMPLETE").note())

    def test_a_rollback_that_failed_names_the_protected_tables(self):
        self.assertIn("DeletionProtection", stack.Stack("sluice-prod", "ROLLBACK_FAILED").obstacle())


class Reading(unittest.TestCase):
    def defaults(self, body):
        asked = client()
        with Stubber(asked) as stub:
            stub.add_response("get_template", {"TemplateBody": body}, {"StackName": "s", "TemplateStage": "Original"})
            return stack.deployed_defaults(asked, "s")

    def test_the_deployed_templates_defaults_are_read_from_yaml_and_json(self):
        self.assertEqual(self.defaults("Parameters: {A: {Type: Number, Default: 3}, B: {Type: String}}"), {"A": "3"})
        self.assertEqual(self.defaults('{"Parameters": {"A": {"Type": "Number", "Default": 3}}}'), {"A": "3"})

    def test_a_template_that_may_not_be_read_has_none(self):
        asked = client()
        with Stubber(asked) as stub:
            stub.add_client_error("get_template", "AccessDenied")
            self.assertEqual(stack.deployed_defaults(asked, "s"), {})

    def test_when_it_changed_last_is_read_also_of_one_that_never_was_updated(self):
        made, updated = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
        found = []
        for more in ({}, {"LastUpdatedTime": updated}):
            asked = client()
            one = {"StackName": "s", "CreationTime": made, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"} | more
            with Stubber(asked) as stub:
                stub.add_response("describe_stacks", {"Stacks": [one]}, {"StackName": "s"})
                found.append(stack.read(asked, "s").changed)
        self.assertEqual(found, [made, updated])

    def test_what_a_change_set_alone_was_given_is_not_what_the_stack_has(self):
        asked = client()
        one = {"StackName": "s", "CreationTime": "2026-01-01T00:00:00Z", "StackStatus": "REVIEW_IN_PROGRESS"}
        one["Parameters"] = [{"ParameterKey": "A", "ParameterValue": "1"}]
        with Stubber(asked) as stub:
            stub.add_response("describe_stacks", {"Stacks": [one]}, {"StackName": "s"})
            self.assertEqual(stack.read(asked, "s").parameters, {})


if __name__ == "__main__":
    unittest.main()
