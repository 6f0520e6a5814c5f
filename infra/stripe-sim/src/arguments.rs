//! The arguments of `stripe-sim`, and what they mean for the deliveries.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use sluice_stripe_sim::ApiVersion;
use sluice_stripe_sim::delivery::clock::HOUR;
use sluice_stripe_sim::delivery::{
    Clock, Destination, Endpoint, EventsFrom, How, Mix, Order, Outage, Pace, Payload, Retry, Roll,
    Unsound,
};

const EXAMPLES: &str = "\
Examples:
  Twenty lifecycles in test mode to one endpoint, then serve the API:
    stripe-sim --deliver http://127.0.0.1:8080/webhooks --secret whsec_a

  A wave of renewals: everything at once over 32 connections, shuffled, a fifth of it twice; end with a table:
    stripe-sim --stories 500 --deliver http://127.0.0.1:8080/webhooks --secret whsec_a \\
      --connections 32 --shuffle --duplicates 20 --once

  Live mode, the endpoint away from hour 1 to 30 and flaky after, an hour lasting 50 ms, the whole story as JSON:
    stripe-sim --live --deliver http://127.0.0.1:8080/webhooks --secret whsec_a --hour-ms 50 \\
      --outage 1-30:refused --outage 30-60:503:20 --once --json deliveries.json

  A secret that is rolled at hour 2 and signs beside the new one for 24 hours:
    stripe-sim --deliver http://127.0.0.1:8080/webhooks --secret whsec_a --roll 2:whsec_b:24 --rate 50

  Two endpoints of different kinds and versions:
    stripe-sim --accounts 2 \\
      --endpoint name=own,url=http://127.0.0.1:8080/own,secret=whsec_a,version=2023-10-16 \\
      --endpoint name=theirs,url=http://127.0.0.1:8080/theirs,secret=whsec_b,hears=connect,types=payout.*+charge.*

  Thin events beside snapshots, some changes with two events and three with none:
    stripe-sim --twins 10 --ungenerated 3 --deliver http://127.0.0.1:8080/webhooks --secret whsec_a \\
      --endpoint name=thin,url=http://127.0.0.1:8080/thin,secret=whsec_b,payload=thin";

