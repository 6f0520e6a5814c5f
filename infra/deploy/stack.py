"""The stack as it is before a deployment: whether it can be updated, and what it was deployed with."""

from dataclasses import dataclass, field

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

import parameters

# A stack that has a change set and nothing else: the first one, which nobody has carried out yet.
REVIEW = "REVIEW_IN_PROGRESS"

# What each status asks for, before anything can be deployed. `{name}` is the stack's.
DELETE = "aws cloudformation delete-stack --stack-name {name} && aws cloudformation wait stack-delete-complete --stack-name {name}"
PAGE = "infra/docs/first-deploy.md, \"If the first deployment fails\""
OBSTACLES = {
    "ROLLBACK_COMPLETE": f"its first deployment failed and was taken back. Delete it and deploy again: {DELETE}",
    "ROLLBACK_FAILED": (
        "its first deployment failed, and not all of it could be taken back; a table with DeletionProtection refuses to be "
        f"deleted. {PAGE}, has what to do; at its end: {DELETE}"
    ),
    "CREATE_FAILED": f"its first deployment failed. Delete it and deploy again: {DELETE}",
    "DELETE_FAILED": f"not all of it could be deleted. See why, and delete it again: {DELETE}",
    "IMPORT_ROLLBACK_FAILED": (
        "taking resources into it failed, and could not be taken back. See why: aws cloudformation describe-stack-events "
        "--stack-name {name}"
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "its last deployment failed, and could not be taken back. Remove the cause, and let it go on: aws cloudformation "
        "continue-update-rollback --stack-name {name}"
    ),
}

# The statuses in which all of the stack is as it was deployed last.
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")

# What a status in progress is waited for with. AWS's CLI has nothing for the others: they are looked at.
WAITS = {"CREATE": "stack-create-complete", "DELETE": "stack-delete-complete", "UPDATE": "stack-update-complete"}


class Unreadable(Exception):
    """AWS doesn't say how the stack is."""


@dataclass(frozen=True)
class Stack:
    """A stack as it is. One that isn't there has no status."""

    name: str
    status: str | None = None
    parameters: dict = field(default_factory=dict)
    # When it was made or updated last, also if that failed; a text.
    changed: str = ""

    @property
    def is_new(self):
        """Whether the next deployment is its first."""
        return self.status in (None, REVIEW)

    @property
    def is_settled(self):
        """Whether its last deployment succeeded, and wasn't an import of resources."""
        return self.status in SETTLED

    def obstacle(self):
        """Why it can't be deployed now and the command that changes it, or None."""
        if self.is_new:
            return None
        if self.status in OBSTACLES:
            return f"the stack {self.name} is in {self.status}: {OBSTACLES[self.status].format(name=self.name)}"
        if self.status.endswith("_IN_PROGRESS"):
            waiter = None if "ROLLBACK" in self.status else WAITS.get(self.status.partition("_")[0])
            command = f"wait {waiter}" if waiter else "describe-stacks --query Stacks[0].StackStatus"
            return (
                f"the stack {self.name} is in {self.status}: another operation is at work on it. Deploy when it has ended: "
                f"aws cloudformation {command} --stack-name {self.name}"
            )
        return None

    def note(self):
        """What is worth saying of it although it can be deployed, or None."""
        if self.status == REVIEW:
            return (
                f"the stack {self.name} is in {REVIEW}: a change set for it waits that was never carried out. This deployment "
                f"makes another; to have neither: {DELETE.format(name=self.name)}"
            )
        if self.status in ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED"):
            return (
                f"the stack {self.name} is in {self.status}: its last deployment failed. This one's revision differs from that "
                "one's, also if nothing else does, so that Lambda publishes versions of it"
            )
        return None


def read(client, name):
    """The stack as CloudFormation describes it."""
    try:
        described = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code == "ValidationError" and "does not exist" in said:
            return Stack(name)
        what = f"AWS doesn't say how the stack {name} is ({code}): infra/deploy/deploy-policy.json has what deploying needs"
        raise Unreadable(what) from error
    given = {one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])}
    status, changed = described["StackStatus"], described.get("LastUpdatedTime", described["CreationTime"])
    # One whose first change set was never carried out has parameters that nothing was deployed with.
    return Stack(name, status, {} if status == REVIEW else given, str(changed))


def deployed_defaults(client, name):
    """The defaults of the template that is deployed, by parameter; none if AWS doesn't give it."""
    try:
        body = client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    except ClientError:
        return {}
    declared = (yaml_parse(body) if isinstance(body, str) else body).get("Parameters", {})
    return {key: text for key, one in declared.items() if (text := parameters.default_of(one)) is not None}
