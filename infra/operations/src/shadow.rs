//! Before switching: compares what Sluice has seen with what the current endpoint has seen.
//!
//! It compares three lists over one window of Stripe's `created`: the ledger; a file of what they have seen, in any
//! form; and, with an API key, Stripe's own list of events. Stripe's list finds what neither has, and says for each
//! event how many endpoints haven't taken it (`pending_webhooks`). Without a file that count stands for their endpoint,
//! which is right as long as there are only these two endpoints.
//!
//! It reads and never writes. All three lists are held in memory, a few hundred bytes per event, up to
//! [`theirs::EVENTS_MAX`].
//!
//! # Layout
//! - [`theirs`]: the file. `endpoints`: the two at Stripe. `compare`: one event at the three places. [`report`]:
//!   counts, and what to look at.

pub mod compare;
mod endpoints;
pub mod report;
pub mod theirs;

use std::collections::{BTreeMap, BTreeSet};

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
use sluice_stripe::event::parse_head;

use crate::problem::Problem;
use crate::stack::Stack;
use crate::stripe::stripe;
use crate::times::{When, now_ms};
use compare::{Known, Listed, Ours};
use endpoints::Endpoints;
use report::Shadow;
use theirs::{EVENTS_MAX, File};

/// What to compare.
#[derive(Debug, Clone)]
pub struct Request {
    /// What they have seen, according to their file.
    pub theirs: Option<File>,
    /// Events that Stripe made since.
    pub since: When,
    /// Events that Stripe made before.
    pub until: When,
    /// Of these types; `*` stands for anything. Without it, all types.
    pub types: Vec<String>,
    /// Of this mode; without it, live if an endpoint takes live events.
    pub livemode: Option<bool>,
    /// Their endpoint at Stripe, by its id; without it, the only other one.
    pub their_endpoint: Option<String>,
    /// Stripe is not asked.
    pub without_key: bool,
}

/// The scope of the comparison: the accounts, the window and the types of the events.
#[derive(Debug)]
struct Window {
    from_s: i64,
    to_s: i64,
    livemode: bool,
    types: Vec<String>,
}

impl Window {
    fn has(&self, created: i64, kind: &str) -> bool {
        self.has_time(created) && self.has_type(kind)
    }

    fn has_time(&self, created: i64) -> bool {
        (self.from_s..self.to_s).contains(&created)
    }

    fn has_type(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|it| is_like(kind, it))
    }
}

