//! What comes in after the traffic of `make run`: one sample now and then, so that the console has something to show.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::event::Sample;
use crate::post::Sender;
use crate::problem::Problem;
use crate::stack::StackInfo;

/// How often a sample is posted.
pub const TRICKLE_EVERY: Duration = Duration::from_secs(10);

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
#[derive(Debug)]
pub struct Trickle {
    sender: Sender,
    samples: Vec<Sample>,
    posted: usize,
    last: Instant,
}

impl Trickle {
    /// Posts to this stack, from now on. The samples are read below `root`.
    ///
    /// # Errors
    /// When a sample can't be read.
    pub fn of(root: &Path, info: &StackInfo) -> Result<Self, Problem> {
        let samples = TRICKLE.map(|name| Sample::named(root, name));
        Ok(Self {
            sender: Sender::to(info),
            samples: samples.into_iter().collect::<Result<_, _>>()?,
            posted: 0,
            last: Instant::now(),
        })
    }

    /// Posts the next sample once it is time. One that gets no answer is left out: the lines that follow say why.
    pub fn go_on(&mut self) {
        if self.last.elapsed() < TRICKLE_EVERY {
            return;
        }
        let sample = self.samples[self.posted % self.samples.len()].clone();
        if let Ok(event) = sample.fresh(SystemTime::now()) {
            let _ = self.sender.deliver("platform", &event.body);
        }
        self.posted += 1;
        self.last = Instant::now();
    }
}
