//! `sluice shadow`: before switching, what Sluice has seen held against what the endpoint of today has.
//!
//! Three lists over one window of Stripe's `created`: the ledger; with `--theirs` a file of what they have seen, whatever
//! its form; and with an API key Stripe's own list of events, which finds what neither has, and says of each event how many
//! endpoints haven't taken it (`pending_webhooks`). Without a file that count stands for their endpoint, which is right as
//! long as the two are the only ones.
//!
//! It reads and never writes. All three are held in memory, a few hundred bytes an event, up to [`EVENTS_MAX`].

mod compare;
mod report;
mod theirs;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::Value;
use sluice_adapters::clock::SystemClock;
use sluice_adapters::ledger::DynamoLedger;
use sluice_adapters::listing::BATCH_MAX;
use sluice_adapters::objects::StripeObjects;
use sluice_adapters::timeline::{Wanted, is_like};
use sluice_kernel::clock::Clock;
use sluice_kernel::delivery::endpoint::{self, Endpoint};
use sluice_kernel::event::Scope;
use sluice_kernel::reconcile::{Ask, Listed as Page, Listing, is_subscribed};
use sluice_kernel::replay::Entries;
use sluice_stripe::client::WebhookEndpoint;
use sluice_stripe::event::parse_head;

use crate::context::Context;
use crate::progress::Progress;
use compare::{Known, Listed, Ours};
use report::Report;
use sluice_operations::problem::Problem;
use sluice_operations::stripe::stripe;
use sluice_operations::times::{When, now_ms};
use theirs::{EVENTS_MAX, File};

const EXAMPLES: &str = "Examples:
  sluice shadow --theirs seen.csv                        events of a week, against ids (and answers) that they have exported
  sluice shadow --since 24h                              without a file: against Stripe's own count of who took what
  sluice shadow --theirs access.log --type 'invoice.*' --json
  psql -c 'copy (select event_id, status, type from webhooks) to stdout csv' | sluice shadow --theirs -

A line of the file names an event's id, and as far as it does its answer and type: ids alone, CSV, an access log, or JSON
lines of {id, status, type, api_version, livemode, created}.

Exit code 4: something is missing here, differs, or is here and not applied.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What they have seen: a file, or - for standard input.
    #[arg(long, value_name = "FILE")]
    theirs: Option<PathBuf>,
    /// Events that Stripe made since: 24h, 7d ago, a day, or an instant. Stripe lists 30 days.
    #[arg(long, default_value = "7d", value_name = "TIME")]
    since: When,
    /// Events that Stripe made before. What is younger than the default may still be on its way.
    #[arg(long, default_value = "5m", value_name = "TIME")]
    until: When,
    /// Of this type; `*` stands for anything. May be given more than once.
    #[arg(long = "type", value_name = "PATTERN")]
    types: Vec<String>,
    /// Of this mode; by default live, where an endpoint takes live events.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Their endpoint at Stripe, by its id (`we_…`); by default the only other one.
    #[arg(long, value_name = "WE")]
    their_endpoint: Option<String>,
    /// Don't ask Stripe.
    #[arg(long, requires = "theirs")]
    without_key: bool,
}

/// Stripe's modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    Live,
    Test,
}

/// What is compared: whose events, made when, of which types.
struct Window<'a> {
    from_s: i64,
    to_s: i64,
    livemode: bool,
    types: &'a [String],
}

impl Window<'_> {
    fn has(&self, created: i64, kind: &str) -> bool {
        let of_type = self.types.is_empty() || self.types.iter().any(|it| is_like(kind, it));
        of_type && (self.from_s..self.to_s).contains(&created)
    }
}

/// The two endpoints as Stripe has them, as far as they are known.
#[derive(Debug, Default)]
struct Endpoints {
    ours: Vec<WebhookEndpoint>,
    theirs: Option<WebhookEndpoint>,
}

