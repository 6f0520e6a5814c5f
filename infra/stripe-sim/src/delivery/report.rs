//! What became of each event: for people as a table, for programs as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::delivery::scheduler::{Outcome, Post, Scheduler};
use crate::delivery::sender::Answered;

/// How many unacknowledged events the table names.
const NAMED_MAX: usize = 20;

/// An event at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The destination's name.
    pub destination: String,
    /// `evt_…`.
    pub event: String,
    /// Its type.
    pub kind: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Each post, in the order of the answers.
    pub posts: Vec<Post>,
}

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events, once for each destination that receives them.
    pub events: usize,
    /// Of these: acknowledged.
    pub acknowledged: usize,
    /// Of the acknowledged: by the first delivery.
    pub at_first: usize,
    /// Of these: given up.
    pub given_up: usize,
    /// Of these: not sent, or not sent any more, since the endpoint was disabled.
    pub disabled: usize,
    /// Of these: still open.
    pub waiting: usize,
    /// Deliveries posted.
    pub posts: usize,
    /// Of these: duplicates.
    pub duplicates: usize,
    /// Of these: tries after the first.
    pub retries: usize,
    /// Of these: by answer, `200`, `503`, `none`.
    pub answers: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts the scheduler's events and posts, without copying them.
    pub(crate) fn of(scheduler: &Scheduler) -> Self {
        let mut tally = Self::default();
        for task in scheduler.tasks() {
            tally.count_event(task.outcome);
        }
        for post in scheduler.posts() {
            tally.count_post(post);
        }
        tally
    }

    fn count_event(&mut self, outcome: Outcome) {
        self.events += 1;
        let count = match outcome {
            Outcome::Waiting => &mut self.waiting,
            Outcome::GivenUp => &mut self.given_up,
            Outcome::Disabled => &mut self.disabled,
            Outcome::Acknowledged { delivery } => {
                self.at_first += usize::from(delivery == 1);
                &mut self.acknowledged
            }
        };
        *count += 1;
    }

    fn count_post(&mut self, post: &Post) {
        self.posts += 1;
        self.duplicates += usize::from(post.again);
        self.retries += usize::from(!post.again && post.number > 1);
        *self.answers.entry(answer(post)).or_default() += 1;
    }

    fn json(&self) -> Value {
        json!({
            "events": self.events,
            "acknowledged": self.acknowledged,
            "acknowledged_at_first": self.at_first,
            "given_up": self.given_up,
            "disabled": self.disabled,
            "waiting": self.waiting,
            "deliveries": self.posts,
            "duplicates": self.duplicates,
            "retries": self.retries,
            "answers": self.answers,
        })
    }
}

/// What became of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Each event at each destination, in the order in which they were planned.
    pub fates: Vec<Fate>,
}

impl Report {
    pub(crate) fn of(scheduler: &Scheduler) -> Self {
        let names: Vec<_> = scheduler
            .destinations()
            .map(|one| one.name.clone())
            .collect();
        let fate = |task: &crate::delivery::scheduler::Task| Fate {
            destination: names[task.destination].clone(),
            event: task.event.to_string(),
            kind: task.kind.to_string(),
            outcome: task.outcome,
            posts: Vec::new(),
        };
        let mut fates: Vec<_> = scheduler.tasks().iter().map(fate).collect();
        for post in scheduler.posts() {
            fates[post.task].posts.push(post.clone());
        }
        Self { fates }
    }

    /// The ids of the events that at least one destination has acknowledged: Stripe relies on the receiver to have
    /// them.
    #[must_use]
    pub fn acknowledged(&self) -> BTreeSet<&str> {
        let taken = self
            .fates
            .iter()
            .filter(|fate| matches!(fate.outcome, Outcome::Acknowledged { .. }));
        taken.map(|fate| fate.event.as_str()).collect()
    }

    /// Counts, by destination.
    #[must_use]
    pub fn by_destination(&self) -> BTreeMap<&str, Tally> {
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for fate in &self.fates {
            let tally = tallies.entry(&fate.destination).or_default();
            tally.count_fate(fate);
        }
        tallies
    }

