//! A receiver of effects as deployed: the sample's own template beside Sluice's, and a topic that people would listen to.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_local::build;
use sluice_stripe_sim::{ApiVersion, Options, Scope, Story, World as Stripe};

use crate::world::{World, eventually};

/// The sample receiver beside a world's stack, with a queue that hears its topic.
struct Notify<'a> {
    world: &'a World,
    log_group: String,
    queue: String,
    dead_letters: String,
    heard: String,
}

impl<'a> Notify<'a> {
    fn beside(world: &'a World) -> Self {
        let (topic, heard) = topic_with_a_listener(world);
        let root = sluice_local::stack::root();
        let binaries = build::binaries(&root, &["notify"]).expect("it builds");
        let parameters = [("BusName", world.info().bus.clone()), ("TopicArn", topic)];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value));
        let template = root.join("functions/notify/template.yaml");
        let outputs = world
            .stack(|stack| {
                stack.deploy_beside("notify", &template, &binaries, &BTreeMap::from(parameters))
            })
            .expect("it can be deployed");
        let output = |name: &str| outputs[name].clone();
        Self {
            world,
            log_group: output("NotifyLogGroup"),
            queue: output("NotifyQueueUrl"),
            dead_letters: output("NotifyDeadLettersUrl"),
            heard,
        }
    }

    fn call(&self, target: &str, input: &Value) -> Value {
        self.world
            .stack(|stack| stack.aws().json(target, input))
            .expect("answered")
    }

    /// The outcomes that it logged for an effect's id, in order.
    fn outcomes(&self, id: &str) -> Vec<String> {
        let lines = self.call(
            "Logs_20140328.FilterLogEvents",
            &json!({ "logGroupName": self.log_group }),
        );
        let lines = lines["events"].as_array().cloned().unwrap_or_default();
        let fields = lines.iter().filter_map(|line| {
            let fields: Value = serde_json::from_str(line["message"].as_str()?).ok()?;
            (fields["id"] == id).then(|| fields["outcome"].as_str().unwrap_or("-").to_owned())
        });
        fields.collect()
    }

    /// What the topic's listener has heard, all of it.
    fn messages(&self) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let input = json!({ "QueueUrl": self.heard, "MaxNumberOfMessages": 10 });
            let answer = self.call("AmazonSQS.ReceiveMessage", &input);
            let Some(some) = answer["Messages"]
                .as_array()
                .filter(|some| !some.is_empty())
            else {
                return messages;
            };
            for message in some {
                let text = message["Body"].as_str().expect("a body");
                messages.push(serde_json::from_str(text).expect("SNS writes JSON"));
            }
        }
    }

    fn depth(&self, queue: &str) -> u32 {
        let counts = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ];
        let input = json!({ "QueueUrl": queue, "AttributeNames": counts });
        let answer = self.call("AmazonSQS.GetQueueAttributes", &input);
        let count = |name: &str| answer["Attributes"][name].as_str()?.parse::<u32>().ok();
        counts.into_iter().filter_map(count).sum()
    }
}

/// A topic, and a queue that is subscribed to it: their ARN and URL.
fn topic_with_a_listener(world: &World) -> (String, String) {
    let made = world
        .stack(|stack| {
            stack
                .aws()
                .json("AmazonSQS.CreateQueue", &json!({ "QueueName": "heard" }))
        })
        .expect("a queue");
    let queue = made["QueueUrl"].as_str().expect("a URL").to_owned();
    let topic = world.with_sdk(async |config| {
        let sns = aws_sdk_sns::Client::new(config);
        let topic = sns.create_topic().name("disputes").send().await;
        let topic = topic.expect("a topic").topic_arn.expect("it has a name");
        let endpoint = format!("arn:aws:sqs:{}:000000000000:heard", world.info().region);
        let subscribe = sns.subscribe().topic_arn(&topic).protocol("sqs");
        subscribe
            .endpoint(endpoint)
            .send()
            .await
            .expect("subscribed");
        topic
    });
    (topic, queue)
}

#[test]
fn a_dispute_that_opens_posts_one_message_however_often_its_effect_is_delivered() {
    let world = World::own(|_| {});
    let notify = Notify::beside(&world);
    let mut stripe = Stripe::new(3, Options::default());
    stripe.play(Story::DisputeLost, &Scope::platform(false));
    // Every delivery twice, the last first: the dispute is closed before it was opened.
    for event in stripe.events().iter().rev() {
        let body = stripe.body(event, ApiVersion::V2025_09_30);
        let body = String::from_utf8(body).expect("JSON");
        assert_eq!(world.deliver(&body).words(), "accepted");
        assert_eq!(world.deliver(&body).words(), "duplicate");
    }
    let opened = stripe.events().iter();
    let mut opened = opened.filter(|event| event.kind == "charge.dispute.created");
    let dispute = &opened.next().expect("a dispute").object;
    let effect = eventually("the effect", || {
        let effects = world.effects(&dispute.id).into_iter();
        let mut opened = effects.filter(|effect| effect["detail-type"] == "DisputeOpened");
        opened.next()
    });
    let id = effect["detail"]["id"].as_str().expect("an id");
    eventually("the reaction", || {
        notify
            .outcomes(id)
            .contains(&"reacted".to_owned())
            .then_some(())
    });

    // The bus delivers at least once: here the same effect comes again.
    let entry = json!({
        "EventBusName": world.info().bus, "Source": "sluice.effects", "DetailType": "DisputeOpened",
        "Detail": effect["detail"].to_string(),
    });
    notify.call("AWSEvents.PutEvents", &json!({ "Entries": [entry] }));
    eventually("the repetition", || {
        notify
            .outcomes(id)
            .contains(&"dropped".to_owned())
            .then_some(())
    });
    assert_eq!(notify.outcomes(id), ["reacted", "dropped"]);
    eventually("an empty queue", || {
        (notify.depth(&notify.queue) == 0).then_some(())
    });
    assert_eq!(notify.depth(&notify.dead_letters), 0);

    let messages = notify.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["Subject"], "A dispute has been opened");
    let text = messages[0]["Message"].as_str().expect("a text");
    let object = stripe
        .object(None, false, &dispute.id)
        .expect("the dispute");
    for part in [
        dispute.id.clone(),
        object["charge"].as_str().expect("a charge").to_owned(),
        format!(
            "{} {}",
            object["amount"],
            object["currency"].as_str().expect("a currency")
        ),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
}