/// Compares.
pub(crate) async fn run(context: &Context, args: Args) -> Result<(), Problem> {
    let now_ms = now_ms();
    let variables = Variables::read(context).await?;
    let live = variables.endpoints.values().any(|it| it.livemode);
    let window = Window {
        from_s: args.since.ms(now_ms) / 1_000,
        to_s: args.until.ms(now_ms) / 1_000,
        livemode: args.mode.map_or(live, |mode| mode == Mode::Live),
        types: &args.types,
    };
    if window.to_s <= window.from_s {
        return Err(Problem::Usage("--since is not before --until".to_owned()));
    }
    let file = args.theirs.as_ref().map(read_file).transpose()?;
    let stripe = match args.without_key {
        true => None,
        false => {
            let stripe = stripe(&context.stack, 10, true).await?;
            stripe.has_key(window.livemode).await?.then_some(stripe)
        }
    };
    if file.is_none() && stripe.is_none() {
        return Err(Problem::Usage(
            "nothing to compare with: give --theirs, or the stack an API key of this mode (ApiKeySecretArn)".to_owned(),
        ));
    }

    let mut ours = ours(context, &window, now_ms).await?;
    let mut endpoints = Endpoints::default();
    let mut listed = BTreeMap::new();
    let mut remarks = Vec::new();
    if let Some(stripe) = &stripe {
        match stripe.webhook_endpoints(window.livemode).await {
            Ok(all) => {
                let wanted = args.their_endpoint.as_deref();
                endpoints = told_apart(context, &variables, all.unwrap_or_default(), wanted)?;
            }
            Err(fault) => remarks.push(format!("the endpoints at Stripe are unknown: {fault}")),
        }
        listed = at_stripe(stripe, &variables, &window, &ours, &mut remarks).await?;
    }
    let mut beyond = 0;
    let mut ids: BTreeSet<&String> = ours.keys().chain(listed.keys()).collect();
    if let Some(file) = &file {
        let stripe_says_all = stripe.is_some();
        for (id, theirs) in &file.events {
            // By their own word, or since Stripe doesn't list it in the window.
            let is_outside = match theirs.created {
                Some(created) => !(window.from_s..window.to_s).contains(&created),
                None => stripe_says_all && !listed.contains_key(id),
            };
            let is_of_type = theirs.kind.as_deref().is_none_or(|kind| {
                window.types.is_empty() || window.types.iter().any(|it| is_like(kind, it))
            });
            match ours.contains_key(id) || !is_outside && is_of_type {
                true => drop(ids.insert(id)),
                false => beyond += 1,
            }
        }
    }
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    if let Some(file) = &file {
        versions(context, file, &mut ours).await?;
    }
    let expected: Vec<String> = match endpoints.ours.is_empty() {
        true => variables.subscribed.clone(),
        false => endpoints
            .ours
            .iter()
            .flat_map(|it| it.enabled_events.clone())
            .collect(),
    };
    let mut report = Report::new();
    report.file = file.as_ref().map(|file| (file.events.len(), file.skipped));
    report.listed = stripe.is_some().then_some(listed.len());
    report.beyond = beyond;
    report.remarks = remarks;
    for id in &ids {
        let known = Known {
            ours: ours.get(id),
            theirs: file.as_ref().and_then(|file| file.events.get(id)),
            listed: listed.get(id),
            has_file: file.is_some(),
        };
        report.add(context, id, &known, |kind| is_subscribed(&expected, kind))?;
    }
    report.end(context, &window, &endpoints)
}

/// What ingest and reconcile were deployed with.
struct Variables {
    endpoints: BTreeMap<String, Endpoint>,
    subscribed: Vec<String>,
}

