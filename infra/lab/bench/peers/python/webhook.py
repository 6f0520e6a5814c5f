"""A webhook function as AWS's and Stripe's pages have it: stripe's library verifies, Powertools' idempotency remembers,
boto3 publishes. A peer, not a part."""

import json
import os

import boto3
import stripe
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function

SECRET = os.environ["STRIPE_WEBHOOK_SECRET"]
BUS = os.environ["EVENT_BUS_NAME"]

store = DynamoDBPersistenceLayer(table_name=os.environ["TABLE_NAME"])
config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=7 * 86400)
events = boto3.client("events")


@idempotent_function(data_keyword_argument="event", config=config, persistence_store=store)
def publish(event):
    entry = {"EventBusName": BUS, "Source": "stripe", "DetailType": event["type"], "Detail": json.dumps(event)}
    if events.put_events(Entries=[entry])["FailedEntryCount"]:
        raise RuntimeError("the bus has not taken the event")
    return {"published": True}


def handler(request, context):
    config.register_lambda_context(context)
    payload = request["body"]
    try:
        stripe.Webhook.construct_event(payload, request["headers"].get("stripe-signature", ""), SECRET)
    except (ValueError, stripe.SignatureVerificationError):
        return {"statusCode": 400, "body": "bad signature"}
    publish(event=json.loads(payload))
    return {"statusCode": 200, "body": "ok"}
