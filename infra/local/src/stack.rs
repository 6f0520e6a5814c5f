//! A whole stack on this machine: started, described, stopped.
//!
//! ```no_run
//! use sluice_local::stack::{Options, Stack};
//!
//! # fn main() -> Result<(), sluice_local::problem::Problem> {
//! let options = Options::built_here()?; // a free port, the template's defaults
//! let stack = Stack::start(&options, &mut |line| println!("{line}"))?;
//! println!("{}", stack.info().webhook_url);
//! # Ok(()) }
//! ```
//!
//! It is up when [`Stack::start`] returns: the door has answered. It is down, with all that it started, when the value
//! is dropped. Several stacks run side by side, each on ports of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::aws::{Aws, REGION};
use crate::build::{self, Binaries};
use crate::client_faults::ClientFaults;
use crate::deploy::{self, Deployed, Template};
use crate::problem::Problem;
use crate::server::{self, Faults, Server};

/// What a stack is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The workspace's root: `template.yaml` and `.venv/local` are found there.
    pub root: PathBuf,
    /// The emulator's port; any free one when `None`.
    pub port: Option<u16>,
    /// The functions' code: name of the binary in the template's metadata → file.
    pub binaries: Binaries,
    /// Template parameters other than their defaults. `Architecture` is always this machine's.
    pub parameters: BTreeMap<String, String>,
    /// Variables added to functions' environments: logical id, e.g. `IngestFunction`, → name → value.
    pub environment: BTreeMap<String, BTreeMap<String, String>>,
    /// The webhook secrets: endpoint → its list.
    pub secrets: BTreeMap<String, Vec<String>>,
    /// Whether the functions reach AWS through a proxy that breaks the wire on demand.
    pub faults: bool,
    /// Whether the functions' own AWS clients make faults by rule: see [`ClientFaults`].
    pub client_faults: bool,
    /// Where the emulator's own log goes; the functions' lines are in there too.
    pub log: PathBuf,
}

impl Options {
    /// Builds the functions with cargo, and takes defaults for everything else: a free port, one secret for each of the
    /// endpoints `platform` and `connect`, no faults, the log in `target/local/ministack.log`.
    ///
    /// # Errors
    /// When cargo fails.
    pub fn built_here() -> Result<Self, Problem> {
        let root = root();
        let binaries = build::functions(&root)?;
        Ok(Self::of(root, binaries))
    }

    /// The same with the template and the functions of an unpacked archive: cargo isn't needed.
    ///
    /// # Errors
    /// When a function isn't in it.
    pub fn prebuilt(root: &Path) -> Result<Self, Problem> {
        let binaries = build::prebuilt(root)?;
        Ok(Self::of(root.to_owned(), binaries))
    }

