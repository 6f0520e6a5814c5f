"""A consumer as Powertools' pages have it: the batch processor takes each message by itself, boto3 keeps the state, the
newest by Stripe's `created`. Two events of one second are in the order that they came in. A peer, not a part."""

import json
import os

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from botocore.exceptions import ClientError

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
processor = BatchProcessor(event_type=EventType.SQS)


def keep(record):
    event = json.loads(record.body)["detail"]
    intent = event["data"]["object"]
    item = {
        "id": intent["id"],
        "status": intent["status"],
        "amount": intent["amount"],
        "currency": intent["currency"],
        "created": event["created"],
    }
    try:
        table.put_item(
            Item=item,
            ConditionExpression="attribute_not_exists(id) OR created <= :created",
            ExpressionAttributeValues={":created": event["created"]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


def handler(event, context):
    return process_partial_response(event=event, record_handler=keep, processor=processor, context=context)
