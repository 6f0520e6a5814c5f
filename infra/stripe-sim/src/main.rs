//! `stripe-sim`: a simulated Stripe on a loopback port, which can deliver its events to a webhook endpoint.
//!
//! It plays stories from a seed, prints where it listens, delivers if it is told where to, and serves its API until it
//! is interrupted. Standard output has a line `api <url>`, a line `events <number>`, and a line for each delivery.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::delivery::{Answered, Endpoint, Hears, Mix, Order, Sender, plan};
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::{ApiVersion, Options, Scope, World};

/// A simulated Stripe that knows the truth.
#[derive(Debug, Parser)]
#[command(name = "stripe-sim", version)]
struct Arguments {
    /// What everything depends on: the same seed plays the same stories.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many stories to play.
    #[arg(long, default_value_t = 20)]
    stories: usize,
    /// How many connected accounts to make; they share the stories with the platform.
    #[arg(long, default_value_t = 0)]
    accounts: usize,
    /// Live mode instead of test mode.
    #[arg(long)]
    live: bool,
    /// The port of the API on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where to post the platform's events.
    #[arg(long, requires = "secret")]
    deliver: Option<String>,
    /// Where to post the connected accounts' events.
    #[arg(long, requires = "secret")]
    deliver_connect: Option<String>,
    /// The endpoints' signing secret (whsec_…); repeat it for a secret that is being rolled.
    #[arg(long)]
    secret: Vec<String>,
    /// The API version that the endpoints are pinned to.
    #[arg(long, default_value = ApiVersion::V2025_09_30.name(), value_parser = version)]
    api_version: ApiVersion,
    /// Deliver in any order instead of as things happened.
    #[arg(long)]
    shuffle: bool,
    /// How many of a hundred events are delivered twice.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    duplicates: u8,
    /// End after the deliveries instead of serving on.
    #[arg(long)]
    once: bool,
}

fn version(name: &str) -> Result<ApiVersion, String> {
    ApiVersion::named(name).ok_or_else(|| format!("{name} is no version that is known here"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut world = World::new(arguments.seed, Options::default());
    let mut scopes = vec![Scope::platform(arguments.live)];
    for _ in 0..arguments.accounts {
        scopes.push(world.connect(arguments.live));
    }
    world.play_some(arguments.stories, &scopes);
    let server = match Server::start(world, Terms::default(), arguments.port) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("port {} can't be had: {error}", arguments.port);
            return ExitCode::FAILURE;
        }
    };
    println!("api {}", server.url());
    println!("events {}", server.world().events().len());

    let mut undelivered = 0;
    for (url, hears) in [
        (&arguments.deliver, Hears::Platform),
        (&arguments.deliver_connect, Hears::Connect),
    ] {
        if let Some(url) = url {
            undelivered += deliver(&server, &arguments, url, hears);
        }
    }
    if arguments.once {
        return ExitCode::from(u8::from(undelivered > 0));
    }
    loop {
        // Until it is interrupted.
        std::thread::park();
    }
}

/// Delivers everything once (or twice); returns how many weren't taken.
fn deliver(server: &Server, arguments: &Arguments, url: &str, hears: Hears) -> usize {
    let endpoint = Endpoint {
        url: url.to_owned(),
        secrets: arguments.secret.clone(),
        hears,
        livemode: arguments.live,
        api_version: arguments.api_version,
        types: Vec::new(),
    };
    let mix = Mix {
        order: if arguments.shuffle {
            Order::Shuffled
        } else {
            Order::AsHappened
        },
        duplicates_percent: arguments.duplicates,
        seed: arguments.seed,
    };
    let deliveries = plan(&server.world(), &endpoint, mix);
    let sender = Sender::default();
    let mut undelivered = 0;
    for delivery in &deliveries {
        let answer = sender.post(&endpoint, delivery, now_s());
        undelivered += usize::from(!answer.is_success());
        let told = match answer {
            Answered::Status { status, body } => format!("{status} {}", body.trim()),
            Answered::Nothing { cause } => format!("no answer: {cause}"),
        };
        println!("{} {} {told}", delivery.event, delivery.kind);
    }
    undelivered
}

fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