/// A simulated Stripe that knows the truth.
#[derive(Debug, Parser)]
#[command(name = "stripe-sim", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The seed of everything: the same seed plays the same stories.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many stories to play.
    #[arg(long, default_value_t = 20)]
    pub(crate) stories: usize,
    /// How many connected accounts to make; they share the stories with the platform.
    #[arg(long, default_value_t = 0)]
    pub(crate) accounts: usize,
    /// How many of a hundred changes have two events.
    #[arg(long = "twins", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    pub(crate) second_events: u8,
    /// How many events Stripe fails to generate; it reports that an hour later, to thin endpoints and in its API.
    #[arg(long, default_value_t = 0)]
    pub(crate) ungenerated: usize,
    /// The second (Unix) in which the last story ends. Without it they end now, so that what is active is paid for now.
    #[arg(long, value_name = "SECOND")]
    end: Option<i64>,
    /// Live mode instead of test mode.
    #[arg(long)]
    pub(crate) live: bool,
    /// The port of the API on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Where to post the platform's events.
    #[arg(long, requires = "secret")]
    deliver: Option<String>,
    /// Where to post the connected accounts' events.
    #[arg(long, requires = "secret")]
    deliver_connect: Option<String>,
    /// The signing secret (whsec_…) of these two; repeat it for a secret that is being rolled.
    #[arg(long)]
    secret: Vec<String>,
    /// The API version that these two are pinned to.
    #[arg(long, default_value = ApiVersion::V2025_09_30.name(), value_parser = version)]
    api_version: ApiVersion,
    /// A further endpoint: name=…,url=…,secret=whsec_… and, if they differ from the default,
    /// hears=platform|connect|organization, mode=live|test, version=…, payload=snapshot|thin, types=a.*+b.c,
    /// connections=…; may be repeated.
    #[arg(long, value_name = "KEY=VALUE,…")]
    endpoint: Vec<String>,
    /// How many deliveries are posted to an endpoint at once (1 to 64).
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Deliver in any order instead of in the order in which things happened.
    #[arg(long)]
    shuffle: bool,
    /// How many of a hundred events are delivered twice.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    duplicates: u8,
    /// Deliver this number of events per second instead of all at once.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Deliver in waves of this number of events.
    #[arg(long, conflicts_with = "rate")]
    wave: Option<usize>,
    /// The time from wave to wave, in milliseconds.
    #[arg(long, default_value_t = 1_000, requires = "wave")]
    wave_ms: u64,
    /// How long one of Stripe's hours lasts, in milliseconds: it retries for three days in live mode and for a few hours
    /// in test mode. 3600000 is no compression.
    #[arg(long, default_value_t = 1_000)]
    hour_ms: u64,
    /// Don't retry deliveries that aren't answered with 2xx.
    #[arg(long)]
    no_retries: bool,
    /// How long an answer may take, in milliseconds.
    #[arg(long, default_value_t = 30_000)]
    deadline_ms: u64,
    /// An outage of every endpoint, hours since the start: FROM-UNTIL:refused|silent|answer-lost|STATUS, and :PERCENT
    /// if it hits only some.
    #[arg(long, value_parser = outage)]
    outage: Vec<Outage>,
    /// Roll every endpoint's secret at this hour: HOUR:whsec_…[:HOURS that the old one signs on].
    #[arg(long, value_parser = roll)]
    roll: Vec<Roll>,
    /// Disable an endpoint after this number of hours of failures.
    #[arg(long, default_value_t = 216)]
    disable_after: u32,
    /// Enable a disabled endpoint again after this number of hours; without this, it stays disabled.
    #[arg(long)]
    enable_after: Option<u32>,
    /// Write what became of each event, with each delivery, to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Print no line for each delivery.
    #[arg(long)]
    pub(crate) quiet: bool,
    /// End after the deliveries instead of serving on; fails if an event wasn't acknowledged.
    #[arg(long)]
    pub(crate) once: bool,
}

impl Arguments {
    /// The endpoints to deliver to; there may be none.
    ///
    /// # Errors
    /// If an endpoint's description is invalid, with the reason.
    pub(crate) fn destinations(&self) -> Result<Vec<Destination>, String> {
        let mut destinations = Vec::new();
        let shorthands = [
            ("platform", &self.deliver, EventsFrom::Platform),
            ("connect", &self.deliver_connect, EventsFrom::Connect),
        ];
        for (name, url, events_from) in shorthands {
            if let Some(url) = url {
                let mut endpoint = self.endpoint_at(url);
                endpoint.events_from = events_from;
                let mut destination = Destination::new(name, endpoint);
                destination.connections = self.connections;
                destinations.push(destination);
            }
        }
        for described in &self.endpoint {
            let described = self.described(described);
            destinations.push(described.map_err(|why| format!("--endpoint: {why}"))?);
        }
        for destination in &mut destinations {
            if self.no_retries {
                destination.retry = Retry::NEVER;
            }
            destination.deadline = Duration::from_millis(self.deadline_ms);
            destination.disable_after = HOUR * self.disable_after;
            destination.enable_after = self.enable_after.map(|hours| HOUR * hours);
            destination.outages.clone_from(&self.outage);
            destination.rolls.clone_from(&self.roll);
            destination
                .check()
                .map_err(|unsound: Unsound| unsound.to_string())?;
        }
        Ok(destinations)
    }

    /// The second (Unix) in which the stories end, if it is this second now. Stripe reports events that it failed to
    /// generate a fixed number of seconds later, and those reports must not be in the future.
    pub(crate) fn end(&self, now: i64, notice_after_s: u32) -> i64 {
        let later = match self.ungenerated {
            0 => 0,
            _ => i64::from(notice_after_s),
        };
        self.end.unwrap_or(now - later)
    }

