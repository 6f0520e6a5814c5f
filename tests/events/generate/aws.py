"""Lambda's own events, as AWS hands them to the functions: HTTP API (payload 2.0), SQS, the sweep's schedule."""

import base64
import copy
import hashlib
import hmac
import json
import time

from shapes import START_S, uuid

# Good for nothing: the stored HTTP events are signed with it.
SAMPLE_SECRET = "whsec_SluiceSampleSecretForTestsOnly"
REGION = "us-east-1"
AWS_ACCOUNT = "123456789012"
API_ID = "a1b2c3d4e5"


def signature(body, secret, t):
    """The `Stripe-Signature` header for these bytes at this second."""
    mac = hmac.new(secret.encode(), b"%d." % t + body, hashlib.sha256).hexdigest()
    # v0 is the scheme without meaning that Stripe adds to test events; a receiver ignores it.
    return f"t={t},v1={mac},v0={hashlib.sha256(mac.encode()).hexdigest()}"


def traceparent(name):
    """A W3C trace context that depends on `name` alone."""
    h = hashlib.sha256(name.encode()).hexdigest()
    return f"00-{h[:32]}-{h[32:48]}-01"


def http(body, *, t, secret=SAMPLE_SECRET, endpoint=None, as_base64=False):
    """A signed webhook as API Gateway's HTTP API passes it to `ingest`."""
    path = "/webhooks/stripe" + (f"/{endpoint}" if endpoint else "")
    route = "ANY /webhooks/stripe" + ("/{endpoint}" if endpoint else "")
    host = f"{API_ID}.execute-api.{REGION}.amazonaws.com"
    h = hashlib.sha256(body + path.encode()).hexdigest()
    out = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "*/*; q=0.5, application/xml",
            "cache-control": "no-cache",
            "content-length": str(len(body)),
            "content-type": "application/json; charset=utf-8",
            "host": host,
            "stripe-signature": signature(body, secret, t),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "x-amzn-trace-id": f"Root=1-{t:08x}-{h[:24]}",
            "x-forwarded-for": "3.18.12.63",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": AWS_ACCOUNT,
            "apiId": API_ID,
            "domainName": host,
            "domainPrefix": API_ID,
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "3.18.12.63",
                "userAgent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            },
            "requestId": f"{h[:15]}=",
            "routeKey": route,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(t)),
            "timeEpoch": t * 1000 + 250,
        },
    }
    if endpoint:
        out["pathParameters"] = {"endpoint": endpoint}
    out["body"] = base64.b64encode(body).decode() if as_base64 else body.decode()
    out["isBase64Encoded"] = as_base64
    return out


def envelope(stripe_event, *, endpoint="platform", pointer=False):
    """What a rule of the bus puts on a queue: EventBridge's envelope around Stripe's event and the key `sluice`."""
    event = copy.deepcopy(stripe_event)
    account = event.get("account") or event.get("context")
    received_at_ms = (START_S + 50) * 1000
    tag = {
        "account": account,
        "endpoint": endpoint,
        "livemode": event["livemode"],
        "received_at_ms": received_at_ms,
        "traceparent": traceparent(event["id"]),
        "body": "ledger" if pointer else "inline",
    }
    if pointer:
        obj = event["data"]["object"]
        kept = ("id", "type", "livemode", "created", "api_version", "account")
        event = {key: event[key] for key in kept if key in event}
        event["object"] = "event"
        event["data"] = {"object": {"id": obj.get("id"), "object": obj["object"]}}
    return {
        "version": "0",
        "id": uuid(event["id"] + "bus"),
        "detail-type": event["type"],
        "source": "sluice.stripe",
        "account": AWS_ACCOUNT,
        "time": "2026-01-05T09:00:50Z",
        "region": REGION,
        "resources": [],
        "detail": {"sluice": tag, **event},
    }


def sqs(bodies, *, queue):
    """A batch as the queue's event source mapping hands it over."""
    records = []
    for number, body in enumerate(bodies):
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        records.append(
            {
                "messageId": uuid(f"{queue}{number}"),
                "receiptHandle": base64.b64encode(f"receipt handle {queue} {number}".encode()).decode(),
                "body": text,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": str((START_S + 51) * 1000),
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": str((START_S + 51) * 1000 + 12),
                },
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{AWS_ACCOUNT}:{queue}",
                "awsRegion": REGION,
            }
        )
    return {"Records": records}


def schedule():
    """The minute's tick for `sweep`: template.yaml gives the schedule this input."""
    return {}


def all_files(stripe):
    """Every file of `lambda/`, by name. `stripe` maps a sample's name to its bytes."""

    def sample(name):
        return json.loads(stripe[name])

    t = START_S + 45
    # A card purchase, in an order that no domain may rely on, and the payment intent as a pointer.
    payments = [
        envelope(sample("charge.succeeded")),
        envelope(sample("checkout.session.completed")),
        envelope(sample("payment_intent.succeeded"), pointer=True),
        envelope(sample("payment_intent.created")),
    ]
    life = [envelope(sample(f"customer.subscription.{name}")) for name in ("created", "updated", "deleted")]
    return {
        "http": http(stripe["checkout.session.completed"], t=t),
        "http.base64": http(stripe["customer.subscription.created"], t=t, as_base64=True),
        "http.connect": http(stripe["account.updated"], t=t, endpoint="connect"),
        "http.thin": http(stripe["v1.billing.meter.error_report_triggered"], t=t),
        "schedule": schedule(),
        "sqs.payments": sqs(payments, queue="sluice-payments"),
        # One message that no bus wrote, one whose detail is no event, and a good one that must not suffer for them.
        "sqs.payments.poison": sqs(
            [
                "{ this is not JSON",
                {**envelope(sample("charge.succeeded")), "detail": {"hello": "world"}},
                envelope(sample("charge.succeeded")),
            ],
            queue="sluice-payments",
        ),
        "sqs.subscriptions": sqs(life, queue="sluice-subscriptions"),
    }
