//! The API's client over a socket: against the simulated Stripe, and against a server with scripted faults.

mod lists;
mod simulation;
mod stub;
mod wire;

use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sluice_kernel::consumer::fetch::budget::Budget;
use sluice_kernel::consumer::fetch::{Fetch, Fetched, Objects as _};
use sluice_kernel::delivery::secrets::Secret;
use sluice_kernel::event::Scope;
use sluice_kernel::fault::{Class, Fault};
use sluice_stripe::client::keys::Keys;
use sluice_stripe::client::{Client, Settings};

const LIVE: &str = "sk_live_Sluice";
const TEST: &str = "sk_test_Sluice";

fn ticks_ms() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let since = START.get_or_init(Instant::now).elapsed();
    u64::try_from(since.as_millis()).expect("tests end")
}

fn keys(live: Option<&str>, test: Option<&str>) -> Keys {
    Keys {
        live: live.map(Secret::new),
        test: test.map(Secret::new),
    }
}

fn budget(rate_per_s: u32, environments: u32) -> Budget {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    Budget::shared(number(rate_per_s), number(environments))
}

/// A client of this server, with both keys and practically no limit of requests.
fn client(url: &str) -> Client {
    client_with(url, keys(Some(LIVE), Some(TEST)), |_| {})
}

fn client_with(url: &str, keys: Keys, change: impl FnOnce(&mut Settings)) -> Client {
    let mut settings = Settings::new(budget(1_000_000, 1));
    settings.base = url.to_owned();
    change(&mut settings);
    Client::new(settings, keys, ticks_ms).expect("a loopback address")
}

fn fetch(client: &Client, request: &Fetch) -> Result<Fetched, Fault> {
    // The largest budget gives one token per millisecond.
    std::thread::sleep(Duration::from_millis(2));
    runtime().block_on(client.fetch(request))
}

/// One runtime for a test's thread, so that the client's connection outlives a fetch.
fn runtime() -> &'static tokio::runtime::Runtime {
    thread_local! {
        static RUNTIME: &'static tokio::runtime::Runtime = Box::leak(Box::new(
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        ));
    }
    RUNTIME.with(|runtime| *runtime)
}

/// The fault's class and code, if it is a fault.
fn code(fetched: Result<Fetched, Fault>) -> (Class, &'static str) {
    let fault = fetched.expect_err("a fault");
    (fault.class, fault.code.as_str())
}

/// A live object of the platform.
fn of(kind: &str, id: &str) -> Fetch {
    Fetch {
        scope: Scope {
            account: None,
            livemode: true,
        },
        context: None,
        kind: kind.to_owned(),
        id: Some(id.to_owned()),
        parent: None,
        api_version: None,
        url: None,
        proof: None,
    }
}
