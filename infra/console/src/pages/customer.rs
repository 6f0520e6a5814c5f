//! `/customers/{id}`: may this customer use something, until when, and because of what.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use sluice_operations::access::{self, Access, Use, Verdict};

use crate::app::Shared;
use crate::layout::{Section, page as framed};
use crate::limits::ROWS;
use crate::query::{given, object, url};
use crate::refusal::Refusal;
use crate::show::{Tone, command, time, toned};

/// Which account the customer belongs to, and what is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    account: String,
    #[serde(rename = "use")]
    wanted: String,
}

/// The page.
pub(crate) async fn page(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Refusal> {
    let account = given(&asked.account).unwrap_or_else(|| "platform".to_owned());
    let wanted = given(&asked.wanted);
    let found = app.operations.ask({
        let (id, account) = (id.clone(), account.clone());
        |stack| async move { access::of(&stack, &id, &account).await }
    });
    let found = found.await?;
    let option = match account.as_str() {
        "platform" => String::new(),
        account => format!(" --account {account}"),
    };
    let content = html! {
        form.filter method="get" {
            input type="hidden" name="account" value=(asked.account);
            label { "Product or feature"
                input name="use" list="uses" value=(asked.wanted) placeholder="prod_… or feature" autocomplete="off";
            }
            datalist #uses { @for name in found.iter().flat_map(|access| access.uses.keys()).take(ROWS) { option value=(name); } }
            button type="submit" { "May this customer use it?" }
        }
        @for access in &found { (of_mode(access, wanted.as_deref())) }
        p.ids {
            a href=(object(&id, given(&asked.account).as_deref())) { "The customer as an object" } " "
            a href=(url("/events", &[("account", &asked.account), ("domain", "subscriptions")])) { "Events of subscriptions" }
        }
        p { "In the terminal: " (command(&app.about.command(&format!("access show {id}{option}")))) }
    };
    Ok(framed(
        &app.about,
        Section::None,
        &format!("Customer {id}"),
        content,
    ))
}

fn of_mode(access: &Access, wanted: Option<&str>) -> Markup {
    html! {
        section {
            h2 { (access.mode) }
            @if let Some(name) = wanted { (verdict(access, name)) }
            @if access.partial { p { (toned(Tone::Warn, "partial")) " An object has more than its domain knows of it." } }
            @if access.assumed { p { (toned(Tone::Warn, "assumed")) " An end of these is assumed." } }
            @if access.uses.is_empty() { p.empty { "The customer may use nothing now." } } @else {
                div.scroll tabindex="0" { table {
                    thead { tr { th { "may use" } th.number { "quantity" } th { "until, UTC" } th { "because of" } } }
                    tbody { @for (name, one) in access.uses.iter().take(ROWS) { tr {
                        th scope="row" { (name) }
                        td.number { @if let Some(quantity) = one.quantity { (quantity) } }
                        td { (until(one)) }
                        td.text { (because(access, name)) }
                    } } }
                } }
            }
            @if access.uses.len() > ROWS { p.dim { (access.uses.len() - ROWS) " more aren't shown." } }
            p.ids {
                "Looked at: "
                @for key in access.rests_on.iter().take(ROWS) { a href=(object(key, None)) { (key) } " " }
            }
        }
    }
}

/// The answer in a sentence.
fn verdict(access: &Access, name: &str) -> Markup {
    html! {
        p.verdict role="status" {
            @match access.verdict(name) {
                Verdict::Yes(one) => {
                    (toned(Tone::Good, "Yes")) ": " strong { (name) }
                    @if let Some(quantity) = one.quantity { " × " (quantity) }
                    ", until " (until(&one)) ", because of " (because(access, name))
                }
                Verdict::No => { (toned(Tone::Bad, "No")) ": nothing that is known allows " strong { (name) } "." }
                Verdict::Unknown => {
                    (toned(Tone::Warn, "Unknown")) ": nothing that is known allows " strong { (name) }
                    ", but an object has more than its domain knows of it."
                }
            }
        }
    }
}

fn until(one: &Use) -> Markup {
    html! {
        @match one.until { Some(second) => (time(second.saturating_mul(1_000))), None => "no known end" }
    }
}

fn because(access: &Access, name: &str) -> Markup {
    let keys = access.because_of.get(name).into_iter().flatten();
    html! { @for key in keys.take(ROWS) { a href=(object(key, None)) { (key) } " " } }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::testing::weigh;

    fn access(uses: usize) -> Access {
        let one = Use {
            quantity: Some(2),
            until: Some(1_767_225_600),
        };
        let name = |n: usize| format!("prod_{n:014}");
        let key = "platform#live#sub_1";
        let because = |n| (name(n), vec![key.to_owned()]);
        Access {
            customer: "cus_1".to_owned(),
            account: "platform".to_owned(),
            mode: "live",
            uses: (0..uses).map(|n| (name(n), one)).collect(),
            partial: false,
            assumed: false,
            rests_on: vec![key.to_owned(); uses],
            because_of: (0..uses).map(because).collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn the_answer_says_until_when_and_because_of_what() {
        let access = access(1);
        let yes = verdict(&access, "prod_00000000000000").into_string();
        for text in [">Yes<", "× 2", "2026-01-01 00:00:00", "sub_1"] {
            assert!(yes.contains(text), "{text}: {yes}");
        }
        assert!(verdict(&access, "prod_x").into_string().contains(">No<"));
        let partial = Access {
            partial: true,
            ..access
        };
        let unknown = verdict(&partial, "<b>").into_string();
        assert!(unknown.contains(">Unknown<") && unknown.contains("&lt;b&gt;"));
    }

    #[test]
    fn a_customer_with_many_uses_is_a_light_page() {
        assert!(weigh("customer", of_mode(&access(1_000), None)) < PAGE_BYTES);
    }
}