impl Variables {
    async fn read(context: &Context) -> Result<Self, Problem> {
        let missing = || Problem::NotFound("the stack has no function reconcile".to_owned());
        let function = context
            .stack
            .functions
            .get("reconcile")
            .ok_or_else(missing)?;
        let configuration = context.stack.aws.configuration(function).await?;
        let text = |name: &str| {
            let value = configuration["Environment"]["Variables"][name].as_str();
            value.unwrap_or_default().to_owned()
        };
        let types = text("SUBSCRIBED_TYPES");
        let types = types
            .split(',')
            .map(str::trim)
            .filter(|kind| !kind.is_empty());
        Ok(Self {
            endpoints: serde_json::from_str(&text("ENDPOINTS")).unwrap_or_default(),
            subscribed: types.map(str::to_owned).collect(),
        })
    }
}

fn read_file(path: &PathBuf) -> Result<File, Problem> {
    let file = match path.as_os_str() == "-" {
        true => theirs::read(std::io::stdin().lock().lines())?,
        false => {
            let open = std::fs::File::open(path)
                .map_err(|error| Problem::Failed(format!("{}: {error}", path.display())))?;
            theirs::read(std::io::BufReader::new(open).lines())?
        }
    };
    match file.events.is_empty() {
        true => Err(Problem::Usage(format!(
            "{} names no event (evt_…) in any of its {} lines",
            path.display(),
            file.skipped
        ))),
        false => Ok(file),
    }
}

/// The ledger's events of the window. An event may come in days after it was made, and never before.
async fn ours(
    context: &Context,
    window: &Window<'_>,
    now_ms: i64,
) -> Result<BTreeMap<String, Ours>, Problem> {
    // Clocks differ by less than this.
    const SKEW_MS: i64 = 600_000;
    let wanted = Wanted {
        types: window.types.to_vec(),
        livemode: Some(window.livemode),
        ..Wanted::between(window.from_s * 1_000 - SKEW_MS, now_ms + 1)
    };
    let (mut walk, listing) = (
        context.stack.timeline()?.walk(wanted),
        context.stack.listing()?,
    );
    let mut found = BTreeMap::new();
    let mut progress = Progress::new(context, "events of the ledger", None);
    let mut ended = false;
    while !ended {
        let mut batch = Vec::new();
        while batch.len() < BATCH_MAX && !ended {
            match walk.next().await? {
                Some(seen) => {
                    let created = seen.created.unwrap_or(seen.received_at_ms / 1_000);
                    if window.has(created, &seen.kind) {
                        batch.push(seen);
                    }
                }
                None => ended = true,
            }
        }
        for listed in listing.look_up(batch).await? {
            found.insert(
                listed.seen.id,
                Ours {
                    kind: listed.seen.kind,
                    livemode: listed.seen.livemode,
                    api_version: None,
                    state: listed.state.to_owned(),
                    outcome: listed.outcome,
                    code: listed.code,
                },
            );
        }
        bounded(found.len())?;
        progress.at(found.len());
    }
    Ok(found)
}

fn bounded(events: usize) -> Result<(), Problem> {
    match events > EVENTS_MAX {
        true => Err(Problem::Usage(format!(
            "more than {EVENTS_MAX} events: take a shorter time, or a --type"
        ))),
        false => Ok(()),
    }
}

/// The API version of those that the file names one of.
async fn versions(
    context: &Context,
    file: &File,
    ours: &mut BTreeMap<String, Ours>,
) -> Result<(), Problem> {
    let named = file
        .events
        .iter()
        .filter(|(_, theirs)| theirs.api_version.is_some());
    let named: Vec<String> = named
        .filter(|(id, _)| ours.contains_key(*id))
        .map(|(id, _)| id.clone())
        .collect();
    let table = context.stack.table("ledger")?.to_owned();
    let ledger = DynamoLedger::new(context.stack.aws.sdk(), table, SystemClock);
    for some in named.chunks(BATCH_MAX) {
        let entries = ledger.entries(some, SystemClock.now_ms()).await?;
        for (id, entry) in some.iter().zip(entries) {
            if let (Some(ours), Some((entry, _))) = (ours.get_mut(id), entry) {
                ours.api_version = entry.origin.api_version.as_deref().map(str::to_owned);
            }
        }
    }
    Ok(())
}

