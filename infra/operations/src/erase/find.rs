//! Reads all that is stored, for what belongs to a customer, what mentions one, and what can't be seen.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use sluice_adapters::erase::{Content, Eraser, Kept, Place, StoredProjection};
use sluice_kernel::erase::{Account, Belongings, event_in};

use crate::problem::Problem;
use crate::stack::{PLATFORM, Stack};

/// The most passes: one more than the longest chain of links (refund, charge, payment intent, invoice, subscription).
const PASSES_MAX: usize = 8;

/// Something that belongs to the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A stored body.
    Body {
        event: String,
        place: Place,
        kind: String,
        object: Option<String>,
        mode: &'static str,
    },
    /// An object as a domain has it.
    Projection {
        domain: String,
        key: String,
        kind: String,
    },
}

/// Where something that stays is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Spot {
    /// An event in the ledger.
    #[serde(rename = "event")]
    Event(String),
    /// A projection's key.
    #[serde(rename = "projection")]
    Projection(String),
    /// A queue's dead letter, by the event that it names.
    #[serde(rename = "dead_letter")]
    Letter(String),
}

impl Spot {
    /// The id that names it there.
    pub fn id(&self) -> &str {
        match self {
            Self::Event(id) | Self::Projection(id) | Self::Letter(id) => id,
        }
    }
}

/// Something that isn't the customer's but mentions a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mention {
    /// Where it is.
    #[serde(flatten)]
    pub spot: Spot,
    /// The connected account that it belongs to.
    pub account: Option<String>,
    /// The object's id, if it has one.
    pub object: Option<String>,
    /// Stripe's type of the event, or Stripe's name for the object.
    #[serde(rename = "type")]
    pub kind: String,
    /// The top-level fields that mention the customer.
    pub fields: BTreeSet<String>,
}

/// Something that could not be seen, or not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Where it is.
    #[serde(flatten)]
    pub spot: Spot,
    /// Why it could not be seen or judged.
    pub why: String,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In the order in which it was found: what was found earlier led to what follows.
    pub(super) targets: Vec<Target>,
    /// The keys of the targets, each of which occurs once.
    known: BTreeSet<(String, Option<Place>)>,
    /// Entries that were erased before: what an interrupted run may have left of them is erased with the next run.
    pub(super) erased_before: BTreeSet<String>,
    pub(super) mentions: Vec<Mention>,
    pub(super) unseen: Vec<Unseen>,
}

impl Found {
    /// Whether an event's entry is among the targets.
    pub(super) fn has_entry(&self, event: &str) -> bool {
        self.known.contains(&(event.to_owned(), Some(Place::Entry)))
    }

    /// The keys of the targets, as text.
    pub(super) fn ids(&self) -> impl Iterator<Item = String> {
        self.known.iter().map(|(name, place)| match place {
            Some(Place::Entry) => format!("entry {name}"),
            Some(Place::Beside(sk)) => format!("{sk} {name}"),
            None => format!("projection {name}"),
        })
    }

    pub(super) fn add(&mut self, target: Target) {
        let known = match &target {
            Target::Body { event, place, .. } => (event.clone(), Some(place.clone())),
            Target::Projection { domain, key, .. } => (format!("{domain} {key}"), None),
        };
        if self.known.insert(known) {
            self.targets.push(target);
        }
    }
}

/// A search through a stack.
pub(super) struct Search<'a> {
    stack: &'a Stack,
    eraser: &'a Eraser,
    account: Option<&'a str>,
    belongings: Belongings,
    found: Found,
}

impl<'a> Search<'a> {
    pub(super) fn of(
        stack: &'a Stack,
        eraser: &'a Eraser,
        account: Option<&'a str>,
        belongings: Belongings,
    ) -> Self {
        Self {
            stack,
            eraser,
            account,
            belongings,
            found: Found::default(),
        }
    }

