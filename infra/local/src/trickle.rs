//! What comes in after the traffic of `make run`: one sample now and then, so that the console has something to show.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::event::Sample;
use crate::post::Sender;
use crate::problem::Problem;
use crate::stack::StackInfo;

/// How often a sample is posted.
const TRICKLE_EVERY: Duration = Duration::from_secs(10);

/// The samples that are posted, in turn.
const TRICKLE: [&str; 6] = [
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice.paid",
    "customer.created",
    "customer.subscription.updated",
    "checkout.session.completed",
];

/// Sample events that are posted one by one after the traffic, so that there is something to see.
#[derive(Debug, Default)]
pub struct Trickle {
    sender: Option<Sender>,
    samples: Vec<Sample>,
    posted: usize,
    last: Option<Instant>,
}

impl Trickle {
    /// Posts to this stack, from now on. The samples are read below `root`.
    ///
    /// # Errors
    /// When a sample can't be read.
    pub fn of(root: &Path, info: &StackInfo) -> Result<Self, Problem> {
        let samples = TRICKLE.map(|name| Sample::named(root, name));
        Ok(Self {
            sender: Some(Sender::to(info)),
            samples: samples.into_iter().collect::<Result<_, _>>()?,
            posted: 0,
            last: Some(Instant::now()),
        })
    }

    /// What is posted, after "deliveries as they come".
    pub fn words(&self) -> String {
        match self.samples.is_empty() {
            true => String::new(),
            false => format!(", a sample every {} s", TRICKLE_EVERY.as_secs()),
        }
    }

    /// Posts the next sample once it is time. One that gets no answer is left out: the lines that follow say why.
    pub fn go_on(&mut self) {
        let is_due = self
            .last
            .is_some_and(|last| last.elapsed() >= TRICKLE_EVERY);
        let Some(sender) = self
            .sender
            .as_ref()
            .filter(|_| is_due && !self.samples.is_empty())
        else {
            return;
        };
        let sample = self.samples[self.posted % self.samples.len()].clone();
        if let Ok(event) = sample.fresh(SystemTime::now()) {
            let _ = sender.deliver("platform", &event.body);
        }
        self.posted += 1;
        self.last = Some(Instant::now());
    }
}
