//! A stack, a spy on its bus, and the helpers that tests call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::{Value, json};
use sluice_adapters::aws::sdk_config_of;
use sluice_adapters::inspect::{self, EventRecords};
use sluice_local::contents::{depth, listen};
use sluice_local::post::{Answer, Sender};
use sluice_local::problem::Problem;
use sluice_local::stack::{Options, RunningStack, StackInfo};
use sluice_local::stack_file;
use sluice_stripe::signature::sign;
use tokio::runtime::Runtime;

/// The longest that a test waits for something to become true. Far above the usual time: a slow machine is not a
/// failure.
const PATIENCE: Duration = Duration::from_secs(240);

/// The functions are built once, for any number of stacks.
static OPTIONS: LazyLock<Options> =
    LazyLock::new(|| Options::built_here().expect("the functions build"));

/// A stack's options, with the functions built: for tests that start a stack without a [`World`].
pub(crate) fn built() -> Options {
    OPTIONS.clone()
}

/// The stack that most tests share. It ends with the test process: its servers watch a pipe to it.
static SHARED: LazyLock<World> = LazyLock::new(|| World::own(|_| {}));

static EVENTS: AtomicU32 = AtomicU32::new(0);

/// A stack with a spy on its bus.
pub(crate) struct World {
    // Worlds that are stacks of one AWS have this in common.
    stack: Arc<Mutex<RunningStack>>,
    info: StackInfo,
    described: PathBuf,
    sender: Sender,
    config: SdkConfig,
    runtime: Runtime,
    spy: Spy,
}

/// The shared stack.
pub(crate) fn shared() -> &'static World {
    &SHARED
}

/// A name that no other test uses: tests share tables.
pub(crate) fn unique(prefix: &str) -> String {
    let run = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    format!(
        "{prefix}_{run:x}x{}",
        EVENTS.fetch_add(1, Ordering::Relaxed)
    )
}

/// Now, in Unix seconds.
pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs().try_into().unwrap_or(i64::MAX)
}

/// An event of a payment intent, in test mode.
pub(crate) fn intent(event: &str, object: &str, kind: &str, created: i64, status: &str) -> Value {
    json!({
        "id": event, "object": "event", "type": format!("payment_intent.{kind}"), "livemode": false, "created": created,
        "api_version": "2025-09-30.clover", "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null },
        "data": { "object": {
            "id": object, "object": "payment_intent", "status": status, "amount": 4_200, "amount_received": 4_200,
            "currency": "usd", "latest_charge": "ch_1",
        } },
    })
}

/// A new event of a succeeded payment intent: its id, its object's id, and its body.
pub(crate) fn paid() -> (String, String, String) {
    let (event, object) = (unique("evt"), unique("pi"));
    let body = intent(&event, &object, "succeeded", now_s(), "succeeded").to_string();
    (event, object, body)
}