    /// Reads all that is stored until a pass finds nothing new.
    pub(super) async fn everything(mut self) -> Result<(Found, Belongings), Problem> {
        for _ in 0..PASSES_MAX {
            let before = (self.found.targets.len(), self.belongings.ids().count());
            // Something that only mentioned the customer before this pass may belong to the customer by now.
            self.found.mentions.clear();
            self.found.unseen.clear();
            self.pass().await?;
            if (self.found.targets.len(), self.belongings.ids().count()) == before {
                return Ok((self.found, self.belongings));
            }
        }
        Err(Problem::Failed(format!(
            "after {PASSES_MAX} passes there is still more to find; run it again when traffic is low"
        )))
    }

    async fn pass(&mut self) -> Result<(), Problem> {
        let mut from = None;
        loop {
            let (page, next) = self.eraser.bodies(from).await?;
            page.into_iter().for_each(|kept| self.body(kept));
            from = next;
            if from.is_none() {
                break;
            }
        }
        for domain in self.stack.domains() {
            let table = self.stack.table(domain)?;
            let mut from = None;
            loop {
                let (page, next) = self.eraser.projections(table, from).await?;
                page.iter().for_each(|one| self.projection(domain, one));
                from = next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn body(&mut self, kept: Kept) {
        let is_given = self.belongings.is_given(&kept.id) && kept.account.may_be_of(self.account);
        let is_ours = kept.account.is_of(self.account);
        let event = match &kept.content {
            Content::Erased if is_ours => {
                self.found.erased_before.insert(kept.id);
                return;
            }
            Content::Erased => return,
            Content::Unseen(why) => Err(why.clone()),
            Content::Body(body) => event_in(body).ok_or_else(|| "it is no JSON".to_owned()),
        };
        match event {
            Ok(event) if is_given || (is_ours && self.belongings.takes_event(&event)) => {
                self.found.add(of_body(kept, &event));
            }
            Err(_) if is_given => self.found.add(of_body(kept, &Value::Null)),
            Ok(event) => self.not_theirs(kept, &event),
            Err(why) if kept.account.may_be_of(self.account) => {
                let spot = Spot::Event(kept.id);
                self.found.unseen.push(Unseen { spot, why });
            }
            Err(_) => {}
        }
    }

    fn not_theirs(&mut self, kept: Kept, event: &Value) {
        let spot = Spot::Event(kept.id);
        match of_event(&self.belongings, event, &kept.account) {
            Judged::Nothing => {}
            Judged::Undecided => self.found.unseen.push(Unseen {
                spot,
                why: NO_ACCOUNT.to_owned(),
            }),
            Judged::Mention(fields, account) => self.found.mentions.push(Mention {
                spot,
                account,
                object: object_in(event),
                kind: kind_of(kept.kind, event),
                fields,
            }),
        }
    }

    fn projection(&mut self, domain: &str, one: &StoredProjection) {
        let account = one.key.split('#').next().unwrap_or_default();
        let is_ours = account == self.account.unwrap_or(PLATFORM);
        let stored = one.stored.as_ref();
        let document: Option<Value> =
            stored.and_then(|stored| serde_json::from_str(&stored.document).ok());
        let Some(state) = document.as_ref().and_then(|document| document.get("state")) else {
            if is_ours {
                self.found.unseen.push(Unseen {
                    spot: Spot::Projection(one.key.clone()),
                    why: "the item has no document that can be read".to_owned(),
                });
            }
            return;
        };
        let object = object_of(&one.key);
        let state = owned(state, one.owner.as_deref());
        if is_ours && self.belongings.takes(Some(object), &state) {
            let kind = state["was"].as_str().or_else(|| state["object"].as_str());
            self.found.add(Target::Projection {
                domain: domain.to_owned(),
                key: one.key.clone(),
                kind: kind.unwrap_or_default().to_owned(),
            });
            return;
        }
        let fields = self.belongings.mentions(&state);
        if !fields.is_empty() {
            self.found.mentions.push(Mention {
                spot: Spot::Projection(one.key.clone()),
                account: Some(account.to_owned()).filter(|account| account != PLATFORM),
                object: Some(object.to_owned()),
                kind: state["object"].as_str().unwrap_or_default().to_owned(),
                fields,
            });
        }
    }
}

/// Why something that may be the customer's stays.
pub(super) const NO_ACCOUNT: &str =
    "it names the customer, and its account can't be read; its event's id can be given";

/// What an event is that is not certainly the customer's.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It has nothing to do with the customer.
    Nothing,
    /// It mentions the customer, in these fields, and is of this account.
    Mention(BTreeSet<String>, Option<String>),
    /// Its account isn't known. If it were the customer's account, the event would be the customer's, or mention the
    /// customer.
    Undecided,
}

pub(super) fn of_event(belongings: &Belongings, event: &Value, account: &Account) -> Judged {
    let fields = belongings.mentions_in_event(event);
    match account {
        Account::Unknown if !fields.is_empty() || belongings.clone().takes_event(event) => {
            Judged::Undecided
        }
        Account::Known(of) if !fields.is_empty() => Judged::Mention(fields, of.clone()),
        _ => Judged::Nothing,
    }
}

fn of_body(kept: Kept, event: &Value) -> Target {
    Target::Body {
        event: kept.id,
        place: kept.place,
        kind: kind_of(kept.kind, event),
        object: object_in(event),
        mode: match event["livemode"].as_bool() {
            Some(true) => "live",
            Some(false) => "test",
            None => "",
        },
    }
}

fn kind_of(stored: Option<String>, event: &Value) -> String {
    let said = || event["type"].as_str().map(str::to_owned);
    stored.or_else(said).unwrap_or_default()
}

/// The id of the object that an event is about.
pub(super) fn object_in(event: &Value) -> Option<String> {
    let paths = ["/data/object/id", "/related_object/id"];
    let mut ids = paths
        .into_iter()
        .filter_map(|path| event.pointer(path)?.as_str());
    ids.next().map(str::to_owned)
}

/// The id of the object in a projection's key. A summary of entitlements is kept under its customer's id.
pub(super) fn object_of(key: &str) -> &str {
    let object = key.rsplit('#').next().unwrap_or(key);
    object.strip_prefix("entitlements:").unwrap_or(object)
}

/// A projection's state, with the owner that it is indexed by as the customer that it names.
fn owned(state: &Value, owner: Option<&str>) -> Value {
    let mut state = match state.is_object() {
        true => state.clone(),
        false => json!({}),
    };
    if let Some(owner) = owner.and_then(|owner| owner.rsplit('#').next())
        && state["customer"].is_null()
    {
        state["customer"] = json!(owner);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_entitlements_is_its_customers() {
        assert_eq!(object_of("platform#live#entitlements:cus_1"), "cus_1");
        assert_eq!(object_of("acct_1#test#ch_1"), "ch_1");
    }

    #[test]
    fn a_projection_is_its_owners_where_its_state_names_no_customer() {
        let owner = Some("platform#live#cus_1");
        assert_eq!(owned(&json!({ "id": "x" }), owner)["customer"], "cus_1");
        let named = json!({ "customer": "cus_2" });
        assert_eq!(owned(&named, owner), named);
        assert_eq!(owned(&json!(7), owner), json!({ "customer": "cus_1" }));
        assert_eq!(owned(&named, None), named);
    }

    #[test]
    fn an_event_whose_account_is_unknown_is_undecided_only_if_it_has_to_do_with_the_customer() {
        let belongings = Belongings::of(["cus_1".to_owned()]);
        let of = |customer: &str| json!({ "data": { "object": { "id": "ch_1", "customer": customer } } });
        let judged =
            |customer: &str, account: &Account| of_event(&belongings, &of(customer), account);
        assert_eq!(judged("cus_1", &Account::Unknown), Judged::Undecided);
        assert_eq!(judged("cus_2", &Account::Unknown), Judged::Nothing);
        let others = Account::Known(Some("acct_9".to_owned()));
        assert_eq!(
            judged("cus_1", &others),
            Judged::Mention(["customer".to_owned()].into(), Some("acct_9".to_owned()))
        );
        assert_eq!(judged("cus_2", &others), Judged::Nothing);
    }
}
