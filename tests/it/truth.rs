//! A simulated Stripe that the deployed domains can query, and its state of each object.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_domains::{Visit, by_name};
use sluice_kernel::domain::Domain;
use sluice_kernel::effects::effect;
use sluice_kernel::event::{self, Event};
use sluice_local::stack::Options;
use sluice_local::test_stack::{KEYS_SECRET, parameters, put_keys};
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{ApiVersion, Key, Moment, Occurrence, World as Stripe};

use crate::world::World;

/// The version of everything that is delivered and compared.
pub(crate) const VERSION: ApiVersion = ApiVersion::V2025_09_30;

/// A stack with domains that query this server, with a key for the test mode; `change` may set other options.
pub(crate) fn world_with_key(server: &Server, change: impl FnOnce(&mut Options)) -> World {
    let world = World::own(|options| {
        asks(options, server);
        change(options);
    });
    make_key(&world);
    world
}

fn make_key(world: &World) {
    let mut keys = Terms::default().keys;
    keys.retain(|key| !key.livemode);
    world
        .stack(|stack| put_keys(stack.aws(), &keys))
        .expect("a secret");
}

/// Gives these functions of a stack that has none a key for the test mode, as a deployment with `ApiKeySecretArn` does.
pub(crate) fn give_key(world: &World, functions: &[&str]) {
    make_key(world);
    for function in functions {
        let name = &world.info().functions[*function];
        world
            .stack(|stack| {
                let mut variables = stack.aws().environment(name)?;
                variables.insert("API_KEY_SECRET_ID".to_owned(), KEYS_SECRET.to_owned());
                stack.aws().set_environment(name, &variables)
            })
            .expect("configured");
    }
}

/// Makes the domains of a stack query this server, with the key that [`world_with_key`] puts.
pub(crate) fn asks(options: &mut Options, server: &Server) {
    options.parameters.extend(parameters(server));
    let plenty = [
        // Plenty, so that the order decides and not the budget.
        ("FetchesPerSecond", "100"),
        ("MaximumConcurrency", "2"),
    ];
    let plenty = plenty.map(|(name, value)| (name.to_owned(), value.to_owned()));
    options.parameters.extend(plenty);
}

/// The body of an event, as delivered.
pub(crate) fn body(stripe: &Stripe, event: &Occurrence) -> String {
    String::from_utf8(stripe.body(event, VERSION)).expect("JSON")
}

/// An object as its domain should have it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Right {
    /// The domain.
    pub(crate) domain: &'static str,
    /// The key that it is kept under.
    pub(crate) key: String,
    /// Its state.
    pub(crate) state: Value,
    /// The levels that receivers should hold for it: key → value.
    pub(crate) levels: BTreeMap<String, Value>,
}

/// The domains' result for Stripe's own object, by their own code; `None` if it is deleted or belongs to no domain.
pub(crate) fn truth(stripe: &Stripe, key: &Key) -> Option<Right> {
    truth_at(stripe, key, Moment::End)
}

/// The same for the object as it was at a moment.
pub(crate) fn truth_at(stripe: &Stripe, key: &Key, moment: Moment) -> Option<Right> {
    let event = stripe.events().iter().find(|event| event.object == *key)?;
    let mut domains = sluice_domains::ALL.into_iter();
    domains.find_map(|domain| by_name(domain, OfDomain(stripe, event, moment))?)
}

struct OfDomain<'a>(&'a Stripe, &'a Occurrence, Moment);

impl Visit for OfDomain<'_> {
    type Output = Option<Right>;

    fn visit<D: Domain>(self) -> Option<Right> {
        let Self(stripe, occurrence, moment) = self;
        of_domain::<D>(stripe, occurrence, moment)
    }
}

fn of_domain<D: Domain>(stripe: &Stripe, occurrence: &Occurrence, moment: Moment) -> Option<Right> {
    let key = &occurrence.object;
    if !D::handles(&occurrence.kind) || stripe.is_deleted(key, moment) {
        return None;
    }
    // A connection of an account to an application is kept in the account's item, and later events show more of the
    // account.
    if stripe.kind(key) == Some("application") && key.scope.account.is_some() {
        return None;
    }
    let scope = event::Scope {
        account: key.scope.account.clone(),
        livemode: key.scope.livemode,
    };
    let event = Event {
        id: occurrence.id.clone(),
        kind: occurrence.kind.clone(),
        scope: scope.clone(),
        created: occurrence.created,
        api_version: None,
        request: None,
        object: stripe.whole_at(key, VERSION, moment)?,
        previous_attributes: None,
    };
    let projected = D::project(&event).expect("readable");
    let levels = D::levels(None, &projected.state, &D::Settings::default());
    let levels = levels.into_iter();
    Some(Right {
        levels: levels
            .map(|level| (effect::level_key(&level, &scope), level.data))
            .collect(),
        domain: D::NAME,
        key: sluice_kernel::consumer::projection::key(&scope, &projected.object),
        state: serde_json::to_value(projected.state).expect("JSON"),
    })
}
