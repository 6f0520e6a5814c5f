//! `stripe-sim`: a simulated Stripe on a loopback port, which can deliver its events to webhook endpoints.
//!
//! It plays stories from a seed, prints where it listens, delivers to the endpoints in its arguments, and serves its
//! API until it is interrupted. Standard output has a line `api <url>`, a line `events <number>`, a line for each
//! delivery and, when all has ended, a table of what became of the events.

mod arguments;

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use sluice_stripe_sim::api::Terms;
use sluice_stripe_sim::delivery::{Answered, Destination, Post, Run, Tally};
use sluice_stripe_sim::server::Server;
use sluice_stripe_sim::stories::STORY_S_MAX;
use sluice_stripe_sim::{Options, Scope, World};

use crate::arguments::Arguments;

/// How often the program checks for deliveries to print.
const LOOK: Duration = Duration::from_millis(100);

/// The time until Stripe reports that it failed to generate an event, in seconds.
const NOTICE_AFTER_S: u32 = 3_600;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok((_server, all_taken)) if arguments.once => ExitCode::from(u8::from(!all_taken)),
        Ok((_server, _)) => loop {
            // It serves until the process is interrupted.
            std::thread::park();
        },
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Plays, serves and delivers; returns the server, and whether every event was acknowledged.
fn run(arguments: &Arguments) -> Result<(Server, bool), String> {
    let destinations = arguments.destinations()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let end = arguments.end(now, NOTICE_AFTER_S);
    let options = Options {
        // Connected accounts exist before any of their stories.
        start: end - STORY_S_MAX,
        ..Options::default()
    };
    let mut world = World::new(arguments.seed, options);
    let mut scopes = vec![Scope::platform(arguments.live)];
    for _ in 0..arguments.accounts {
        scopes.push(world.connect(arguments.live));
    }
    world.play_some_until(arguments.stories, &scopes, end);
    world.add_second_events(arguments.second_events);
    world.fail_to_generate_some(arguments.ungenerated, NOTICE_AFTER_S);
    let server = Server::start(world, Terms::default(), arguments.port)
        .map_err(|error| format!("port {} can't be had: {error}", arguments.port))?;
    println!("api {}", server.url());
    println!("events {}", server.world().events().len());
    let taken = destinations.is_empty() || deliver(&server, arguments, destinations)?;
    Ok((server, taken))
}

/// Delivers everything until it has ended; returns whether all of it was acknowledged.
fn deliver(
    server: &Server,
    arguments: &Arguments,
    destinations: Vec<Destination>,
) -> Result<bool, String> {
    let run = Run::start(destinations, arguments.clock(), arguments.seed);
    let mut run = run.map_err(|unsound| unsound.to_string())?;
    run.send(&server.world(), arguments.mix(), arguments.pace());
    loop {
        let settled = run.settle(LOOK);
        let posts = run.note_posts(&mut server.world_mut());
        for post in posts.iter().filter(|_| !arguments.quiet) {
            println!("{}", line(post));
        }
        if settled {
            break;
        }
    }
    let report = run.report();
    print!("{}", report.table());
    if let Some(path) = &arguments.json {
        let text = format!("{:#}\n", report.json());
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let Tally {
        events,
        acknowledged,
        ..
    } = report.tally();
    Ok(acknowledged == events)
}

fn line(post: &Post) -> String {
    let answer = match &post.answered {
        Answered::Status { status, body } => format!("{status} {}", body.trim()),
        Answered::Nothing { cause } => format!("no answer: {cause}"),
    };
    let which = match (post.again, post.number) {
        (true, _) => " again".to_owned(),
        (false, 1) => String::new(),
        (false, number) => format!(" try {number}"),
    };
    format!("{} {}{which} {answer}", post.event, post.kind)
}
