"""Holds the sample that forwards metrics and logs elsewhere to the templates: what has an alarm or a log group here is there, too.

    .venv/lint/bin/python -m unittest discover --start-directory infra/checks
"""

import copy
import json
import unittest

import monitors

MAIN, RECEIVER = (monitors.load(path) for path in monitors.TEMPLATES)
FORWARDING = monitors.load(monitors.FORWARDING)


def of(template, kind):
    """The properties of each resource of a type."""
    return [one["Properties"] for one in template["Resources"].values() if one["Type"] == kind]


def unsubscribed(forwarding):
    """The log groups of the main template that nothing forwards."""
    subscriptions = of(forwarding, "AWS::Logs::SubscriptionFilter")
    names = {monitors.text(one["LogGroupName"]).replace("${StackName}", "${AWS::StackName}") for one in subscriptions}
    return sorted({monitors.text(one["LogGroupName"]) for one in of(MAIN, "AWS::Logs::LogGroup")} - names)


def streams(forwarding, namespace, metric):
    """Whether the stream has this metric; a filter without names has the whole namespace."""
    [stream] = of(forwarding, "AWS::CloudWatch::MetricStream")
    for one in stream["IncludeFilters"]:
        one = one["Fn::If"][1] if "Fn::If" in one else one
        name = monitors.text(one["Namespace"])
        name = name.replace("${StackName}", "${AWS::StackName}").replace("${ReceiverStackName}", "${AWS::StackName}")
        if name == namespace and metric in one.get("MetricNames", [metric]):
            return True
    return False


def unstreamed(forwarding):
    """The metrics that an alarm or the dashboard looks at and the stream doesn't have."""
    looked_at = {form[1:3] for template in (MAIN, RECEIVER) for alarm in monitors.alarms(template) for form in monitors.metrics(alarm)}
    [dashboard] = of(MAIN, "AWS::CloudWatch::Dashboard")
    for widget in json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]:
        listed = widget["properties"].get("metrics", [])
        looked_at |= {(one[0], one[1]) for one in listed if isinstance(one[0], str)}
    return sorted(pair for pair in looked_at if not streams(forwarding, *pair))


def percentiles(forwarding):
    """(namespace, metric, percentile) of each that is streamed beside the plain statistics."""
    [stream] = of(forwarding, "AWS::CloudWatch::MetricStream")
    found = set()
    for one in stream["StatisticsConfigurations"]:
        pairs = [(metric["Namespace"], metric["MetricName"]) for metric in one["IncludeMetrics"]]
        found |= {(*pair, statistic) for pair in pairs for statistic in one["AdditionalStatistics"]}
    return found


