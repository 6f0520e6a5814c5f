//! `sluice smoke`: whether an endpoint takes what Stripe signs and nothing else, in a few requests.
//!
//! With `--stack` the secret is the stack's own, and the event is looked for in the ledger. Without it, `--url` and a
//! secret are enough: AWS isn't called.

use sluice_operations::problem::Problem;
use sluice_operations::smoke::{self, Check, Target};

use crate::context::{Context, Global};
use crate::output::{BAD, GOOD, Output, paint};

/// Where to post, and with which secret.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  SLUICE_SMOKE_SECRET=whsec_… sluice smoke --url https://….amazonaws.com/webhooks/stripe/smoke
  sluice --stack sluice-staging smoke --endpoint smoke")]
pub(crate) struct Args {
    /// The endpoint's URL; with a stack it is the stack's.
    #[arg(long, requires = "secret")]
    url: Option<String>,
    /// The endpoint's signing secret. Better given by the variable, which no list of processes shows.
    #[arg(long, env = "SLUICE_SMOKE_SECRET", hide_env_values = true, value_parser = secret_of)]
    secret: Option<String>,
    /// The endpoint's name, without --url.
    #[arg(long, default_value = "platform", conflicts_with = "url")]
    endpoint: String,
    /// A connected account to name in the event, for an endpoint that takes connected accounts'.
    #[arg(long)]
    account: Option<String>,
    /// The endpoint takes live events.
    #[arg(long)]
    live: bool,
}

fn secret_of(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => {
            Err("it is empty; leave --secret and SLUICE_SMOKE_SECRET out to take the stack's own")
        }
        secret => Ok(secret.to_owned()),
    }
}

/// Tries the endpoint.
pub(crate) async fn run(global: &Global, args: Args) -> Result<(), Problem> {
    let out = global.output();
    let context = match &args.url {
        Some(_) if !global.names_stack() => None,
        _ => Some(Context::find(global).await?),
    };
    let stack = context.as_ref().map(|context| &context.stack);
    let (url, secret) = match (args.url, args.secret, stack) {
        (Some(url), Some(secret), _) => (url, secret),
        (_, secret, Some(stack)) => {
            let url = smoke::url(stack, &args.endpoint)?;
            match secret {
                Some(secret) => (url, secret),
                None => (url, smoke::secret(stack, &args.endpoint).await?),
            }
        }
        (_, _, None) => return Err(Problem::Usage("--url needs a secret".to_owned())),
    };
    let target = Target {
        url,
        secret,
        account: args.account,
        livemode: args.live,
    };
    let checks = smoke::run(&target, stack, &mut |check| print(out, check)).await?;
    match checks.iter().filter(|check| !check.is_good).count() {
        0 => out.flush(),
        wrong => Err(Problem::Partly(format!(
            "{wrong} of {} checks of {} went wrong",
            checks.len(),
            target.url
        ))),
    }
}

fn print(out: Output, check: &Check) -> Result<(), Problem> {
    if out.is_json() {
        return out.value(check);
    }
    let Check {
        what, wanted, got, ..
    } = check;
    out.line(match check.is_good {
        true => format!("{} {what}: {got}", paint(GOOD, "good ")),
        false => format!(
            "{} {what}: {got}; it should be {wanted}",
            paint(BAD, "wrong")
        ),
    })
}