/// Compares. `progress` gets the number of the ledger's events read up to then.
///
/// # Errors
/// `Usage` for an empty window, for more events than are held in memory, and without anything to compare with;
/// `NotFound` for an endpoint that Stripe doesn't have; what AWS or Stripe refuses.
pub async fn compare(
    stack: &Stack,
    request: Request,
    progress: &mut dyn FnMut(usize),
) -> Result<Shadow, Problem> {
    let now_ms = now_ms();
    let variables = Variables::read(stack).await?;
    let live = variables.endpoints.values().any(|it| it.livemode);
    let window = Window {
        from_s: request.since.ms(now_ms) / 1_000,
        to_s: request.until.ms(now_ms) / 1_000,
        livemode: request.livemode.unwrap_or(live),
        types: request.types,
    };
    if window.to_s <= window.from_s {
        return Err(Problem::Usage("--since is not before --until".to_owned()));
    }
    let file = request.theirs;
    let stripe = match request.without_key {
        true => None,
        false => {
            let stripe = stripe(stack, 10, true).await?;
            stripe.has_key(window.livemode).await?.then_some(stripe)
        }
    };
    if file.is_none() && stripe.is_none() {
        return Err(Problem::Usage(
            "nothing to compare with: give --theirs, or the stack an API key of this mode (ApiKeySecretArn)".to_owned(),
        ));
    }

    let mut ours = ours(stack, &window, now_ms, progress).await?;
    let mut endpoints = Endpoints::default();
    let mut listed = BTreeMap::new();
    let mut remarks = Vec::new();
    if let Some(stripe) = &stripe {
        match stripe.webhook_endpoints(window.livemode).await {
            Ok(all) => {
                let wanted = request.their_endpoint.as_deref();
                let names = variables.endpoints.keys().map(String::as_str);
                endpoints = Endpoints::among(stack, names, all.unwrap_or_default(), wanted)?;
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
            // Either the file says so, or Stripe doesn't list it in the window.
            let is_outside = match theirs.created {
                Some(created) => !window.has_time(created),
                None => stripe_says_all && !listed.contains_key(id),
            };
            let kind = theirs.kind.as_deref();
            let is_of_type = kind.is_none_or(|kind| window.has_type(kind));
            match ours.contains_key(id) || !is_outside && is_of_type {
                true => drop(ids.insert(id)),
                false => beyond += 1,
            }
        }
    }
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    if let Some(file) = &file {
        versions(stack, file, &mut ours).await?;
    }
    let expected: Vec<String> = match endpoints.ours.is_empty() {
        true => variables.subscribed.clone(),
        false => endpoints
            .ours
            .iter()
            .flat_map(|it| it.enabled_events.clone())
            .collect(),
    };
    remarks.extend(endpoints.apart());
    let mut shadow = Shadow {
        from_s: window.from_s,
        to_s: window.to_s,
        mode: if window.livemode { "live" } else { "test" },
        named_by_file: file.as_ref().map(|file| file.events.len()),
        lines_without_event: file.as_ref().map(|file| file.skipped),
        listed_by_stripe: stripe.is_some().then_some(listed.len()),
        beyond_the_window: beyond,
        remarks,
        ..Shadow::default()
    };
    for id in &ids {
        let known = Known {
            ours: ours.get(id),
            theirs: file.as_ref().and_then(|file| file.events.get(id)),
            listed: listed.get(id),
            has_file: file.is_some(),
        };
        shadow.add(id, &known, |kind| is_subscribed(&expected, kind));
    }
    Ok(shadow)
}

/// What ingest and reconcile were deployed with.
struct Variables {
    endpoints: BTreeMap<String, Endpoint>,
    subscribed: Vec<String>,
}

impl Variables {
    async fn read(stack: &Stack) -> Result<Self, Problem> {
        let missing = || Problem::NotFound("the stack has no function reconcile".to_owned());
        let function = stack.functions.get("reconcile").ok_or_else(missing)?;
        let configuration = stack.aws.configuration(function).await?;
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

/// The ledger's events of the window. An event may arrive days after it was made, and never before.
async fn ours(
    stack: &Stack,
    window: &Window,
    now_ms: i64,
    progress: &mut dyn FnMut(usize),
) -> Result<BTreeMap<String, Ours>, Problem> {
    // Clocks differ by less than this.
    const SKEW_MS: i64 = 600_000;
    let wanted = Wanted {
        types: window.types.to_vec(),
        livemode: Some(window.livemode),
        ..Wanted::between(window.from_s * 1_000 - SKEW_MS, now_ms + 1)
    };
    let (mut walk, listing) = (stack.timeline()?.walk(wanted), stack.listing()?);
    let mut found = BTreeMap::new();
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
        progress(found.len());
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

/// The API version of the events, if the file names one.
async fn versions(
    stack: &Stack,
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
    let table = stack.table("ledger")?.to_owned();
    let ledger = DynamoLedger::new(stack.aws.sdk(), table, SystemClock);
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

/// Stripe's own list of the window, for the platform and for each connected account that an endpoint takes events of.
async fn at_stripe(
    stripe: &StripeObjects,
    variables: &Variables,
    window: &Window,
    ours: &BTreeMap<String, Ours>,
    remarks: &mut Vec<String>,
) -> Result<BTreeMap<String, Listed>, Problem> {
    let of_mode = variables
        .endpoints
        .values()
        .filter(|it| it.livemode == window.livemode);
    let (mut scopes, mut known) = (BTreeSet::new(), None);
    for endpoint in of_mode {
        if endpoint.scope != endpoint::AccountScope::Connect {
            scopes.insert((endpoint.payload, None));
        }
        if endpoint.scope == endpoint::AccountScope::Platform {
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