    pub(crate) fn mix(&self) -> Mix {
        Mix {
            order: if self.shuffle {
                Order::Shuffled
            } else {
                Order::AsHappened
            },
            duplicates_percent: self.duplicates,
            seed: self.seed,
        }
    }

    pub(crate) fn pace(&self) -> Pace {
        match (self.rate, self.wave) {
            (Some(rate), _) => Pace::PerSecond(rate),
            (None, Some(events)) => Pace::Waves {
                events,
                every: Duration::from_millis(self.wave_ms),
            },
            (None, None) => Pace::AtOnce,
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::hour_lasts(Duration::from_millis(self.hour_ms))
    }

    fn endpoint_at(&self, url: &str) -> Endpoint {
        Endpoint {
            url: url.to_owned(),
            secrets: self.secret.clone(),
            events_from: EventsFrom::Platform,
            livemode: self.live,
            api_version: self.api_version,
            payload: Payload::Snapshot,
            types: Vec::new(),
        }
    }

    fn described(&self, text: &str) -> Result<Destination, String> {
        let mut endpoint = self.endpoint_at("");
        let (mut name, mut connections) = (None, self.connections);
        let mut secrets = Vec::new();
        for pair in text.split(',') {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("{pair} isn't key=value"))?;
            match (key, value) {
                ("name", name_given) => name = Some(name_given),
                ("url", url) => url.clone_into(&mut endpoint.url),
                ("secret", secret) => secrets.push(secret.to_owned()),
                ("hears", "platform") => endpoint.events_from = EventsFrom::Platform,
                ("hears", "connect") => endpoint.events_from = EventsFrom::Connect,
                ("hears", "organization") => endpoint.events_from = EventsFrom::Organization,
                ("mode", "live") => endpoint.livemode = true,
                ("mode", "test") => endpoint.livemode = false,
                ("version", name) => endpoint.api_version = version(name)?,
                ("payload", "snapshot") => endpoint.payload = Payload::Snapshot,
                ("payload", "thin") => endpoint.payload = Payload::Thin,
                ("types", types) => {
                    endpoint.types = types.split('+').map(str::to_owned).collect();
                }
                ("connections", number) => {
                    let parsed = number.parse();
                    connections = parsed.map_err(|_| format!("{number} is no number"))?;
                }
                _ => return Err(format!("{pair} says nothing that is known here")),
            }
        }
        if !secrets.is_empty() {
            endpoint.secrets = secrets;
        }
        if endpoint.url.is_empty() {
            return Err("it needs a url".to_owned());
        }
        let mut destination = Destination::new(name.ok_or("it needs a name")?, endpoint);
        destination.connections = connections;
        Ok(destination)
    }
}

fn version(name: &str) -> Result<ApiVersion, String> {
    ApiVersion::named(name).ok_or_else(|| format!("{name} is no version that is known here"))
}

fn hours(text: &str) -> Result<Duration, String> {
    let hours: f64 = text
        .parse()
        .map_err(|_| format!("{text} is no number of hours"))?;
    Duration::try_from_secs_f64(hours * HOUR.as_secs_f64())
        .map_err(|_| format!("{text} hours can't be"))
}

fn outage(text: &str) -> Result<Outage, String> {
    let mut parts = text.split(':');
    let (from, until) = parts
        .next()
        .and_then(|hours| hours.split_once('-'))
        .ok_or("an outage begins with FROM-UNTIL, in hours")?;
    let (from, until) = (hours(from)?, hours(until)?);
    let how = parts.next().and_then(How::named);
    let how = how.ok_or("an outage is refused, silent, answer-lost or a status of 300 to 599")?;
    let percent = match parts.next() {
        None => Ok(100),
        Some(text) => text.parse().map_err(|_| format!("{text} is no percentage")),
    }?;
    if percent > 100 || parts.next().is_some() || from >= until {
        return Err("an outage is FROM-UNTIL:HOW[:PERCENT], FROM before UNTIL".to_owned());
    }
    Ok(Outage {
        from,
        until,
        how,
        percent,
    })
}