/// Waits until `look` returns a value.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl World {
    /// A stack of the test's own, started with the options that `change` sets.
    pub(crate) fn own(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = built();
        options.log = options
            .root
            .join(format!("target/local/{}.log", unique("test")));
        change(&mut options);
        let stack = RunningStack::start(&options, &mut |_| {}).expect("the stack starts");
        let info = stack.info().clone();
        Self::of(Arc::new(Mutex::new(stack)), info, "spy")
    }

    /// A second Sluice in this world's AWS, as a stack of this name and with its own signing secrets: like a second
    /// Region, or a stack that takes over from another.
    pub(crate) fn second(&self, name: &str, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = built();
        for (endpoint, secrets) in &mut options.secrets {
            *secrets = vec![format!("whsec_local_{name}_{endpoint}")];
        }
        change(&mut options);
        let info = self
            .stack(|stack| stack.deploy_second(name, &options))
            .expect("it can be deployed");
        Self::of(self.stack.clone(), info, &format!("spy-{name}"))
    }

    fn of(stack: Arc<Mutex<RunningStack>>, info: StackInfo, spy: &str) -> Self {
        let config = sdk_config_of(
            Region::new(info.region.clone()),
            Credentials::new("local", "local", None, None, "test"),
            Some(info.aws_endpoint_url.clone()),
        );
        let (described, spy) = {
            let stack = stack.lock().unwrap_or_else(PoisonError::into_inner);
            let folder = stack.folder().join(spy);
            std::fs::create_dir_all(&folder).expect("a folder");
            let described = stack_file::write(&info, &folder).expect("written");
            (described, Spy::on(&stack, &info, spy, &config))
        };
        Self {
            sender: Sender::to(&info),
            runtime: Runtime::new().expect("a runtime"),
            stack,
            info,
            described,
            config,
            spy,
        }
    }

    /// A stack with functions that reach AWS through a breakable connection. It has short delays between the receives
    /// of a message, and `receives_max` receives before it is a dead letter.
    pub(crate) fn breakable(receives_max: u32) -> Self {
        let receives_max = receives_max.to_string();
        Self::own(|options| {
            options.faults = true;
            let short = [
                ("MaxReceiveCount", receives_max.as_str()),
                ("QueueVisibilitySeconds", "2"),
                ("DomainTimeoutSeconds", "10"),
            ];
            options
                .parameters
                .extend(short.map(|(name, value)| (name.to_owned(), value.to_owned())));
        })
    }

    /// The file that describes the stack.
    pub(crate) fn described(&self) -> &Path {
        &self.described
    }

    /// A file of this content, which is deleted with the stack.
    pub(crate) fn file(&self, content: &str) -> String {
        let name = unique("file");
        let file = self.stack(|stack| stack.folder().join(name));
        std::fs::write(&file, content).expect("written");
        file.to_string_lossy().into_owned()
    }

    /// Does something with the stack itself.
    pub(crate) fn stack<T>(&self, act: impl FnOnce(&mut RunningStack) -> T) -> T {
        act(&mut self.stack.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something with SDK clients of the stack's AWS.
    pub(crate) fn with_sdk<T>(&self, act: impl AsyncFnOnce(&SdkConfig) -> T) -> T {
        self.runtime.block_on(act(&self.config))
    }

    /// The names of everything.
    pub(crate) fn info(&self) -> &StackInfo {
        &self.info
    }

    /// Breaks the connection between the functions and AWS by these rules.
    pub(crate) fn break_wire(&self, rules: Value) {
        self.stack(|stack| {
            stack
                .faults()
                .expect("a breakable stack")
                .set(&rules)
                .expect("rules are taken")
        });
    }

    /// Repairs it.
    pub(crate) fn restore_wire(&self) {
        self.stack(|stack| {
            stack
                .faults()
                .expect("a breakable stack")
                .clear()
                .expect("rules are cleared")
        });
    }

    /// Delivers a body to `platform`, signed as Stripe does.
    pub(crate) fn deliver(&self, body: &str) -> Answer {
        self.sender
            .deliver("platform", body.as_bytes())
            .expect("an answer")
    }

    /// The same; there may be no answer at all.
    pub(crate) fn try_deliver(&self, body: &str) -> Option<Answer> {
        self.sender.deliver("platform", body.as_bytes()).ok()
    }

    /// Delivers a body signed with this secret at this time.
    pub(crate) fn deliver_signed(
        &self,
        endpoint: &str,
        body: &[u8],
        secret: &str,
        t: i64,
    ) -> Answer {
        self.sender
            .post(endpoint, body, Some(&sign(body, secret, t)))
            .expect("an answer")
    }

    /// Posts anything to `platform`, with any signature header or none.
    pub(crate) fn post(&self, body: &[u8], signature: Option<&str>) -> Answer {
        self.sender
            .post("platform", body, signature)
            .expect("an answer")
    }

    /// Delivers as Stripe does: again and again until it is answered 200; returns the last answer.
    pub(crate) fn deliver_until_acknowledged(&self, body: &str) -> Answer {
        eventually("an acknowledged delivery", || {
            self.try_deliver(body).filter(|answer| answer.status == 200)
        })
    }

    /// The event as the ledger records it.
    pub(crate) fn story(&self, event: &str) -> Option<EventRecords> {
        let (ledger, outcomes) = (&self.info.tables["ledger"], &self.info.tables["outcomes"]);
        let story = self
            .runtime
            .block_on(inspect::event(&self.config, ledger, outcomes, event));
        story.expect("the ledger can be read")
    }

    /// The event's state in the ledger.
    pub(crate) fn state(&self, event: &str) -> Option<String> {
        Some(self.story(event)?.entry.state.to_owned())
    }

    /// One of the platform's objects in test mode, as its domain keeps it.
    pub(crate) fn projection(&self, domain: &str, object: &str) -> Option<Value> {
        let key = format!("platform#test#{object}");
        let item = self.runtime.block_on(inspect::projection(
            &self.config,
            &self.info.tables[domain],
            &key,
        ));
        item.expect("the table can be read")
    }

    /// An object's document by its whole key, or `null`.
    pub(crate) fn document(&self, domain: &str, key: &str) -> Value {
        let table = &self.info.tables[domain];
        let item = self
            .runtime
            .block_on(inspect::projection(&self.config, table, key));
        let item = item.expect("the table can be read");
        item.map_or(Value::Null, |item| item["doc"].clone())
    }

    /// Waits until a domain has the object with nothing pending, and returns its document.
    pub(crate) fn settled(&self, domain: &str, object: &str) -> Value {
        eventually("a projection with nothing pending", || {
            let document = self.projection(domain, object)?["doc"].clone();
            document.get("pending").is_none().then_some(document)
        })
    }

    /// The records of this subject's rejections.
    pub(crate) fn rejections(&self, subject: &str) -> Vec<Value> {
        let input = json!({
            "TableName": self.info.tables["outcomes"], "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": format!("evt#{subject}") } },
        });
        let output = self
            .stack(|stack| stack.aws().json("DynamoDB_20120810.Query", &input))
            .expect("readable");
        output["Items"].as_array().cloned().unwrap_or_default()
    }

    /// Runs sweep once, and returns its report.
    pub(crate) fn sweep(&self) -> Value {
        self.try_sweep().expect("sweep runs")
    }

    /// The same; it may fail.
    pub(crate) fn try_sweep(&self) -> Result<Value, Problem> {
        let function = self.info.functions["sweep"].clone();
        self.stack(|stack| stack.aws().invoke(&function, &json!({})))
    }

    /// How often the event was put on the bus.
    pub(crate) fn published(&self, event: &str) -> usize {
        self.spy
            .seen(|seen| seen["source"] == "sluice.stripe" && seen["detail"]["id"] == event)
            .len()
    }

    /// The event as it was put on the bus first.
    pub(crate) fn on_bus(&self, event: &str) -> Value {
        eventually("the event on the bus", || {
            let seen = self
                .spy
                .seen(|seen| seen["source"] == "sluice.stripe" && seen["detail"]["id"] == event);
            seen.into_iter().next()
        })
    }

    /// Every effect on the bus.
    pub(crate) fn all_effects(&self) -> Vec<Value> {
        self.spy.seen(|seen| seen["source"] == "sluice.effects")
    }

    /// The effects of an object on the bus.
    pub(crate) fn effects(&self, object: &str) -> Vec<Value> {
        self.spy
            .seen(|seen| seen["source"] == "sluice.effects" && seen["detail"]["object"] == object)
    }

    /// The lines that a function has logged with this text in them; none if the log can't be read now.
    pub(crate) fn logged(&self, function: &str, text: &str) -> Vec<Value> {
        let group = &self.info.log_groups[function];
        let input = json!({ "logGroupName": group, "filterPattern": format!("\"{text}\"") });
        let found = self.stack(|stack| stack.aws().json("Logs_20140328.FilterLogEvents", &input));
        let found = found.unwrap_or_default();
        let events = found["events"].as_array().into_iter().flatten();
        let lines = events.filter_map(|event| event["message"].as_str());
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until the spy has seen all that was put on the bus before.
    pub(crate) fn see_all_of_the_bus(&self) {
        let mark = unique("mark");
        let entry = json!({
            "EventBusName": self.info.bus, "Source": "sluice.test", "DetailType": "mark",
            "Detail": json!({ "id": mark }).to_string(),
        });
        self.stack(|stack| {
            let entries = json!({ "Entries": [entry] });
            stack.aws().json("AWSEvents.PutEvents", &entries)
        })
        .expect("it can be put");
        eventually("the mark on the bus", || {
            let seen = self.spy.seen(|seen| seen["detail"]["id"] == mark);
            (!seen.is_empty()).then_some(())
        });
    }

    /// Puts messages into a domain's queue, without ingest.
    pub(crate) fn enqueue(&self, domain: &str, messages: &[String]) {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let mut batch = client
            .send_message_batch()
            .queue_url(&self.info.queues[domain]);
        for (n, message) in messages.iter().enumerate() {
            let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder();
            batch = batch.entries(
                entry
                    .id(n.to_string())
                    .message_body(message)
                    .build()
                    .expect("complete"),
            );
        }
        let sent = self.runtime.block_on(batch.send()).expect("sent");
        assert!(sent.failed().is_empty());
    }

    /// The id of a message that a queue holds. It stays there.
    pub(crate) fn first_message(&self, queue: &str) -> String {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let receive = client
            .receive_message()
            .queue_url(&self.info.queues[queue])
            .visibility_timeout(0);
        eventually("a message", || {
            let output = self.runtime.block_on(receive.clone().send()).expect("read");
            output.messages().first()?.message_id().map(str::to_owned)
        })
    }

    /// The number of messages in a queue, including those in flight.
    pub(crate) fn depth(&self, queue: &str) -> u64 {
        let url = &self.info.queues[queue];
        self.stack(|stack| depth(stack.aws(), url))
            .expect("readable")
    }

    /// Replaces the secret of `platform`.
    pub(crate) fn put_secrets(&self, platform: &[&str]) {
        let list = platform.iter().map(|secret| (*secret).to_owned()).collect();
        let secrets = BTreeMap::from([("platform".to_owned(), list)]);
        self.stack(|stack| stack.put_secrets(&secrets))
            .expect("secrets are put");
    }
}

