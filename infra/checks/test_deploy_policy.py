"""Holds `deploy-policy.json`, what a role needs that deploys, to the templates: it allows what CloudFormation calls for each type
of resource in them, and nothing else.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks

CloudFormation calls AWS with the rights of the person or workflow that deploys. What it calls for a type is in AWS's own schema of the type, which
cfn-lint brings along; what is only called for a property that no template here has is in `UNUSED`.
"""

import fnmatch
import json
import re
import unittest
from pathlib import Path

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from transform import transform

ROOT = Path(__file__).resolve().parents[2]
POLICY = json.loads((ROOT / "infra/deploy/deploy-policy.json").read_text(encoding="utf-8"))
STATEMENTS = {one["Sid"]: one for one in POLICY["Statement"]}

# What a role's own policies have room for; white space doesn't count.
MAX_CHARACTERS = 10_240

# Each template, with the parameters that SAM itself reads, so that each resource is there.
TEMPLATES = [
    (ROOT / "template.yaml", {"CanaryDeployment": "true", "Revision": "0123456789abcdef"}),
    (ROOT / "functions/notify/template.yaml", {}),
]

# Which types of resources each statement is for.
TYPES = {
    "Tables": ["AWS::DynamoDB::Table"],
    "Queues": ["AWS::SQS::Queue", "AWS::SQS::QueuePolicy"],
    "Bus": ["AWS::Events::EventBus", "AWS::Events::Archive", "AWS::Events::Rule"],
    "Secret": ["AWS::SecretsManager::Secret"],
    "Api": ["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Stage"],
    "Functions": [
        "AWS::Lambda::Function",
        "AWS::Lambda::Version",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Permission",
        "AWS::Lambda::EventInvokeConfig",
    ],
    "Mappings": ["AWS::Lambda::EventSourceMapping"],
    "MappingsOfOwnFunctions": ["AWS::Lambda::EventSourceMapping"],
    "Schedules": ["AWS::Scheduler::Schedule"],
    "LogGroups": ["AWS::Logs::LogGroup", "AWS::Logs::MetricFilter"],
    "LogsWithoutResource": ["AWS::Logs::LogGroup"],
    "AlarmsAndDashboard": ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"],
    "Roles": ["AWS::IAM::Role", "AWS::IAM::ManagedPolicy"],
    "PassRoles": ["AWS::Lambda::Function", "AWS::Scheduler::Schedule", "AWS::CodeDeploy::DeploymentGroup"],
    "Canary": ["AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::Lambda::Alias"],
    "CanaryStops": ["AWS::CodeDeploy::DeploymentGroup", "AWS::Lambda::Alias"],
    "CodeInSamsBucket": ["AWS::Lambda::Function"],
}

# What isn't for a type: SAM's own calls, the commands that deploy.py names, and those of the smoke test.
OTHERS = {
    "ChangeSets": {
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeChangeSet",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeStacks",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:GetTemplate",
        "cloudformation:GetTemplateSummary",
        "cloudformation:ListStackResources",
    },
    "AfterAFailure": {"cloudformation:ContinueUpdateRollback", "cloudformation:DeleteStack"},
    "SamsTransform": {"cloudformation:CreateChangeSet"},
    "SamsBucket": {"cloudformation:DescribeStacks"},
    "CodeInSamsBucket": {"s3:PutObject"},
    # An API's access log: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
    "LogsWithoutResource": {
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    },
    "SmokeTest": {"dynamodb:GetItem", "dynamodb:Query"},
}

