// A webhook function as AWS's and Stripe's pages have it: stripe's library verifies, Powertools' idempotency remembers,
// the SDK publishes. A peer, not a part.
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import Stripe from 'stripe';

const { STRIPE_WEBHOOK_SECRET: secret, EVENT_BUS_NAME: bus, TABLE_NAME: tableName } = process.env;
const stripe = new Stripe('sk_test_unused');
const events = new EventBridgeClient({});
const persistenceStore = new DynamoDBPersistenceLayer({ tableName });
const config = new IdempotencyConfig({ eventKeyJmesPath: 'id', expiresAfterSeconds: 7 * 86400 });

const publish = makeIdempotent(
  async (event) => {
    const entry = { EventBusName: bus, Source: 'stripe', DetailType: event.type, Detail: JSON.stringify(event) };
    const output = await events.send(new PutEventsCommand({ Entries: [entry] }));
    if (output.FailedEntryCount) throw new Error('the bus has not taken the event');
    return { published: true };
  },
  { persistenceStore, config },
);

export const handler = async (request, context) => {
  config.registerLambdaContext(context);
  let event;
  try {
    event = stripe.webhooks.constructEvent(request.body, request.headers['stripe-signature'], secret);
  } catch {
    return { statusCode: 400, body: 'bad signature' };
  }
  await publish(event);
  return { statusCode: 200, body: 'ok' };
};
