//! `/objects/{id}`: an object as its domains have it, what its state rests on, and what a customer may use.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use sluice_operations::access::{self, Access};
use sluice_operations::problem::Problem;
use sluice_operations::state::{self, Object};

use crate::actions::{Action, rebuild::Rebuild};
use crate::app::{About, Shared};
use crate::body::shown;
use crate::layout::{Section, page as framed};
use crate::limits::{BODY_BYTES, ROWS};
use crate::query::{customer, event, given, object, url};
use crate::refusal::Refusal;
use crate::show::{Tone, command, time, toned};

/// Which account the object belongs to; without it, the platform's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    account: String,
}

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let account = given(&asked.account).unwrap_or_else(|| "platform".to_owned());
    let title = format!("Object {id}");
    let found = app.operations.ask({
        let (id, account) = (id.clone(), account.clone());
        |stack| async move {
            let is_customer = id.starts_with("cus_");
            let uses = match is_customer {
                true => there(access::of(&stack, &id, &account).await)?,
                false => Vec::new(),
            };
            let objects = state::find(&stack, &id, &account).await;
            match objects {
                // A customer may have rights without being an object of a domain.
                Err(Problem::NotFound(_)) if !uses.is_empty() => Ok((Vec::new(), uses)),
                objects => Ok((objects?, uses)),
            }
        }
    });
    let (objects, uses) = found.await?;
    let content = html! {
        @for access in &uses { (of_customer(access)) }
        @if !uses.is_empty() { p { a href=(customer(&id, &account)) { "May this customer use something, and because of what?" } } }
        @for object in &objects { (of_domain(object, BODY_BYTES / objects.len())) }
        (commands(&app.about, &id, &account, !uses.is_empty()))
    };
    Ok(framed(&app.about, Section::None, &title, content))
}

/// What was found; nothing if it isn't there.
fn there<T: Default>(found: Result<T, Problem>) -> Result<T, Problem> {
    match found {
        Err(Problem::NotFound(_)) => Ok(T::default()),
        found => found,
    }
}

fn commands(about: &About, id: &str, account: &str, is_customer: bool) -> Markup {
    let account = match account {
        "platform" => String::new(),
        account => format!(" --account {account}"),
    };
    html! {
        p { "In the terminal: " (command(&about.command(&format!("state show '{id}'{account} --json")))) }
        @if is_customer { p { (command(&about.command(&format!("access show {id}{account}")))) } }
    }
}

fn of_customer(access: &Access) -> Markup {
    html! {
        section {
            h2 { "What the customer may use, " (access.mode) }
            @if access.partial { p { (toned(Tone::Warn, "partial")) " An object has more than its domain knows of it." } }
            @if access.assumed { p { (toned(Tone::Warn, "assumed")) " An end of these is assumed." } }
            @if access.uses.is_empty() { p.empty { "Nothing now." } }
            @else { div.scroll tabindex="0" { table {
                thead { tr { th { "product or feature" } th.number { "quantity" } th { "until, UTC" } } }
                tbody { @for (name, one) in access.uses.iter().take(ROWS) { tr {
                    th scope="row" { (name) }
                    td.number { @if let Some(quantity) = one.quantity { (quantity) } }
                    td { @match one.until { Some(second) => (time(second.saturating_mul(1_000))), None => "no known end" } }
                } } }
            } } }
            p.ids { "Because of " @for key in access.rests_on.iter().take(ROWS) { a href=(object(key, None)) { (key) } " " } }
        }
    }
}

fn of_domain(object: &Object, bytes_max: usize) -> Markup {
    let document = &object.document;
    let listed = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let second = document.get("second").and_then(Value::as_i64);
    let is_guess = document.get("tie_unresolved") == Some(&Value::Bool(true));
    let text = serde_json::to_vec(document).unwrap_or_default();
    let history: Vec<_> = listed("history").filter_map(Value::as_str).collect();
    html! {
        section {
            h2 { (object.domain) " " span.dim { (object.key.as_deref().unwrap_or_default()) } }
            @if let Some(key) = &object.key {
                p { a.button href=(url(Rebuild::PATH, &[("domain", &*object.domain), ("key", key)])) { "What would a rebuild change?" } }
            }
            dl.facts {
                @if let Some(version) = object.version { dt { "version" } dd { (version) } }
                dt { "rests on" } dd {
                    @for member in listed("members") {
                        @match member["event"].as_str() { Some(id) => a href=(event(id)) { (id) }, None => "a fetch" } " "
                    }
                    @if let Some(second) = second { "of " (time(second.saturating_mul(1_000))) }
                    @if is_guess { " " (toned(Tone::Warn, "a guess between events of one second")) }
                }
                @if !history.is_empty() {
                    dt { "last events" } dd { @for id in history.iter().rev().take(ROWS) { a href=(event(id)) { (id) } " " } }
                }
                dt { "pending effects" } dd { (listed("pending").count()) }
            }
            @if let Some(shown) = shown(&text, bytes_max) {
                (shown.html)
                @if shown.is_cut { p.dim { "It is longer than this page shows." } }
            }
        }
    }
}
