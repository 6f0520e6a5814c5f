//! Every path, in one table: the router is made of it, and the tests of the guard go through it.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::actions::dead_letters::{Discard, Redrive};
use crate::actions::rebuild::Rebuild;
use crate::actions::reconcile::Reconcile;
use crate::actions::replay::Replay;
use crate::actions::rollback::Rollback;
use crate::actions::{confirmed, control, menu, planned, replay, view};
use crate::app::Shared;
use crate::assets;
use crate::guard::guard;
use crate::limits::REQUEST_BYTES;
use crate::pages::{
    customer, dead_letters, event, events, failures, find, numbers, object, overview, reconcile,
    run, runs, search, setup,
};
use crate::refusal::Refusal;

/// A route.
pub(crate) struct Route {
    /// The method; all but `GET` change something.
    pub(crate) method: Method,
    /// The path, as the router has it.
    pub(crate) path: &'static str,
    /// A path that it takes, for tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests go through the table"))]
    pub(crate) example: &'static str,
    handler: fn() -> MethodRouter<Shared>,
}

macro_rules! route {
    (GET $path:literal $example:literal $handler:path) => {
        Route {
            method: Method::GET,
            path: $path,
            example: $example,
            handler: || get($handler),
        }
    };
    (POST $path:literal $example:literal $handler:path) => {
        Route {
            method: Method::POST,
            path: $path,
            example: $example,
            handler: || post($handler),
        }
    };
}

/// The routes.
pub(crate) const ROUTES: &[Route] = &[
    route!(GET "/assets/{digest}/{name}" "/assets/0/console.css" assets::file),
    route!(GET "/" "/" overview::page),
    route!(GET "/live/overview" "/live/overview?span=day" overview::live),
    route!(GET "/numbers" "/numbers?span=day" numbers::totals),
    route!(GET "/numbers.json" "/numbers.json?span=week" numbers::data),
    route!(GET "/numbers/{measure}" "/numbers/lag" numbers::buckets),
    route!(GET "/find" "/find?id=evt_1" find::redirect),
    route!(GET "/events" "/events?type=charge.*" events::page),
    route!(GET "/search" "/search?body=id%20exists" search::page),
    route!(GET "/search/further" "/search/further?body=id%20exists" search::further),
    route!(GET "/events/{id}" "/events/evt_1" event::page),
    route!(GET "/live/events/{id}" "/live/events/evt_1" event::live),
    route!(GET "/events/{id}/timeline" "/events/evt_1/timeline" event::timeline),
    route!(POST "/events/{id}/body" "/events/evt_1/body" view::body),
    route!(GET "/events/{id}/replay" "/events/evt_1/replay" replay::of_event),
    route!(GET "/actions" "/actions" menu::page),
    route!(GET "/replays" "/replays?type=charge.*" menu::replay),
    route!(POST "/replays" "/replays" confirmed::<Replay>),
    route!(GET "/actions/redrive" "/actions/redrive?domain=payments" planned::<Redrive>),
    route!(POST "/actions/redrive" "/actions/redrive" confirmed::<Redrive>),
    route!(GET "/actions/discard" "/actions/discard?domain=payments" planned::<Discard>),
    route!(POST "/actions/discard" "/actions/discard" confirmed::<Discard>),
    route!(GET "/actions/rebuild" "/actions/rebuild?domain=payments" planned::<Rebuild>),
    route!(POST "/actions/rebuild" "/actions/rebuild" confirmed::<Rebuild>),
    route!(GET "/actions/rollback" "/actions/rollback?function=payments" planned::<Rollback>),
    route!(POST "/actions/rollback" "/actions/rollback" confirmed::<Rollback>),
    route!(GET "/actions/reconcile" "/actions/reconcile" planned::<Reconcile>),
    route!(POST "/actions/reconcile" "/actions/reconcile" confirmed::<Reconcile>),
    route!(GET "/objects/{id}" "/objects/pi_1" object::page),
    route!(GET "/failures" "/failures" failures::page),
    route!(GET "/failures/cause" "/failures/cause?domain=payments&code=unknown" failures::cause),
    route!(GET "/customers/{id}" "/customers/cus_1?use=prod_1" customer::page),
    route!(GET "/dead-letters" "/dead-letters" dead_letters::page),
    route!(GET "/dead-letters/{name}" "/dead-letters/payments" dead_letters::letters),
    route!(GET "/runs" "/runs" runs::page),
    route!(GET "/live/runs" "/live/runs?kind=replay" runs::live),
    route!(GET "/runs/{kind}/{name}" "/runs/replay/replay-1?began=1" run::page),
    route!(GET "/live/runs/{kind}/{name}" "/live/runs/replay/replay-1?began=1" run::live),
    route!(POST "/runs/{kind}/{name}/stop" "/runs/replay/replay-1/stop" control::stop),
    route!(POST "/runs/{kind}/{name}/resume" "/runs/replay/replay-1/resume" control::resume),
    route!(GET "/reconcile" "/reconcile" reconcile::page),
    route!(GET "/reconcile.json" "/reconcile.json" reconcile::data),
    route!(GET "/setup" "/setup" setup::page),
    route!(GET "/setup/findings" "/setup/findings" setup::findings),
    route!(GET "/setup/{part}" "/setup/versions" setup::part),
];

/// The routes, behind the guard.
pub(crate) fn router(app: Shared) -> Router {
    let router = ROUTES.iter().fold(Router::new(), |router, route| {
        debug_assert!(matches!(route.method, Method::GET | Method::POST));
        router.route(route.path, (route.handler)())
    });
    router
        .fallback(no_page)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES))
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn no_page() -> Response {
    Refusal::no_page().into_response()
}