# What AWS's schemas name and no template here makes CloudFormation call. A type, or any of them, and why.
UNUSED = [
    ("*", "kms:*", "the key's own policy admits who deploys: infra/kms-key-policy.md"),
    ("*", "ec2:*", "no function is in a VPC"),
    ("*", "elasticfilesystem:*", "no function has a file system"),
    ("*", "s3files:*", "no function has a file system"),
    ("*", "kinesis:*", "no table streams to Kinesis"),
    ("*", "firehose:*", "no log group's lines are delivered"),
    ("*", "s3:REST.PUT.OBJECT", "no log group's lines are delivered"),
    ("*", "s3:getObject", "no API has its body in a file"),
    ("*", "iam:CreateServiceLinkedRole", "no table scales"),
    ("AWS::DynamoDB::Table", "dynamodb:*Item", "a table is neither imported nor a replica"),
    ("AWS::DynamoDB::Table", "dynamodb:Query", "a table is no replica"),
    ("AWS::DynamoDB::Table", "dynamodb:Scan", "a table is no replica"),
    ("AWS::DynamoDB::Table", "dynamodb:*TableReplica", "a table is no replica"),
    ("AWS::DynamoDB::Table", "dynamodb:*Import*", "a table is not imported"),
    ("AWS::DynamoDB::Table", "logs:*", "a table is not imported"),
    ("AWS::DynamoDB::Table", "s3:*", "a table is not imported"),
    ("AWS::DynamoDB::Table", "dynamodb:[EDU]*bleKinesisStreamingDestination", "no table streams to Kinesis"),
    ("AWS::DynamoDB::Table", "dynamodb:UpdateKinesisStreamingDestination", "no table streams to Kinesis"),
    ("AWS::DynamoDB::Table", "dynamodb:UpdateContributorInsights", "no table has them"),
    ("AWS::DynamoDB::Table", "dynamodb:PutResourcePolicy", "no table has one"),
    ("AWS::DynamoDB::Table", "dynamodb:DeleteResourcePolicy", "no table has one"),
    ("AWS::Events::EventBus", "events:*Permission", "no other account may use the bus"),
    ("AWS::Events::Rule", "iam:PassRole", "a queue's policy admits the rule"),
    ("AWS::ApiGatewayV2::Integration", "iam:PassRole", "a function's permission admits the API"),
    ("AWS::ApiGatewayV2::Stage", "apigateway:*TagResource", "an API's tags are put, POSTed and DELETEd under /tags"),
    ("AWS::SecretsManager::Secret", "secretsmanager:GetRandomPassword", "the secret's first value is written out"),
    ("AWS::SecretsManager::Secret", "secretsmanager:*Regions*", "the secret has no replica"),
    ("AWS::IAM::Role", "iam:*PermissionsBoundary", "no role has one"),
    ("AWS::IAM::ManagedPolicy", "iam:*GroupPolicy", "a role attaches it"),
    ("AWS::IAM::ManagedPolicy", "iam:*UserPolicy", "a role attaches it"),
    ("AWS::Lambda::*", "lambda:*CodeSigningConfig", "code isn't signed"),
    ("AWS::Lambda::*", "lambda:AssociateRuntimeAlias", "the runtime is AWS's own"),
    ("AWS::Lambda::*", "lambda:GetLayerVersion", "no function has layers"),
    ("AWS::Lambda::*", "lambda:PassCapacityProvider", "no function has one"),
    ("AWS::Lambda::*", "lambda:PutFunctionRecursionConfig", "the default stays"),
    ("AWS::Lambda::*", "lambda:PutFunctionScalingConfig", "no function has one"),
    ("AWS::Lambda::*", "lambda:PutRuntimeManagementConfig", "the default stays"),
    ("AWS::Lambda::*", "lambda:*teProvisionedConcurrencyConfig", "no alias has any"),
    ("AWS::Lambda::*", "lambda:PutProvisionedConcurrencyConfig", "no alias has any"),
    ("AWS::Logs::LogGroup", "logs:*DataProtectionPolicy", "no group has one"),
    ("AWS::Logs::LogGroup", "logs:*IndexPolicy", "no group has one"),
    ("AWS::Logs::LogGroup", "logs:PutBearerTokenAuthentication", "lines come from functions"),
    ("AWS::Logs::LogGroup", "logs:PutLogGroupDeletionProtection", "no group has it"),
    ("AWS::Logs::LogGroup", "logs:DeleteResourcePolicy", "no group has one"),
    ("AWS::CodeDeploy::DeploymentGroup", "codedeploy:RegisterOnPremisesInstance", "what is deployed is a function"),
]

# Reading is part of making and changing a resource, also of what it doesn't have.
READS = ("logs:GetDataProtectionPolicy", "lambda:GetFunctionCodeSigningConfig")

# Where AWS takes no narrower resource.
EVERYWHERE = {"LogsWithoutResource", "MappingsOfOwnFunctions", "CanaryStops"}


