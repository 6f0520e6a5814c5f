//! An endpoint that can't be reached, or answers badly, for a while.
//!
//! The outage is made on Stripe's side of the wire, so it needs nothing from the receiver and costs no real time. A
//! post to a silent endpoint fails at once instead of holding a connection until the deadline.

use std::time::Duration;

use crate::ids::{Purpose, stream};

/// What Stripe gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// No connection. The receiver sees nothing.
    Refused,
    /// No answer in time. The receiver sees nothing.
    Silent,
    /// This status instead of the receiver's, which sees nothing: what a proxy before it answers.
    Status(u16),
    /// The receiver gets the delivery and answers, and the answer is lost: Stripe counts a failure and retries.
    AnswerLost,
}

impl How {
    /// The word for it: `refused`, `silent`, `503`, `answer-lost`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "refused" => Some(Self::Refused),
            "silent" => Some(Self::Silent),
            "answer-lost" => Some(Self::AnswerLost),
            status => {
                let status = status.parse().ok()?;
                (300..=599)
                    .contains(&status)
                    .then_some(Self::Status(status))
            }
        }
    }
}

/// A period of trouble, in Stripe's time since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Its beginning.
    pub from: Duration,
    /// Its end, exclusive.
    pub until: Duration,
    /// What Stripe gets meanwhile.
    pub how: How,
    /// How many of a hundred deliveries it hits.
    pub percent: u8,
}

impl Outage {
    /// An outage that hits everything.
    #[must_use]
    pub fn whole(from: Duration, until: Duration, how: How) -> Self {
        Self {
            from,
            until,
            how,
            percent: 100,
        }
    }

    /// Whether it hits a delivery posted at this time; `number` stands for the delivery.
    #[must_use]
    pub fn hits(&self, at: Duration, seed: u64, number: u64) -> bool {
        (self.from..self.until).contains(&at)
            && stream(seed, number, Purpose::Outages).u8(0..100) < self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_hits_within_its_while_and_as_often_as_it_says() {
        let (from, until) = (Duration::from_secs(10), Duration::from_secs(20));
        let whole = Outage::whole(from, until, How::Refused);
        let hit = |at| whole.hits(Duration::from_secs(at), 1, 1);
        assert_eq!(
            [hit(9), hit(10), hit(19), hit(20)],
            [false, true, true, false]
        );
        let some = Outage {
            percent: 30,
            ..whole
        };
        let hits = (0..1_000)
            .filter(|number| some.hits(from, 5, *number))
            .count();
        assert!((230..370).contains(&hits), "{hits}");
    }

    #[test]
    fn kinds_of_trouble_have_words() {
        assert_eq!(How::named("refused"), Some(How::Refused));
        assert_eq!(How::named("503"), Some(How::Status(503)));
        assert_eq!(How::named("301"), Some(How::Status(301)));
        // A success is no outage.
        assert_eq!(How::named("200"), None);
        assert_eq!(How::named("broken"), None);
    }
}
