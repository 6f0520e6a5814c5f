//! A stack with a simulated Stripe beside it: the functions have a key to its API, and call it as they would call
//! Stripe.
//!
//! [`TestStack`] starts both. The single steps are here for callers that start the stack themselves.

use std::collections::BTreeMap;

use serde_json::json;
use sluice_stripe_sim::World;
use sluice_stripe_sim::api::{ApiKey, Terms};
use sluice_stripe_sim::server::Server;

use crate::aws::{Aws, REGION};
use crate::problem::Problem;
use crate::stack::{Options, RunningStack};

/// The name of the secret with the API keys. Its end stands for the six characters that AWS adds, since the ARN has to
/// be known before the secret is created.
pub const KEYS_SECRET: &str = "stripe-keys-Simul8";

/// A running stack, and the simulated Stripe that its functions call.
#[derive(Debug)]
pub struct TestStack {
    /// The stack.
    pub stack: RunningStack,
    /// The simulated Stripe, with keys for both modes.
    pub stripe: Server,
}

impl TestStack {
    /// Starts both with nothing delivered. `progress` is called with each step.
    ///
    /// # Errors
    /// What failed, with what to do about it. Nothing is left running then.
    pub fn start(
        world: World,
        mut options: Options,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self, Problem> {
        let stripe = serve(world)?;
        options.parameters.extend(parameters(&stripe));
        let stack = RunningStack::start(&options, progress)?;
        put_keys(stack.aws(), &Terms::default().keys)?;
        Ok(Self { stack, stripe })
    }
}

/// Serves the API of a simulated Stripe on a free port.
///
/// # Errors
/// When it can't listen.
pub fn serve(world: World) -> Result<Server, Problem> {
    Server::start(world, Terms::default(), 0)
        .map_err(|error| Problem::process("the simulated Stripe", error))
}

/// The template's parameters that point the functions at this Stripe, with the keys of [`put_keys`].
pub fn parameters(stripe: &Server) -> [(String, String); 2] {
    let arn = format!("arn:aws:secretsmanager:{REGION}:000000000000:secret:{KEYS_SECRET}");
    let parameters = [("ApiKeySecretArn", arn), ("StripeApiUrl", stripe.url())];
    parameters.map(|(name, value)| (name.to_owned(), value))
}

/// Creates the secret with these API keys, at most one for each mode.
///
/// # Errors
/// When the secret exists already, or the emulator doesn't answer.
pub fn put_keys(aws: &Aws, keys: &[ApiKey]) -> Result<(), Problem> {
    let keys = keys.iter();
    let modes = keys.map(|key| (if key.livemode { "live" } else { "test" }, &*key.text));
    let text = json!(modes.collect::<BTreeMap<_, _>>()).to_string();
    let secret = json!({ "Name": KEYS_SECRET, "SecretString": text });
    aws.json("secretsmanager.CreateSecret", &secret).map(drop)
}
