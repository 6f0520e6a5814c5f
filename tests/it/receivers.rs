//! A receiver of effects as deployed: the sample's own template with Sluice's, and a topic that people would subscribe
//! to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};
use sluice_local::build::{self, Binaries};
use sluice_local::contents::depth;
use sluice_stripe_sim::{ApiVersion, Options, Scope, Story, World as Stripe};

use crate::world::{World, eventually};

/// Built once, for any number of deployments.
static BINARIES: LazyLock<Binaries> = LazyLock::new(|| {
    build::binaries(&sluice_local::stack::root(), &["notify"]).expect("it builds")
});

/// The sample receiver's own template.
pub(crate) fn template() -> PathBuf {
    sluice_local::stack::root().join("functions/notify/template.yaml")
}

/// The sample receiver, deployed next to a world's stack.
pub(crate) struct Notify<'a> {
    world: &'a World,
    stack: String,
    template: PathBuf,
    parameters: BTreeMap<String, String>,
    outputs: BTreeMap<String, String>,
}

impl<'a> Notify<'a> {
    /// Deploys it as a stack of this name, on the world's bus.
    pub(crate) fn deploy(
        world: &'a World,
        stack: &str,
        template: &Path,
        parameters: &[(&str, &str)],
    ) -> Self {
        let given = [("BusName", world.info().bus.as_str())];
        let given = given.iter().chain(parameters);
        let given = given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut notify = Self {
            world,
            stack: stack.to_owned(),
            template: template.to_owned(),
            parameters: given.collect(),
            outputs: BTreeMap::new(),
        };
        notify.put();
        notify
    }

    /// Deploys it again, with another value of a parameter.
    pub(crate) fn set(&mut self, parameter: &str, value: &str) {
        let value = value.to_owned();
        self.parameters.insert(parameter.to_owned(), value);
        self.put();
    }

    fn put(&mut self) {
        let deployed = self.world.stack(|stack| {
            stack.deploy_beside(&self.stack, &self.template, &BINARIES, &self.parameters)
        });
        self.outputs = deployed.expect("it can be deployed");
    }

    pub(crate) fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }

    fn call(&self, target: &str, input: &Value) -> Value {
        self.world
            .stack(|stack| stack.aws().json(target, input))
            .expect("answered")
    }

    /// What it logged about effects: each line that names one, in order.
    fn lines(&self) -> Vec<Value> {
        let lines = self.call(
            "Logs_20140328.FilterLogEvents",
            &json!({ "logGroupName": self.output("NotifyLogGroup") }),
        );
        let lines = lines["events"].as_array().cloned().unwrap_or_default();
        let fields = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line["message"].as_str()?).ok());
        fields.filter(|fields| fields["id"].is_string()).collect()
    }

    /// What it logged about effects: each id with its outcome, in order.
    pub(crate) fn log(&self) -> Vec<(String, String)> {
        let lines = self.lines().into_iter().filter_map(|fields| {
            let outcome = fields["outcome"].as_str().unwrap_or("-");
            Some((fields["id"].as_str()?.to_owned(), outcome.to_owned()))
        });
        lines.collect()
    }

    /// The outcomes that it logged for an effect's id, in order.
    fn outcomes(&self, id: &str) -> Vec<String> {
        let log = self.log().into_iter();
        let of_id = log.filter(|(of, _)| of == id);
        of_id.map(|(_, outcome)| outcome).collect()
    }

    /// How many messages its queue holds, seen or in flight.
    pub(crate) fn waiting(&self) -> u64 {
        self.depth("NotifyQueueUrl")
    }

    /// The number of its dead letters.
    pub(crate) fn given_up(&self) -> u64 {
        self.depth("NotifyDeadLettersUrl")
    }

    fn depth(&self, queue: &str) -> u64 {
        let url = self.output(queue);
        self.world
            .stack(|stack| depth(stack.aws(), url))
            .expect("readable")
    }
}

/// A topic, with a queue that is subscribed to it.
pub(crate) struct Topic<'a> {
    world: &'a World,
    pub(crate) arn: String,
    queue: String,
}

impl<'a> Topic<'a> {
    pub(crate) fn in_aws_of(world: &'a World) -> Self {
        let input = json!({ "QueueName": "received" });
        let made = world
            .stack(|stack| stack.aws().json("AmazonSQS.CreateQueue", &input))
            .expect("a queue");
        let queue = made["QueueUrl"].as_str().expect("a URL").to_owned();
        let arn = world.with_sdk(async |config| {
            let sns = aws_sdk_sns::Client::new(config);
            let topic = sns.create_topic().name("disputes").send().await;
            let topic = topic.expect("a topic").topic_arn.expect("it has a name");
            let endpoint = format!("arn:aws:sqs:{}:000000000000:received", world.info().region);
            let subscribe = sns.subscribe().topic_arn(&topic).protocol("sqs");
            let subscribed = subscribe.endpoint(endpoint).send().await;
            subscribed.expect("subscribed");
            topic
        });
        Self { world, arn, queue }
    }

    /// What the queue has received, all of it.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let input = json!({ "QueueUrl": self.queue, "MaxNumberOfMessages": 10 });
            let answer = self
                .world
                .stack(|stack| stack.aws().json("AmazonSQS.ReceiveMessage", &input))
                .expect("answered");
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
}

#[test]
fn a_dispute_that_opens_posts_one_message_however_often_its_effect_is_delivered() {
    let world = World::own(|_| {});
    let topic = Topic::in_aws_of(&world);
    let notify = Notify::deploy(&world, "notify", &template(), &[("TopicArn", &topic.arn)]);
    let mut stripe = Stripe::new(3, Options::default());
    stripe.play(Story::DisputeLost, &Scope::platform(false));
    // Every delivery comes twice, the last first: the dispute is closed before it was opened.
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
    let lines = notify.lines().into_iter().filter(|line| line["id"] == id);
    let named: Vec<_> = lines.map(|line| line["event"].clone()).collect();
    let event = &effect["detail"]["event"];
    assert_eq!(
        named,
        [event.clone(), event.clone()],
        "a line names the event that called for its effect"
    );
    eventually("an empty queue", || (notify.waiting() == 0).then_some(()));
    assert_eq!(notify.given_up(), 0);

    let messages = topic.messages();
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