fn roll(text: &str) -> Result<Roll, String> {
    let parts: Vec<_> = text.split(':').collect();
    let (at, secret, overlap) = match parts[..] {
        [at, secret] => (at, secret, "24"),
        [at, secret, overlap] => (at, secret, overlap),
        _ => return Err("a roll is HOUR:whsec_…[:HOURS]".to_owned()),
    };
    Ok(Roll {
        at: hours(at)?,
        secret: secret.to_owned(),
        overlap: hours(overlap)?,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn arguments(line: &str) -> Arguments {
        let words = std::iter::once("stripe-sim").chain(line.split(' '));
        Arguments::try_parse_from(words).expect("they are understood")
    }

    #[test]
    fn the_command_line_has_no_contradiction() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_examples_of_the_help_are_understood() {
        let text = EXAMPLES.replace("\\\n", " ");
        let examples: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with("stripe-sim "))
            .collect();
        assert_eq!(examples.len(), 6);
        for example in examples {
            let arguments = Arguments::try_parse_from(example.split_whitespace());
            let arguments = arguments.unwrap_or_else(|error| panic!("{example}: {error}"));
            let destinations = arguments.destinations().expect("sound");
            assert!(!destinations.is_empty(), "{example}");
        }
    }

    #[test]
    fn endpoints_are_described_in_words_and_refused_in_words() {
        let own = "--endpoint name=own,url=http://127.0.0.1:1/,secret=whsec_a,hears=connect,mode=live,types=a.*+b,connections=3";
        let destinations = arguments(own).destinations().expect("sound");
        let [own] = &destinations[..] else {
            panic!("{destinations:?}")
        };
        assert_eq!((own.name.as_str(), own.connections), ("own", 3));
        assert_eq!(own.endpoint.types, ["a.*", "b"]);
        assert!(own.endpoint.livemode && own.endpoint.events_from == EventsFrom::Connect);
        assert_eq!(own.retry, Retry::LIVE);
        for (line, why) in [
            (
                "--endpoint name=a,secret=whsec_a",
                "--endpoint: it needs a url",
            ),
            (
                "--endpoint url=http://x,secret=whsec_a",
                "--endpoint: it needs a name",
            ),
            (
                "--endpoint name=a,url=http://x",
                "the destination a has no secret to sign with",
            ),
            (
                "--endpoint name=a,hears=all",
                "--endpoint: hears=all says nothing that is known here",
            ),
        ] {
            assert_eq!(arguments(line).destinations().expect_err(line), why);
        }
    }

    #[test]
    fn stories_end_now_or_in_the_second_that_is_given() {
        let now = 1_900_000_000;
        assert_eq!(arguments("--seed 2").end(now, 3_600), now);
        assert_eq!(arguments("--ungenerated 1").end(now, 3_600), now - 3_600);
        assert_eq!(arguments("--end 1770000000").end(now, 3_600), 1_770_000_000);
    }

    #[test]
    fn an_endpoint_may_be_an_organizations() {
        let described = "--endpoint name=org,url=http://x,secret=whsec_a,hears=organization";
        let destinations = arguments(described).destinations().expect("sound");
        assert_eq!(
            destinations[0].endpoint.events_from,
            EventsFrom::Organization
        );
    }

    #[test]
    fn outages_and_rolls_are_given_in_hours() {
        let whole = Outage::whole(HOUR / 2, HOUR * 30, How::Refused);
        assert_eq!(outage("0.5-30:refused"), Ok(whole));
        let half = Outage {
            percent: 50,
            how: How::Status(503),
            ..whole
        };
        assert_eq!(outage("0.5-30:503:50"), Ok(half));
        for wrong in [
            "1-2",
            "2-1:refused",
            "1-2:200",
            "1-2:503:101",
            "x-2:503",
            "-1:503",
            "1-2:503:1:1",
        ] {
            assert!(outage(wrong).is_err(), "{wrong}");
        }
        let rolled = roll("2:whsec_b:1").expect("a roll");
        assert_eq!((rolled.at, rolled.overlap), (HOUR * 2, HOUR));
        assert!(roll("whsec_b").is_err());
    }
}
