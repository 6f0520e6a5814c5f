//! Checks that alarms fire when they should, for data points as the functions' own pace produces them.

use sluice_kernel::backoff::{SHORT_RECEIVES, delay_s};
use sluice_kernel::code;
use sluice_kernel::fault::{Fault, Pace};
use sluice_operations::status::failing;
use sluice_template::firing::{Figure, fires_at, states};
use sluice_template::template::{Given, Template, number};

use crate::{PLAIN, RECEIVER, RECEIVES, id_of};

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 60 * MINUTE_S;
const DAY_S: i64 = 24 * HOUR_S;

const DEFAULTS: Given<'static> = &[];

/// Each function that a queue feeds: its template, and the prefix of its alarms' and its queue's ids.
fn consumers() -> impl Iterator<Item = (Template, String)> {
    let domains = sluice_domains::ALL.map(id_of);
    let domains = domains.map(|domain| (Template::resolved(&PLAIN, DEFAULTS), domain));
    let receiver = (Template::resolved(&RECEIVER, RECEIVES), String::new());
    domains.into_iter().chain([receiver])
}

/// The number of messages, or moments of a period, that each test tries.
const TRIES: i64 = 60;

/// The receives of a message that always meets this fault, until `until_s`: when each comes, and how long it stays
/// hidden.
fn receives(fault: &Fault, message: &str, from_s: i64, until_s: i64) -> Vec<Figure> {
    let (mut at_s, mut figures) = (from_s, Vec::new());
    for count in 1.. {
        if at_s >= until_s {
            break;
        }
        figures.push((at_s, f64::from(count)));
        at_s += i64::from(delay_s(fault, message, count)).max(1);
    }
    figures
}

#[test]
fn the_status_says_that_a_domain_keeps_failing_by_the_rule_of_its_alarm() {
    for (template, domain) in consumers().filter(|(_, domain)| !domain.is_empty()) {
        let alarm = template.properties(&format!("{domain}FailingAlarm"));
        let whole = |name: &str| number(&alarm[name]);
        let (periods, period_s) = (whole("DatapointsToAlarm"), whole("Period"));
        assert_eq!(
            alarm["Threshold"].as_f64(),
            Some(failing::RECEIVES),
            "{domain}"
        );
        assert_eq!(
            periods.and_then(|count| usize::try_from(count).ok()),
            Some(failing::PERIODS),
            "{domain}"
        );
        assert_eq!(
            period_s.map(|s| 1_000 * s),
            Some(failing::PERIOD_MS),
            "{domain}"
        );
        // The status covers an hour.
        let evaluated = whole("EvaluationPeriods").zip(period_s);
        assert_eq!(
            evaluated.map(|(count, s)| count * s),
            Some(HOUR_S),
            "{domain}"
        );
    }
}

#[test]
fn a_message_that_fails_for_good_makes_its_functions_alarm_fire_within_the_hour_and_stay() {
    let fails = || Fault::retry(code::STRIPE_UNAVAILABLE, "always");
    let faults = [
        fails(),
        fails().paced(Pace::Throttled),
        fails().paced(Pace::Contention),
        fails().paced(Pace::Untouched),
        // The longest wait for a `Retry-After`.
        fails().paced(Pace::Throttled).with_delay(900_000),
    ];
    for (template, domain) in consumers() {
        let alarm = template.properties(&format!("{domain}FailingAlarm"));
        for (place, fault) in faults.iter().enumerate() {
            for trial in 0..TRIES {
                let message = format!("{domain}-{place}-{trial}");
                let figures = receives(fault, &message, trial * 17, DAY_S);
                let fired = fires_at(alarm, &figures, DAY_S);
                // Eight receives of a quarter of an hour each, and two more, are the slowest.
                let most_s = if fault.after_ms.is_some() {
                    4 * HOUR_S
                } else {
                    HOUR_S
                };
                let fired = fired.filter(|at_s| *at_s <= trial * 17 + most_s);
                let since = fired.unwrap_or_else(|| panic!("{message} stays unnoticed"));
                let off = states(alarm, &figures, DAY_S)
                    .into_iter()
                    .find(|(at_s, is_on)| *at_s > since && !is_on);
                assert_eq!(off, None, "{message}");
            }
        }
    }
}