/// Which of Stripe's endpoints is ours, and which theirs.
fn told_apart(
    context: &Context,
    variables: &Variables,
    all: Vec<WebhookEndpoint>,
    wanted: Option<&str>,
) -> Result<Endpoints, Problem> {
    let url = context
        .stack
        .outputs
        .get("WebhookUrl")
        .cloned()
        .unwrap_or_default();
    let names = variables
        .endpoints
        .keys()
        .map(|name| format!("{url}/{name}"));
    let urls: BTreeSet<String> = names.chain([url.clone()]).collect();
    let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| urls.contains(&it.url));
    let theirs = match wanted {
        Some(wanted) => {
            let found = others.into_iter().find(|it| it.id == wanted);
            Some(found.ok_or_else(|| {
                Problem::NotFound(format!(
                    "Stripe has no other endpoint {wanted} in this mode"
                ))
            })?)
        }
        None => {
            let mut enabled = others.into_iter().filter(|it| it.status == "enabled");
            let first = enabled.next();
            first.filter(|_| enabled.next().is_none())
        }
    };
    Ok(Endpoints { ours, theirs })
}

/// Stripe's own list of the window, of the platform and of each connected account that an endpoint takes events of.
async fn at_stripe(
    stripe: &StripeObjects,
    variables: &Variables,
    window: &Window<'_>,
    ours: &BTreeMap<String, Ours>,
    remarks: &mut Vec<String>,
) -> Result<BTreeMap<String, Listed>, Problem> {
    let of_mode = variables
        .endpoints
        .values()
        .filter(|it| it.livemode == window.livemode);
    let (mut scopes, mut known) = (BTreeSet::new(), None);
    for endpoint in of_mode {
        if endpoint.scope != endpoint::Scope::Connect {
            scopes.insert((endpoint.payload, None));
        }
        if endpoint.scope == endpoint::Scope::Platform {
            continue;
        }
        if known.is_none() {
            let listed = accounts(stripe, window.livemode).await;
            known = Some(listed.unwrap_or_else(|problem| {
                remarks.push(format!(
                    "connected accounts can't be listed, and are left out: {problem}"
                ));
                Vec::new()
            }));
        }
        let accounts = known.iter().flatten().cloned();
        scopes.extend(accounts.map(|account| (endpoint.payload, Some(account))));
    }
    let mut found = BTreeMap::new();
    for (payload, account) in scopes {
        let mut ask = Ask {
            scope: Scope {
                account,
                livemode: window.livemode,
            },
            payload,
            from_s: window.from_s,
            to_s: window.to_s - 1,
            after: None,
            types: window.types.to_vec(),
        };
        loop {
            let (items, next) = match stripe.events(&ask).await? {
                Page::Page { items, next } => (items, next),
                Page::NoKey => break,
                Page::Spent { wait_ms } => {
                    SystemClock.sleep_ms(wait_ms).await;
                    continue;
                }
            };
            for item in &items {
                let Ok(head) = parse_head(item) else {
                    continue;
                };
                if window.has(head.created.unwrap_or(window.from_s), &head.kind) {
                    // A thin event says nothing of its deliveries.
                    let event: Value = serde_json::from_slice(item).unwrap_or_default();
                    let listed = Listed {
                        kind: head.kind.to_string(),
                        pending_webhooks: event["pending_webhooks"].as_u64(),
                    };
                    found.insert(head.id.to_string(), listed);
                }
            }
            bounded(found.len() + ours.len())?;
            if next.is_none() {
                break;
            }
            ask.after = next;
        }
    }
    Ok(found)
}

async fn accounts(stripe: &StripeObjects, livemode: bool) -> Result<Vec<String>, Problem> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        match stripe.accounts(livemode, after.as_deref()).await? {
            Page::NoKey => return Ok(all),
            Page::Spent { wait_ms } => SystemClock.sleep_ms(wait_ms).await,
            Page::Page { items, next } => {
                all.extend(items);
                if next.is_none() {
                    return Ok(all);
                }
                after = next;
            }
        }
    }
}