/// A rule and a queue of the test's own that see all that Sluice puts on the bus.
struct Spy {
    seen: Arc<Mutex<Vec<Value>>>,
    over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Spy {
    fn on(stack: &RunningStack, info: &StackInfo, name: &str, config: &SdkConfig) -> Self {
        let pattern = json!({ "source": [{ "prefix": "sluice." }] });
        let queue = listen(stack.aws(), info, name, &pattern).expect("a queue on the bus");
        let (seen, over) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (into, end, config) = (seen.clone(), over.clone(), config.clone());
        let reader = std::thread::spawn(move || read(&config, &queue, &into, &end));
        Self {
            seen,
            over,
            reader: Some(reader),
        }
    }

    fn seen(&self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|seen| wanted(seen)).cloned().collect()
    }
}

impl Drop for Spy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // A reader that panicked has no more results: its test has failed because of what it didn't see.
            let _ = reader.join();
        }
    }
}

/// Reads the spy's queue until the end. While AWS can't be reached there is nothing to read.
fn read(config: &SdkConfig, queue: &str, seen: &Mutex<Vec<Value>>, over: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = aws_sdk_sqs::Client::new(config);
    let mut noted = BTreeSet::new();
    while !over.load(Ordering::Relaxed) {
        let receive = client
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10);
        let messages = match runtime.block_on(receive.send()) {
            Ok(output) => output.messages.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        if messages.is_empty() {
            std::thread::sleep(Duration::from_millis(50));
        }
        for message in messages {
            let text = message.body.unwrap_or_default();
            // Some events on the bus have values that no parser accepts; no test reads those.
            let event = serde_json::from_str(&text).unwrap_or_default();
            // It is noted before it is deleted, and once per message id: the response to a delete may be lost, too.
            if noted.insert(message.message_id.unwrap_or_default()) {
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(event);
            }
            let handle = message.receipt_handle.unwrap_or_default();
            let delete = client
                .delete_message()
                .queue_url(queue)
                .receipt_handle(handle)
                .send();
            // If it fails, the message comes again.
            let _ = runtime.block_on(delete);
        }
    }
}