#[test]
fn a_message_that_met_other_writers_for_some_seconds_makes_no_alarm_fire() {
    let template = Template::resolved(&PLAIN, DEFAULTS);
    let alarm = template.properties("PaymentsFailingAlarm");
    let fault = Fault::retry(code::PROJECTION_CONTENDED, "").paced(Pace::Contention);
    for trial in 0..i64::from(
        number(&alarm["Period"])
            .and_then(|s| i32::try_from(s).ok())
            .unwrap_or(0),
    ) {
        let mut figures = receives(&fault, &format!("busy-{trial}"), trial, DAY_S);
        figures.truncate(SHORT_RECEIVES as usize);
        assert_eq!(fires_at(alarm, &figures, DAY_S), None, "{figures:?}");
    }
}

#[test]
fn one_message_whose_function_always_dies_makes_the_errors_fire_and_one_death_does_not() {
    for (template, domain) in consumers() {
        let alarm = template.properties(&format!("{domain}ErrorsAlarm"));
        let hidden_s = number(&template.properties(&format!("{domain}Queue"))["VisibilityTimeout"]);
        let hidden_s = hidden_s.expect("a visibility");
        for first_s in 0..hidden_s {
            let deaths = (0..).map(|n| first_s + n * hidden_s);
            let deaths: Vec<_> = deaths
                .take_while(|at_s| *at_s < DAY_S)
                .map(|at_s| (at_s, 1.0))
                .collect();
            let fired = fires_at(alarm, &deaths, DAY_S);
            assert!(fired.is_some_and(|at_s| at_s <= 15 * MINUTE_S), "{fired:?}");
            assert_eq!(fires_at(alarm, &deaths[..1], DAY_S), None);
        }
    }
}

#[test]
fn an_account_with_few_deliveries_is_alarmed_by_503s_and_one_alone_is_nothing() {
    let template = Template::resolved(&PLAIN, DEFAULTS);
    let alarm = template.properties("IngestFailedAlarm");
    for first_s in 0..TRIES {
        // Stripe's second try comes within the hour.
        for again_s in [5 * MINUTE_S, 30 * MINUTE_S, 54 * MINUTE_S] {
            let answers = [(first_s, 1.0), (first_s + again_s, 1.0)];
            let fired = fires_at(alarm, &answers, DAY_S);
            let soon = first_s + again_s + 5 * MINUTE_S;
            assert!(
                fired.is_some_and(|at_s| at_s <= soon),
                "{again_s}: {fired:?}"
            );
        }
        assert_eq!(fires_at(alarm, &[(first_s, 1.0)], DAY_S), None);
    }
    // The older alarm sees six within a minute, and no fewer.
    let bursts = template.properties("IngestUnavailableAlarm");
    let few: Vec<_> = (0..20).map(|n| (n * 10 * MINUTE_S, 1.0)).collect();
    assert_eq!(fires_at(bursts, &few, DAY_S), None);
}

#[test]
fn a_queue_that_the_bus_can_not_reach_is_reported_while_it_still_tries() {
    let template = Template::resolved(&PLAIN, DEFAULTS);
    let alarm = template.properties("PaymentsRuleRetriesAlarm");
    // EventBridge's tries of one event, 185 over a day, spread as widely as possible at their end.
    let tries: Vec<_> = (0..185).map(|n| (n * DAY_S / 185, 1.0)).collect();
    let fired = fires_at(alarm, &tries, DAY_S);
    assert!(fired.is_some_and(|at_s| at_s <= 20 * MINUTE_S), "{fired:?}");
    assert_eq!(fires_at(alarm, &tries[..1], DAY_S), None);
}
