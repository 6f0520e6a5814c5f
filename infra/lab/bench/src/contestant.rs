//! What is measured: which program is started, and how it is configured.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::delivery::SECRET;
use crate::problem::{Problem, Result};
use crate::role::Role;
use crate::scenario::Scenario;

/// A function that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Its name in tables.
    pub(crate) title: &'static str,
    pub(crate) role: Role,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Where it runs.
    pub(crate) folder: PathBuf,
    /// Its configuration.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Files that have to exist beside the program.
    pub(crate) needs: Vec<PathBuf>,
    /// Whether an event that comes twice is published once.
    pub(crate) dedupes: bool,
    /// Whether it is Sluice's. Its answers and ledger are then checked more closely.
    pub(crate) is_ours: bool,
}

/// Where programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// Sluice's, as deployed.
    pub(crate) ingest: PathBuf,
    pub(crate) payments: PathBuf,
    /// The program that runs the Python peers, with their packages.
    pub(crate) python: PathBuf,
    /// The program that runs the Node peer.
    pub(crate) node: PathBuf,
    /// The folder where the peers were put together.
    pub(crate) peers: PathBuf,
}

/// The contestants that others are compared with: the first of them that ran counts.
pub(crate) const REFERENCES: [&str; 3] = ["naive", "python", "python-batch"];

impl Contestant {
    /// What would be uploaded for it, once infra/lab/bench/package.py has put it together.
    pub(crate) fn package(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.zip", self.name))
    }

    /// Whether it takes part in a scenario. It has to be able to; in a series, only those that are compared take part.
    pub(crate) fn runs(&self, scenario: &Scenario) -> bool {
        let is_compared = self.is_ours || REFERENCES.contains(&self.name);
        self.role == scenario.role() && (scenario.series.is_none() || is_compared)
    }

    fn is_there(&self) -> bool {
        let program = Path::new(&self.command[0]);
        program.exists() && self.needs.iter().all(|path| path.exists())
    }
}

/// The value of the secret in Secrets Manager that ingest reads.
pub(crate) fn stored_secret() -> String {
    json!({ "platform": [SECRET], "connect": [] }).to_string()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Sluice's function, with the variables that the template sets.
fn ours(programs: &Programs) -> [Contestant; 2] {
    let endpoints = json!({
        "platform": { "scope": "platform", "livemode": false },
        "connect": { "scope": "connect", "livemode": false },
    });
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:bench-AbCdEf";
    let common = || {
        vec![
            ("LEDGER_TABLE", "ledger".to_owned()),
            ("BUS_NAME", "sluice".to_owned()),
            ("RETENTION_DAYS", "35".to_owned()),
            ("METRICS_NAMESPACE", "Sluice/bench".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ]
    };
    let ingest = [
        ("SECRET_ID", secret.to_owned()),
        ("ENDPOINTS", endpoints.to_string()),
    ];
    let consumer = [
        ("DOMAIN_TABLE", "projections".to_owned()),
        ("OUTCOMES_TABLE", "outcomes".to_owned()),
        (
            "QUEUE_URL",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/bench".to_owned(),
        ),
        ("MAX_RECEIVES", "500".to_owned()),
        ("STRIPE_API_URL", "https://api.stripe.com".to_owned()),
        ("FETCHES_PER_SECOND", "10".to_owned()),
        ("MAXIMUM_CONCURRENCY", "10".to_owned()),
    ];
    let one = |name, title, role, program: &Path, variables| Contestant {
        name,
        title,
        role,
        command: vec![text(program)],
        folder: programs.peers.clone(),
        variables,
        needs: Vec::new(),
        dedupes: true,
        is_ours: true,
    };
    let ingest = common().into_iter().chain(ingest).collect();
    let consumer = common().into_iter().chain(consumer).collect();
    [
        one("ours", "Sluice", Role::Ingest, &programs.ingest, ingest),
        one(
            "payments",
            "Sluice",
            Role::Consumer,
            &programs.payments,
            consumer,
        ),
    ]
}

fn peer(
    programs: &Programs,
    name: &'static str,
    title: &'static str,
    command: Vec<String>,
) -> Contestant {
    Contestant {
        name,
        title,
        role: Role::Ingest,
        command,
        folder: programs.peers.clone(),
        variables: vec![
            ("TABLE_NAME", "claims".to_owned()),
            ("EVENT_BUS_NAME", "default".to_owned()),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
        ],
        needs: Vec::new(),
        dedupes: true,
        is_ours: false,
    }
}

/// A Python function, run by AWS's own runtime client.
fn python(
    programs: &Programs,
    name: &'static str,
    title: &'static str,
    module: &str,
) -> Contestant {
    let folder = programs.peers.join("python");
    let handler = format!("{module}.handler");
    let command = ["-m", "awslambdaric", &handler].map(str::to_owned);
    let mut one = peer(programs, name, title, vec![text(&programs.python)]);
    one.command.extend(command);
    one.variables.extend([
        ("LAMBDA_TASK_ROOT", text(&folder)),
        ("PYTHONPATH", text(&folder)),
        ("POWERTOOLS_SERVICE_NAME", "bench".to_owned()),
        ("_HANDLER", handler),
    ]);
    one.needs = vec![folder.join(format!("{module}.py"))];
    one.folder = folder;
    one
}

fn peers(programs: &Programs) -> [Contestant; 7] {
    let rust = |name: &str| vec![text(&programs.peers.join(name).join("release").join(name))];
    let node = programs.peers.join("node");
    let (runtime, bundle) = (node.join("runtime.mjs"), node.join("function/index.mjs"));
    let arguments = [&programs.node, &runtime, &bundle].map(|path| text(path));
    let arguments = arguments
        .into_iter()
        .chain(["handler".to_owned()])
        .collect();
    [
        peer(programs, "naive", "naive Rust", rust("naive")),
        peer(programs, "trimmed", "bound: SDK trimmed", rust("trimmed")),
        peer(programs, "floor", "bound: no SDK", rust("floor")),
        Contestant {
            needs: vec![runtime, bundle],
            ..peer(programs, "node", "Node", arguments)
        },
        python(programs, "python", "Python", "webhook"),
        Contestant {
            dedupes: false,
            ..python(
                programs,
                "python-plain",
                "Python, no deduplication",
                "webhook_plain",
            )
        },
        Contestant {
            role: Role::Consumer,
            ..python(programs, "python-batch", "Python", "consumer")
        },
    ]
}

/// The available contestants among those wanted. If none is named, all are wanted.
///
/// # Errors
/// If a named contestant or one of Sluice's isn't available.
pub(crate) fn contestants(programs: &Programs, wanted: &[String]) -> Result<Vec<Contestant>> {
    let all: Vec<_> = ours(programs).into_iter().chain(peers(programs)).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| all.iter().all(|one| one.name != **name))
    {
        let known: Vec<_> = all.iter().map(|one| one.name).collect();
        return Err(Problem::new(format!(
            "{unknown} is no contestant: {}",
            known.join(", ")
        )));
    }
    let mut found = Vec::new();
    for one in all {
        let is_named = wanted.iter().any(|name| name == one.name);
        if !is_named && !wanted.is_empty() {
            continue;
        }
        match one.is_there() {
            true => found.push(one),
            false if is_named || one.is_ours => {
                return Err(Problem::new(format!(
                    "{} is not there: {}",
                    one.name, one.command[0]
                )));
            }
            false => println!("bench: {} is left out: it has not been set up", one.name),
        }
    }
    Ok(found)
}
