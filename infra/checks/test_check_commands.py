"""Shows that `check_commands.py` finds each kind of mistake, and takes what the AWS CLI takes.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import unittest

import botocore.session
import check_commands

SESSION = botocore.session.get_session()


def said(text):
    """What is wrong with the commands of a page."""
    found = []
    for words, is_span in check_commands.commands(text):
        try:
            check_commands.parse(words, SESSION, is_span)
            found.append("")
        except check_commands.Wrong as error:
            found.append(str(error))
    return found


class Commands(unittest.TestCase):
    def refused(self, sentence, command):
        [only] = said(f"```\n{command}\n```\n")
        self.assertIn(sentence, only)

    def taken(self, command, count=1):
        self.assertEqual(said(f"```\n{command}\n```\n"), [""] * count)

    def test_a_payload_that_is_no_base64_is_refused(self):
        self.refused("isn't base64", "aws lambda invoke --function-name f --payload '{}' /dev/stdout")
        self.taken("aws lambda invoke --function-name f /dev/stdout")
        self.taken("aws lambda invoke --function-name f --payload e30= /dev/stdout")
        self.taken("aws lambda invoke --function-name f --cli-binary-format raw-in-base64-out --payload '{}' /dev/stdout")

    def test_a_service_that_the_cli_calls_by_another_name_is_known(self):
        self.taken("aws deploy stop-deployment --deployment-id d --auto-rollback-enabled")
        self.refused("has no command", "aws deploy stop --deployment-id d")

    def test_in_a_sentence_as_well(self):
        [only] = said("Run it: `aws lambda invoke --function-name <F>\n--payload '{}' /dev/stdout`.")
        self.assertIn("isn't base64", only)

    def test_a_sentence_may_name_a_command_without_what_it_needs_but_not_one_that_is_not_there(self):
        self.assertEqual(said("See `aws secretsmanager put-secret-value` and `aws dynamodb update-table --warm-throughput`."), ["", ""])
        self.assertEqual(said("See `aws secretsmanager put-secrets`."), ["secretsmanager has no command put-secrets"])

    def test_names_that_are_not_there_are_refused(self):
        self.refused("there is no service lamda", "aws lamda invoke")
        self.refused("lambda has no command call", "aws lambda call --function-name f")
        self.refused("has no option --name", "aws lambda get-function --name f")
        self.refused("can't wait for stack-made", "aws cloudformation wait stack-made --stack-name s")
        self.taken("aws cloudformation wait stack-create-complete --stack-name s")

    def test_what_is_required_or_too_much_is_refused(self):
        self.refused("needs --function-name", "aws lambda get-function --qualifier live")
        self.refused("takes a file for its output", "aws lambda invoke --function-name f")
        self.refused("takes no word", "aws lambda get-function f --qualifier live --function-name f g")
        self.refused("takes a value", "aws lambda get-function --function-name")

    def test_values_have_the_form_of_their_option(self):
        self.refused("is none of", "aws cloudformation create-change-set --stack-name s --change-set-name c --change-set-type MAKE")
        self.refused("isn't a number", "aws sqs receive-message --queue-url u --wait-time-seconds soon")
        self.refused("neither JSON nor", "aws dynamodb get-item --table-name t --key pk")
        self.refused("has no Cluster", "aws lambda update-alias --function-name f --name a --routing-config Cluster=1")
        self.refused(
            "has no Nam",
            'aws cloudwatch get-metric-data --start-time a --end-time b --metric-data-queries \'[{"Id":"a","Nam":1}]\'',
        )
        self.refused(
            "isn't a string",
            'aws dynamodb get-item --table-name t --key \'{"pk":{"S":1}}\'',
        )
        self.taken('aws dynamodb get-item --table-name t --key \'{"pk":{"S":"<id>"}}\' --consistent-read')

    def test_a_query_is_one_that_the_cli_can_read(self):
        for query in ("'Stacks[0.StackStatus'", "'Stacks[0].'", "''", '"Stacks[?starts_with(@, \'a)]"', "'Stacks[0].(Name)'", "'$'"):
            self.refused("isn't JMESPath", f"aws cloudformation describe-stacks --query {query}")
        self.refused("isn't JMESPath", "aws cloudformation describe-stacks --query='Stacks[0'")
        [only] = said("See `aws cloudformation describe-stacks --query Stacks[0`.")
        self.assertIn("isn't JMESPath", only)
        named = '"Stacks[?Name==\'${NAME}-<x>\'].[A, B]"'
        for query in ("Stacks[0].StackStatus", "'length(Stacks)'", '"$QUERY"', named, "'Stacks[?N==`1`]'"):
            self.taken(f"aws cloudformation describe-stacks --query {query}")

    def test_a_query_of_a_command_that_is_known_by_name_alone_is_read_too(self):
        self.refused("isn't JMESPath", "aws s3 ls --query 'a['")

    def test_commands_within_commands_after_assignments_and_over_lines_are_found(self):
        self.taken('AWS_REGION=x aws lambda get-function \\\n  --function-name "$(aws sts get-caller-identity --query Arn)" | head', 2)
        self.refused("has no command who", 'VERSION=$(aws sts who)\n')
        self.taken("for v in 1 2; do aws lambda delete-function --function-name f --qualifier $v; done")

    def test_the_pages_have_commands_and_all_are_such_as_the_cli_takes(self):
        wrong, count = check_commands.breaches(check_commands.ROOT)
        self.assertEqual(wrong, [])
        self.assertGreater(count, 5)


if __name__ == "__main__":
    unittest.main()