class Forwarding(unittest.TestCase):
    def setUp(self):
        self.broken = copy.deepcopy(FORWARDING)

    def test_each_log_group_of_the_stack_has_a_subscription(self):
        self.assertGreater(len(of(MAIN, "AWS::Logs::LogGroup")), 7)
        self.assertEqual(unsubscribed(FORWARDING), [])
        del self.broken["Resources"]["BillingSubscription"]
        self.assertEqual(unsubscribed(self.broken), ["/aws/lambda/${AWS::StackName}-billing"])

    def test_each_metric_that_an_alarm_or_the_dashboard_looks_at_is_in_the_stream(self):
        self.assertEqual(unstreamed(FORWARDING), [])
        [stream] = of(self.broken, "AWS::CloudWatch::MetricStream")
        of_lambda = next(one for one in stream["IncludeFilters"] if one.get("Namespace") == "AWS/Lambda")
        of_lambda["MetricNames"].remove("Throttles")
        self.assertEqual(unstreamed(self.broken), [("AWS/Lambda", "Throttles")])

    def test_of_an_alarm_on_a_percentile_the_percentile_is_in_the_stream(self):
        forms = [form for alarm in monitors.alarms(MAIN) for form in monitors.metrics(alarm)]
        wanted = {(form[1], form[2], form[4]) for form in forms if form[4].startswith("p")}
        self.assertTrue(wanted)
        self.assertLessEqual(wanted, percentiles(FORWARDING))

    def test_of_aws_s_namespaces_only_named_metrics_are_forwarded_since_others_in_the_account_have_them_too(self):
        [stream] = of(FORWARDING, "AWS::CloudWatch::MetricStream")
        for one in stream["IncludeFilters"]:
            if isinstance(one.get("Namespace"), str):
                self.assertTrue(one["Namespace"].startswith("AWS/"), one)
                self.assertTrue(one["MetricNames"], one)

    def test_network_addresses_are_forwarded_only_if_asked_for(self):
        self.assertEqual(FORWARDING["Resources"]["AccessLogSubscription"]["Condition"], "HasAccessLog")
        self.assertEqual(FORWARDING["Parameters"]["ForwardsAccessLog"]["Default"], "false")

    def test_each_site_that_can_be_chosen_has_its_addresses(self):
        sites = FORWARDING["Mappings"]["Sites"]
        self.assertEqual(list(sites), FORWARDING["Parameters"]["Site"]["AllowedValues"])
        for addresses in sites.values():
            self.assertEqual(set(addresses), {"Logs", "Metrics"})

    def test_no_role_may_do_something_to_everything(self):
        documents = [policy["PolicyDocument"] for role in of(FORWARDING, "AWS::IAM::Role") for policy in role.get("Policies", [])]
        documents += [policy["PolicyDocument"] for policy in of(FORWARDING, "AWS::IAM::RolePolicy")]
        statements = [one["Fn::If"][1] if "Fn::If" in one else one for document in documents for one in document["Statement"]]
        self.assertGreater(len(statements), 5)
        for one in statements:
            self.assertNotIn("*", json.dumps([one["Action"]]))
            self.assertNotEqual(one["Resource"], "*")

    def test_what_is_not_delivered_is_kept_and_the_key_is_never_in_the_template(self):
        deliveries = of(FORWARDING, "AWS::KinesisFirehose::DeliveryStream")
        self.assertEqual(len(deliveries), 2)
        for one in deliveries:
            to = one["HttpEndpointDestinationConfiguration"]
            self.assertEqual(to["S3BackupMode"], "FailedDataOnly")
            self.assertTrue(to["SecretsManagerConfiguration"]["Enabled"])
            self.assertNotIn("AccessKey", to["EndpointConfiguration"])


class Table(unittest.TestCase):
    def test_the_page_has_the_query_of_each_alarm(self):
        _, inside, _ = monitors.parts(monitors.PAGE.read_text(encoding="utf-8"))
        self.assertEqual(inside, monitors.table(), "infra/checks/monitors.py --write")

    def test_the_domains_alarms_are_the_same_and_every_alarm_has_its_row(self):
        rows = monitors.table().splitlines()[2:]
        domains = [one for one in rows if "`<domain>." in one]
        count = sum(len(monitors.alarms(template)) for template in (MAIN, RECEIVER))
        self.assertEqual(len(rows) - len(domains) + len(monitors.DOMAINS) * len(domains), count)

    def test_a_metric_of_aws_s_and_one_of_its_own_are_asked_for_in_their_own_ways(self):
        rows = {one.split("`")[1]: one for one in monitors.table().splitlines()[2:]}
        self.assertIn("`sum:aws.lambda.errors{functionname:STACK-<domain>}.as_count()`", rows["<domain>.errors"])
        self.assertIn('`logs("stack:STACK @code:claim.conflict").rollup("count")`', rows["claim.conflict"])
        self.assertIn("also of none", rows["sweep.silent"])
        self.assertEqual(monitors.snake("InvocationsFailedToBeSentToDlq"), "invocations_failed_to_be_sent_to_dlq")


if __name__ == "__main__":
    unittest.main()
