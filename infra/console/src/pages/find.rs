//! `/find?id=…`: the page of whatever an id names.

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sluice_operations::problem::Problem;
use sluice_operations::runs::RunKind;

use crate::query::{event, given, object, url};
use crate::refusal::Refusal;

#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    id: String,
}

/// Sends the browser to the page.
pub(crate) async fn redirect(Query(asked): Query<Asked>) -> Response {
    match given(&asked.id) {
        Some(id) => Redirect::to(&place(&id)).into_response(),
        None => Refusal::from(Problem::Usage("an id is missing".to_owned())).into_response(),
    }
}

/// The page of an id.
fn place(id: &str) -> String {
    let is_run = RunKind::ALL
        .iter()
        .any(|kind| id.starts_with(&format!("{}-", kind.as_str())));
    match id {
        _ if id.starts_with("evt_") => event(id),
        _ if id.starts_with("acct_") && !id.contains('#') => url("/events", &[("account", id)]),
        _ if is_run => url("/runs", &[("run", id)]),
        _ => object(id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_the_page_of_what_it_names() {
        for (id, to) in [
            ("evt_1", "/events/evt_1"),
            ("cus_1", "/objects/cus_1"),
            ("acct_1", "/events?account=acct_1"),
            ("acct_1#live#pi_1", "/objects/acct_1%23live%23pi_1"),
            ("replay-1", "/runs?run=replay-1"),
            ("redrive-payments-1", "/runs?run=redrive-payments-1"),
            ("//evil.example", "/objects/%2F%2Fevil.example"),
        ] {
            assert_eq!(place(id), to);
        }
    }
}