def needed(kind):
    """What CloudFormation calls to make, read, change and delete a resource of a type."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    calls = {call for name, handler in handlers.items() if name != "list" for call in handler["permissions"]}
    return {call for call in calls if call in READS or not is_unused(kind, call)}


def is_unused(kind, call):
    return any(fnmatch.fnmatchcase(kind, of) and fnmatch.fnmatchcase(call, pattern) for of, pattern, _ in UNUSED)


def kinds():
    """The types of resources that all templates make."""
    return {one["Type"] for path, given in TEMPLATES for one in transform(path, given)["Resources"].values()}


def actions(sid):
    return set(STATEMENTS[sid]["Action"])


def resources(sid):
    given = STATEMENTS[sid]["Resource"]
    return [given] if isinstance(given, str) else given


class Policy(unittest.TestCase):
    def test_every_type_of_the_templates_has_a_statement_and_no_other_type_has(self):
        self.assertEqual({kind for of in TYPES.values() for kind in of}, kinds())
        self.assertEqual(set(STATEMENTS), set(TYPES) | set(OTHERS))

    def test_all_that_cloudformation_calls_for_a_type_is_allowed(self):
        for kind in sorted(kinds()):
            allowed = {action for sid, of in TYPES.items() if kind in of for action in actions(sid)}
            self.assertEqual(needed(kind) - allowed, set(), kind)

    def test_nothing_else_is_allowed(self):
        for sid in STATEMENTS:
            wanted = OTHERS.get(sid, set()).union(*(needed(kind) for kind in TYPES.get(sid, [])))
            self.assertEqual(actions(sid) - wanted, set(), sid)
            self.assertEqual(OTHERS.get(sid, set()) - actions(sid), set(), sid)
            self.assertNotIn("*", "".join(STATEMENTS[sid]["Action"]), sid)

    def test_every_exception_still_excepts_something(self):
        found = {}
        for kind in kinds():
            handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
            found[kind] = {call for handler in handlers.values() for call in handler["permissions"]}
        for of, pattern, _ in UNUSED:
            calls = [call for kind, some in found.items() if fnmatch.fnmatchcase(kind, of) for call in some]
            self.assertTrue(fnmatch.filter(calls, pattern), f"{of} {pattern}")

    def test_a_statement_is_for_the_stacks_own_resources_where_aws_can_tell(self):
        for sid in STATEMENTS:
            if sid in EVERYWHERE:
                self.assertEqual(resources(sid), ["*"], sid)
            else:
                self.assertNotIn("*", resources(sid), sid)

    def test_every_name_in_the_templates_is_one_that_its_statement_is_for(self):
        names = {
            "TableName": ("Tables", "table/"),
            "QueueName": ("Queues", ""),
            "FunctionName": ("Functions", "function:"),
            "LogGroupName": ("LogGroups", "log-group:"),
            "AlarmName": ("AlarmsAndDashboard", "alarm:"),
            "ArchiveName": ("Bus", "archive/"),
        }
        seen = 0
        for path, given in TEMPLATES:
            for name, one in transform(path, given)["Resources"].items():
                for key, text in one.get("Properties", {}).items():
                    if key in names and isinstance(text, dict) and "Fn::Sub" in text:
                        sid, before = names[key]
                        own = before + text["Fn::Sub"].replace("${AWS::StackName}", "STACK")
                        patterns = [pattern.split(":", 5)[-1] for pattern in resources(sid)]
                        self.assertTrue(any(fnmatch.fnmatchcase(own, pattern) for pattern in patterns), f"{name}: {own}")
                        seen += 1
        self.assertGreater(seen, 80)

    def test_roles_are_passed_to_the_services_that_take_them_on_and_no_others(self):
        condition = STATEMENTS["PassRoles"]["Condition"]["StringEquals"]["iam:PassedToService"]
        trusted = set()
        for path, given in TEMPLATES:
            for one in transform(path, given)["Resources"].values():
                if one["Type"] == "AWS::IAM::Role":
                    for statement in one["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
                        service = statement["Principal"]["Service"]
                        trusted |= {service} if isinstance(service, str) else set(service)
        self.assertEqual(set(condition), trusted)

    def test_the_operators_program_finds_the_stack_which_the_smoke_test_needs(self):
        operators = json.loads((ROOT / "infra/operations/operator-policy.json").read_text(encoding="utf-8"))
        (finds,) = (one for one in operators["Statement"] if one["Sid"] == "FindTheStack")
        allowed = {action for sid in STATEMENTS if finds["Resource"] in resources(sid) for action in actions(sid)}
        self.assertEqual(set(finds["Action"]) - allowed, set())

    def test_a_role_has_room_for_it(self):
        self.assertLessEqual(len(re.sub(r"\s", "", json.dumps(POLICY))), MAX_CHARACTERS)


if __name__ == "__main__":
    unittest.main()
