//! A whole stack on this machine: started, described, stopped.
//!
//! ```no_run
//! use sluice_local::stack::{Options, RunningStack};
//!
//! # fn main() -> Result<(), sluice_local::problem::Problem> {
//! let options = Options::built_here()?; // a free port, the template's defaults
//! let stack = RunningStack::start(&options, &mut |line| println!("{line}"))?;
//! println!("{}", stack.info().webhook_url);
//! # Ok(()) }
//! ```
//!
//! The stack is up when [`RunningStack::start`] returns: ingest has answered. It is down, with everything that it started,
//! when the value is dropped. Several stacks run side by side, each on ports of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use sluice_stack::StackInfo;
use sluice_stack::{log_groups, named_by, queues};

use crate::aws::{Aws, REGION};
use crate::build::{self, Binaries};
use crate::client_faults::ClientFaults;
use crate::deploy::{self, Deployed, Template};
use crate::problem::Problem;
use crate::server::{self, Faults, Server};

/// The options that a stack is started with.
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
    /// The file for the emulator's own log; the functions' lines are in it too.
    pub log: PathBuf,
}

impl Options {
    /// Builds the functions with cargo, and uses defaults for everything else: a free port, one secret for each of the
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
    /// When the archive lacks a function.
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

/// The URLs and names of a stack that was deployed here.
fn info_of(
    deployed: &Deployed,
    aws: &Aws,
    secrets: &BTreeMap<String, Vec<String>>,
) -> Result<StackInfo, Problem> {
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
    Ok(StackInfo {
        // The name in the output doesn't resolve; the emulator takes the same request by this path.
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

/// A running stack. Dropping it stops everything that it started.
#[derive(Debug)]
pub struct RunningStack {
    info: StackInfo,
    aws: Aws,
    notes: Vec<String>,
    // Dropped in this order: first the proxy, then the emulator with the functions in it.
    faults: Option<Faults>,
    emulator: Server,
    client_faults: Option<ClientFaults>,
}

impl RunningStack {
    /// Starts the emulator, deploys the template and waits until the stack accepts deliveries. `progress` is called
    /// with each step.
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

    /// The stack's URLs and names.
    pub fn info(&self) -> &StackInfo {
        &self.info
    }

    /// A folder for files that are removed with the stack, however this process ends.
    pub fn folder(&self) -> &Path {
        self.emulator.folder()
    }

    /// The emulator's API.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// How what runs here differs from the template, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The faults on the wire between the functions and AWS, if [`Options::faults`] asked for them.
    pub fn faults(&self) -> Option<&Faults> {
        self.faults.as_ref()
    }

    /// Deploys Sluice once more into the same AWS, under another stack's name: with a ledger, projections and a bus of
    /// its own, as in a second Region. It ends with the local AWS. The emulator's options are this stack's.
    ///
    /// # Errors
    /// What failed, with what to do about it.
    pub fn deploy_second(&self, stack: &str, options: &Options) -> Result<StackInfo, Problem> {
        let (info, _) = deploy_main(&self.aws, stack, options, &mut |_| {})?;
        Ok(info)
    }

    /// Deploys another template beside Sluice's, e.g. that of a receiver of effects. The stack has this name and the
    /// code of these binaries; returns its outputs. An existing stack of the name is updated. It ends with the local
    /// AWS.
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

    /// The faults at the functions' AWS clients, if [`Options::client_faults`] asked for them.
    pub fn client_faults(&self) -> Option<&ClientFaults> {
        self.client_faults.as_ref()
    }

    /// Replaces the webhook secrets, as an operator does to roll one. Ingest keeps the ones that it has read for a
    /// while.
    ///
    /// # Errors
    /// When the emulator can't be reached.
    pub fn put_secrets(&self, secrets: &BTreeMap<String, Vec<String>>) -> Result<(), Problem> {
        deploy::put_secrets(&self.aws, &self.info.secret_id, secrets)
    }

    /// Freezes the local AWS: it accepts connections and answers nothing, until [`RunningStack::thaw`].
    ///
    /// # Errors
    /// When it isn't running.
    pub fn freeze(&mut self) -> Result<(), Problem> {
        self.emulator.guard().signal("STOP")
    }

    /// Ends a [`RunningStack::freeze`].
    ///
    /// # Errors
    /// When it isn't running.
    pub fn thaw(&mut self) -> Result<(), Problem> {
        self.emulator.guard().signal("CONT")
    }

    /// Whether the emulator still runs; a frozen one does.
    ///
    /// # Errors
    /// When it has ended without being stopped.
    pub fn still_up(&mut self) -> Result<(), Problem> {
        match self.emulator.guard().ended() {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Problem::process("ministack", "has ended; its log says why")),
            Err(error) => Err(Problem::process("ministack", error)),
        }
    }

    /// Stops everything that the stack started, and waits for its end. Dropping the stack does the same.
    pub fn stop(self) {
        drop(self);
    }
}

/// Deploys the main template as a stack of this name, and waits until it accepts deliveries. Returns the stack's URLs
/// and names, and the differences from the template, one sentence each.
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
    let info = info_of(&deployed, aws, &options.secrets)?;
    deploy::put_secrets(aws, &info.secret_id, &options.secrets)?;

    progress("waiting for the first answer");
    let ingest = info.functions.get("ingest").cloned().unwrap_or_default();
    deploy::wait_for_answers(aws, &info.webhook_url, &ingest)?;
    Ok((info, notes))
}