    /// Counts of all together.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for fate in &self.fates {
            tally.count_fate(fate);
        }
        tally
    }

    /// Totals in columns, and the first unacknowledged events.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows = vec![
            [
                "destination",
                "events",
                "acknowledged",
                "at first",
                "given up",
                "disabled",
                "waiting",
                "deliveries",
                "retries",
                "duplicates",
            ]
            .map(str::to_owned),
        ];
        let tallies = self.by_destination();
        let all = self.tally();
        let mut answers = String::new();
        let lines = tallies.iter().map(|(name, tally)| (*name, tally));
        let sum = (tallies.len() > 1).then_some(("all", &all));
        for (name, tally) in lines.chain(sum) {
            let counts = [
                tally.events,
                tally.acknowledged,
                tally.at_first,
                tally.given_up,
                tally.disabled,
                tally.waiting,
                tally.posts,
                tally.retries,
                tally.duplicates,
            ];
            let mut row: [String; 10] = Default::default();
            name.clone_into(&mut row[0]);
            for (cell, count) in row[1..].iter_mut().zip(counts) {
                *cell = count.to_string();
            }
            rows.push(row);
        }
        for (answer, count) in &all.answers {
            let _ = write!(answers, "  {answer} × {count}");
        }
        let mut text = columns(&rows);
        let _ = writeln!(text, "answers:{answers}");
        let open = |fate: &&Fate| !matches!(fate.outcome, Outcome::Acknowledged { .. });
        let lost: Vec<_> = self.fates.iter().filter(open).collect();
        for fate in lost.iter().take(NAMED_MAX) {
            let last = fate.posts.last().map_or("never posted".to_owned(), answer);
            let _ = writeln!(
                text,
                "{} {} at {}: {} after {} deliveries, last answer {last}",
                fate.event,
                fate.kind,
                fate.destination,
                fate.outcome.word(),
                fate.posts.len(),
            );
        }
        if lost.len() > NAMED_MAX {
            let _ = writeln!(text, "… and {} more", lost.len() - NAMED_MAX);
        }
        text
    }

    /// Everything: `totals`, `destinations` and `events` with each delivery. Times are milliseconds of Stripe's time since
    /// the run began, `signed_at` is in Unix seconds.
    #[must_use]
    pub fn json(&self) -> Value {
        let tallies = self.by_destination();
        let tallies = tallies
            .iter()
            .map(|(name, tally)| ((*name).to_owned(), tally.json()));
        json!({
            "totals": self.tally().json(),
            "destinations": tallies.collect::<serde_json::Map<_, _>>(),
            "events": self.fates.iter().map(Fate::json).collect::<Vec<_>>(),
        })
    }
}

impl Tally {
    fn count_fate(&mut self, fate: &Fate) {
        self.count_event(fate.outcome);
        for post in &fate.posts {
            self.count_post(post);
        }
    }
}

impl Fate {
    /// The delivery that was acknowledged first.
    #[must_use]
    pub fn acknowledged_by(&self) -> Option<&Post> {
        let Outcome::Acknowledged { delivery } = self.outcome else {
            return None;
        };
        self.posts.iter().find(|post| post.number == delivery)
    }

    fn json(&self) -> Value {
        let post = |post: &Post| {
            json!({
                "delivery": post.number,
                "duplicate": post.again,
                "at_ms": u64::try_from(post.at.as_millis()).unwrap_or(u64::MAX),
                "signed_at": post.signed_at,
                "pending_webhooks": post.pending_webhooks,
                "answer": answer(post),
                "text": match &post.answered {
                    Answered::Status { body, .. } => body,
                    Answered::Nothing { cause } => cause,
                },
            })
        };
        json!({
            "id": self.event,
            "type": self.kind,
            "destination": self.destination,
            "outcome": self.outcome.word(),
            "acknowledged_by": self.acknowledged_by().map(|post| post.number),
            "deliveries": self.posts.iter().map(post).collect::<Vec<_>>(),
        })
    }
}

fn answer(post: &Post) -> String {
    match &post.answered {
        Answered::Status { status, .. } => status.to_string(),
        Answered::Nothing { .. } => "none".to_owned(),
    }
}

fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..N)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