    fn of(root: PathBuf, binaries: Binaries) -> Self {
        let endpoints = ["platform", "connect"];
        let secrets = endpoints.map(|name| {
            (
                name.to_owned(),
                vec![format!("whsec_local_{name}_{:016x}", fastrand::u64(..))],
            )
        });
        Self {
            log: root.join("target/local/ministack.log"),
            root,
            port: None,
            binaries,
            parameters: BTreeMap::new(),
            environment: BTreeMap::new(),
            secrets: secrets.into(),
            faults: false,
            client_faults: false,
        }
    }
}

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where everything is: what scripts and the console read from `target/local/stack.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackInfo {
    /// Where to post webhooks of the endpoint `platform`; other endpoints' names follow after a slash.
    pub webhook_url: String,
    /// The secret of the endpoint `platform`.
    pub webhook_secret: String,
    /// Each endpoint's newest secret.
    pub webhook_secrets: BTreeMap<String, String>,
    /// For `AWS_ENDPOINT_URL`. Any credentials do.
    pub aws_endpoint_url: String,
    /// For `AWS_REGION`.
    pub region: String,
    /// `ledger`, `outcomes` and each domain → the table's name.
    pub tables: BTreeMap<String, String>,
    /// Each domain, `<domain>_dead_letters`, `rule_dead_letters` and `bus_dead_letters` → the queue's URL.
    pub queues: BTreeMap<String, String>,
    /// The bus's name.
    pub bus: String,
    /// The secret's id.
    pub secret_id: String,
    /// `ingest`, `sweep` and each domain → the function's name.
    pub functions: BTreeMap<String, String>,
    /// As `functions` → the name of the function's log group.
    pub log_groups: BTreeMap<String, String>,
    /// Each domain that has settings → those settings, as JSON.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

impl StackInfo {
    /// Where the running stack says where it is.
    pub fn path(root: &Path) -> PathBuf {
        root.join("target/local/stack.json")
    }

    /// Reads it.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(root: &Path) -> Result<Self, Problem> {
        let path = Self::path(root);
        let text = std::fs::read(&path).map_err(|error| {
            Problem::file(
                &path,
                format!("{error}; is the local AWS running? `make run` starts it, or `./run` of a release"),
            )
        })?;
        serde_json::from_slice(&text).map_err(|error| Problem::file(&path, error))
    }

    /// Writes it, in one step: whoever sees the file sees all of it.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, root: &Path) -> Result<PathBuf, Problem> {
        let path = Self::path(root);
        let text =
            serde_json::to_string_pretty(self).map_err(|error| Problem::file(&path, error))?;
        let new = path.with_extension("new");
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder).map_err(|error| Problem::file(folder, error))?;
        std::fs::write(&new, text + "\n").map_err(|error| Problem::file(&new, error))?;
        std::fs::rename(&new, &path).map_err(|error| Problem::file(&path, error))?;
        Ok(path)
    }

    /// The URL of an endpoint.
    pub fn url_of(&self, endpoint: &str) -> String {
        match endpoint {
            "platform" => self.webhook_url.clone(),
            other => format!("{}/{other}", self.webhook_url),
        }
    }

    fn of(
        deployed: &Deployed,
        aws: &Aws,
        secrets: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, Problem> {
        let outputs = &deployed.outputs;
        let output = |name: &str| {
            outputs
                .get(name)
                .cloned()
                .ok_or_else(|| Problem::Deploy(format!("the template has no output {name}")))
        };
        let log_groups = log_groups(
            deployed
                .resources
                .iter()
                .map(|(id, resource)| (id.as_str(), resource.kind.as_str(), resource.id.as_str())),
        );
        let newest = secrets
            .iter()
            .filter_map(|(name, list)| Some((name.clone(), list.first()?.clone())));
        let webhook_secrets: BTreeMap<_, _> = newest.collect();
        let api = deployed
            .resources
            .get("WebhookApi")
            .map(|api| api.id.as_str())
            .unwrap_or_default();
        Ok(Self {
            // The name that the output holds resolves nowhere; the emulator takes the same request by this path.
            webhook_url: format!(
                "{}/_aws/execute-api/{api}/$default/webhooks/stripe",
                aws.endpoint_url()
            ),
            webhook_secret: webhook_secrets.get("platform").cloned().unwrap_or_default(),
            webhook_secrets,
            aws_endpoint_url: aws.endpoint_url().to_owned(),
            region: REGION.to_owned(),
            tables: named_by(outputs, "Table"),
            queues: queues(outputs),
            bus: output("BusName")?,
            secret_id: output("SecretId")?,
            functions: named_by(outputs, "FunctionName"),
            settings: named_by(outputs, "Settings"),
            log_groups,
        })
    }
}

/// A stack's outputs of one kind: `PaymentsTable` with the ending `Table` is `payments`.
pub fn named_by(outputs: &BTreeMap<String, String>, ending: &str) -> BTreeMap<String, String> {
    let named = outputs
        .iter()
        .filter_map(|(name, value)| Some((name.strip_suffix(ending)?, value)));
    named
        .map(|(name, value)| (snake_case(name), value.clone()))
        .collect()
}

/// The queues among a stack's outputs: each domain, `<domain>_dead_letters`, `rule_dead_letters` and `bus_dead_letters` → the
/// queue's URL.
pub fn queues(outputs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut queues = named_by(outputs, "QueueUrl");
    let dead_letters = named_by(outputs, "DeadLettersUrl").into_iter();
    queues.extend(dead_letters.map(|(name, url)| (format!("{name}_dead_letters"), url)));
    queues
}

/// The log groups among a stack's resources, each its logical id, type and name: function → the group's name.
pub fn log_groups<'a>(
    resources: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> BTreeMap<String, String> {
    let groups = resources.filter(|(_, kind, _)| *kind == "AWS::Logs::LogGroup");
    groups
        .filter_map(|(id, _, name)| {
            // Other groups, as the door's access log, are no function's.
            let function = id.strip_suffix("Logs")?;
            Some((snake_case(function), name.to_owned()))
        })
        .collect()
}

/// `RuleDeadLetters` → `rule_dead_letters`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// A running stack. Dropping it stops everything that it started.
#[derive(Debug)]
pub struct Stack {
    info: StackInfo,
    aws: Aws,
    notes: Vec<String>,
    // Dropped in this order: first the proxy, then the emulator with the functions in it.
    faults: Option<Faults>,
    emulator: Server,
    client_faults: Option<ClientFaults>,
}

impl Stack {
    /// Starts the emulator, deploys the template and waits until deliveries are taken. `progress` is told each step.
    ///
    /// # Errors
    /// What failed, with what to do about it. Nothing is left running then.
    pub fn start(options: &Options, progress: &mut dyn FnMut(&str)) -> Result<Self, Problem> {
        let port = options.port.map_or_else(server::free_port, Ok)?;
        let url = format!("http://127.0.0.1:{port}");
        let proxy_port = options.faults.then(server::free_port).transpose()?;
        let functions_see =
            proxy_port.map_or(url.clone(), |port| format!("http://127.0.0.1:{port}"));
        progress(&format!("starting the local AWS on {url}"));
        let emulator = server::emulator(
            &options.root,
            port,
            &functions_see,
            options.client_faults,
            &options.log,
        )?;
        let client_faults = options.client_faults;
        let client_faults = client_faults.then(|| ClientFaults::within(emulator.folder()));
        let proxy_log = options.log.with_file_name("microburst.log");
        let proxy =
            proxy_port.map(|port| server::proxy(&options.root, port, emulator.url(), &proxy_log));
        let faults = proxy.transpose()?.map(Faults::of).transpose()?;

        let aws = Aws::at(emulator.url());
        let (info, notes) = deploy_main(&aws, "sluice", options, progress)?;
        Ok(Self {
            info,
            aws,
            notes,
            faults,
            emulator,
            client_faults,
        })
    }

    /// Where everything is.
    pub fn info(&self) -> &StackInfo {
        &self.info
    }

    /// A folder for files that are to go away with the stack, however this process ends.
    pub fn folder(&self) -> &Path {
        self.emulator.folder()
    }

    /// The emulator's API.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// How what runs here differs from the template, a sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The faults on the wire between the functions and AWS, where [`Options::faults`] asked for them.
    pub fn faults(&self) -> Option<&Faults> {
        self.faults.as_ref()
    }

    /// Deploys Sluice once more into the same AWS, under another stack's name: with a ledger, projections and a bus of its
    /// own, as in a second Region. It ends with the local AWS. Of the options, those of the emulator are this stack's.
    ///
    /// # Errors
    /// What failed, with what to do about it.
    pub fn deploy_second(&self, stack: &str, options: &Options) -> Result<StackInfo, Problem> {
        let (info, _) = deploy_main(&self.aws, stack, options, &mut |_| {})?;
        Ok(info)
    }

    /// Deploys another template beside Sluice's, e.g. that of a receiver of effects, as a stack of this name with the code
    /// of these binaries; returns its outputs. A stack of the name that is there is updated. It ends with the local AWS.
    ///
    /// # Errors
    /// What failed, with what to do about it.
    pub fn deploy_beside(
        &self,
        stack: &str,
        template: &Path,
        binaries: &Binaries,
        parameters: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Problem> {
        let template = Template {
            path: template,
            stack,
            binaries,
            parameters,
            environment: &BTreeMap::new(),
        };
        let (deployed, _) = template.deploy(&self.aws)?;
        Ok(deployed.outputs)
    }

    /// The faults at the functions' AWS clients, where [`Options::client_faults`] asked for them.
    pub fn client_faults(&self) -> Option<&ClientFaults> {
        self.client_faults.as_ref()
    }

    /// Replaces the webhook secrets, as an operator does when rolling one. Ingest keeps what it has read for a while.
    ///
    /// # Errors
    /// When the emulator can't be reached.
    pub fn put_secrets(&self, secrets: &BTreeMap<String, Vec<String>>) -> Result<(), Problem> {
        deploy::put_secrets(&self.aws, &self.info.secret_id, secrets)
    }

    /// Freezes the local AWS: connections are taken and nothing is answered, until [`Stack::thaw`].
    ///
    /// # Errors
    /// When it isn't running.
    pub fn freeze(&mut self) -> Result<(), Problem> {
        self.emulator.guard().signal("STOP")
    }

    /// Ends a [`Stack::freeze`].
    ///
    /// # Errors
    /// When it isn't running.
    pub fn thaw(&mut self) -> Result<(), Problem> {
        self.emulator.guard().signal("CONT")
    }

    /// Whether the emulator is still there; a frozen one is.
    ///
    /// # Errors
    /// When it has ended by itself.
    pub fn still_up(&mut self) -> Result<(), Problem> {
        match self.emulator.guard().ended() {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Problem::process("ministack", "has ended; its log says why")),
            Err(error) => Err(Problem::process("ministack", error)),
        }
    }

    /// Stops everything that it started, and waits until it is gone. Dropping it does the same.
    pub fn stop(self) {
        drop(self);
    }
}

/// Deploys the main template as a stack of this name, and waits until it takes deliveries. With where everything is come the
/// differences from the template, a sentence each.
fn deploy_main(
    aws: &Aws,
    stack: &str,
    options: &Options,
    progress: &mut dyn FnMut(&str),
) -> Result<(StackInfo, Vec<String>), Problem> {
    progress("deploying template.yaml");
    let template = Template {
        path: &options.root.join("template.yaml"),
        stack,
        binaries: &options.binaries,
        parameters: &options.parameters,
        environment: &options.environment,
    };
    let (deployed, notes) = template.deploy(aws)?;
    let info = StackInfo::of(&deployed, aws, &options.secrets)?;
    deploy::put_secrets(aws, &info.secret_id, &options.secrets)?;

    progress("waiting for the first answer");
    let ingest = info.functions.get("ingest").cloned().unwrap_or_default();
    deploy::wait_for_answers(aws, &info.webhook_url, &ingest)?;
    Ok((info, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_outputs_become_keys_of_the_description() {
        assert_eq!(snake_case("Ledger"), "ledger");
        assert_eq!(snake_case("PaymentsDeadLetters"), "payments_dead_letters");
    }
}
