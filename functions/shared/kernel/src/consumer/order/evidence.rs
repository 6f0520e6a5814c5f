//! The newest candidates of an object, and the one that gives its state.
//!
//! # What is kept
//!
//! A candidate is dropped once another is known to be later:
//!
//! - a terminal one is later than any that isn't (`customer.subscription.updated` may be delivered after `deleted`, and
//!   may even carry a later second);
//! - of two that are both terminal or both not, the one of the later second is later. An event's second is its
//!   `created`. A fetch has the seconds `from` to `to` ([`Source::Fetch`]): it is later than every event created before
//!   `from`, and every event created after `to` is later than it. In between, nothing is known;
//! - any candidate of a notice's second or later is later than the notice (an event that changes nothing, see
//!   [`crate::domain::Domain::is_notice`]): what a notice shows may mix the state before a change with the state after
//!   it;
//! - a closing event ([`crate::domain::Domain::is_closing`]) is later than any other candidate that isn't later than
//!   its second.
//!
//! The events of one second remain, and the fetches whose seconds include it: usually a single event. Up to
//! [`MEMBERS_MAX`] of them are kept. Beyond that, the head is undecided until something later comes.
//!
//! # What the state is
//!
//! The head is decided if every candidate that can be the last (`previous_attributes` links them, see `chain`) gives
//! the same state. Otherwise it is undecided. A caller with a key fetches the object and adds the answer. A caller
//! without a key takes the choice, which is the same for the same candidates, and says that it is a choice.
//!
//! # What is guaranteed
//!
//! [`Evidence::merge`] is commutative, associative and idempotent. So the evidence, and with it the head, depends on
//! which candidates were added and not on their order, number or grouping. If all events of the newest second were
//! added, a decided head is the object as it is. If one is still on its way, the head may be an earlier state, as with
//! any event that is still on its way.
//!
//! # Reopened
//!
//! A terminal state that turns out wrong stays first in every merge, whatever Stripe answers later. An operator may
//! replace the evidence by such an answer ([`Evidence::reopened`]). From then on terminal candidates from before the
//! answer are dropped, so a redelivery of the wrong event doesn't bring the state back. A terminal candidate from after
//! the answer still wins. Candidates that are added to reopened evidence one by one may come in any order. Merging them
//! with each other first gives no such guarantee: a terminal one that is dropped later may have displaced one that
//! would have stayed.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::candidate::{Before, Candidate, Source};
use super::chain;
use super::digest::Digest;

/// The most candidates that are kept: eight of one second, about 200 bytes each plus the states that differ. More
/// changes of one object within one second come from scripts, and a fetch or the next event decides them.
pub const MEMBERS_MAX: usize = 8;

/// An answer of Stripe's API contradicts a terminal state only if the state is older by more than this, in seconds.
/// With a smaller difference, the answer may come from a copy of Stripe's data that doesn't have the change yet.
pub const CONTRADICTS_AFTER_S: i64 = 60;

/// The newest candidates of one object: at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence<S> {
    terminal: bool,
    /// The latest `from`: the second of the events.
    second: i64,
    /// The latest `to` of the candidates for which there was no room. Only while it isn't before `second`.
    lost: Option<i64>,
    /// Terminal candidates from before this second are dropped: an operator accepted Stripe's later answer instead.
    reopened: Option<i64>,
    /// The candidates with the latest `to` first.
    members: Vec<Candidate<S>>,
}

/// The candidate that gives the state.
#[derive(Debug, PartialEq)]
pub enum Head<'a, S> {
    /// It is the latest, or has the latest's state.
    Decided(&'a Candidate<S>),
    /// It isn't known which is the latest. This is the choice without further evidence: a fetch rather than an event,
    /// then one that no other was seen to change, then the greater digest of the object. So events of one change, which
    /// have ids of their own, lead to one choice.
    Undecided(&'a Candidate<S>),
}

impl<'a, S> Head<'a, S> {
    /// The candidate, decided or chosen.
    pub fn candidate(&self) -> &'a Candidate<S> {
        match self {
            Self::Decided(candidate) | Self::Undecided(candidate) => candidate,
        }
    }

    /// Its state.
    pub fn state(&self) -> &'a S {
        &self.candidate().state
    }

    /// Whether it is decided, and not a guess.
    pub fn is_decided(&self) -> bool {
        matches!(self, Self::Decided(_))
    }
}

impl<S> Evidence<S> {
    /// Whether the state is terminal.
    pub fn terminal(&self) -> bool {
        self.terminal
    }

    /// The second of the state, in Unix seconds. A fetch may be later.
    pub fn second(&self) -> i64 {
        self.second
    }

    /// The candidates, in no meaningful order.
    pub fn members(&self) -> &[Candidate<S>] {
        &self.members
    }

    /// Whether there were more than [`MEMBERS_MAX`].
    pub fn overflowed(&self) -> bool {
        self.lost.is_some()
    }
}

impl<S: Clone + PartialEq> Evidence<S> {
    /// The evidence of one candidate.
    pub fn of(candidate: Candidate<S>) -> Self {
        Self {
            terminal: candidate.terminal,
            second: candidate.source.from(),
            lost: None,
            reopened: None,
            members: vec![candidate],
        }
    }

    /// The evidence of Stripe's answer alone, in place of a terminal state that it contradicts. Terminal candidates
    /// from before the answer no longer count.
    pub fn reopened(answer: Candidate<S>) -> Self {
        Self {
            reopened: Some(answer.source.from()),
            ..Self::of(answer)
        }
    }

    /// The evidence of these candidates in place of this one, which may have been reopened: what it dropped stays
    /// dropped. `None` if none is left.
    pub fn replaced_by(&self, candidates: Vec<Candidate<S>>) -> Option<Self> {
        let stays = |candidate: &Candidate<S>| !is_dropped(candidate, self.reopened);
        let mut candidates = candidates.into_iter().filter(stays);
        let first = Self {
            reopened: self.reopened,
            ..Self::of(candidates.next()?)
        };
        Some(candidates.fold(first, |evidence, candidate| evidence.add(candidate)))
    }

    /// Whether an answer of Stripe's API says that the object is in no terminal state, although this evidence is
    /// terminal and older than the answer by more than [`CONTRADICTS_AFTER_S`].
    pub fn is_contradicted_by(&self, answer: &Candidate<S>) -> bool {
        let is_later = answer.source.from() > self.second + CONTRADICTS_AFTER_S;
        let is_answer = matches!(answer.source, Source::Fetch { .. });
        self.terminal && !answer.terminal && is_answer && is_later
    }

    /// The same evidence, marked as lacking candidates of its second: a guess, until a later candidate comes.
    #[must_use]
    pub fn incomplete(self) -> Self {
        Self {
            lost: Some(self.second),
            ..self
        }
    }

    /// The same candidates, all with this state as the object's last: what an erasure leaves. Their times and digests
    /// are unchanged, so an earlier event is still earlier, and an event that isn't terminal comes before the state.
    #[must_use]
    pub fn tombstoned(&self, state: &S) -> Self {
        let mut tombstoned = self.clone();
        tombstoned.terminal = true;
        for member in &mut tombstoned.members {
            member.terminal = true;
            member.state = state.clone();
        }
        tombstoned
    }

    /// Adds a candidate. Gives the same evidence if the candidate is known or earlier.
    #[must_use]
    pub fn add(&self, candidate: Candidate<S>) -> Self {
        self.merge(&Self::of(candidate))
    }

    /// The evidence of all the candidates of both.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let reopened = self.reopened.max(other.reopened);
        let of_one = |one: &Self| Self {
            reopened,
            ..one.clone()
        };
        match (self.without(reopened), other.without(reopened)) {
            // Both are older than the answer that reopened them, and neither is that answer: this one is kept as it is.
            (None, None) => of_one(self),
            (None, Some(one)) | (Some(one), None) => of_one(&one),
            (Some(one), Some(two)) if one.terminal != two.terminal => {
                of_one(if one.terminal { &one } else { &two })
            }
            (Some(one), Some(two)) => of_one(&one.merge_alike(&two)),
        }
    }

    /// What is left after dropping terminal candidates from before this second; `None` if nothing is left.
    fn without(&self, reopened: Option<i64>) -> Option<Self> {
        let mut left = self.clone();
        left.members.retain(|one| !is_dropped(one, reopened));
        (!left.members.is_empty()).then_some(left)
    }

    /// The merge of two that are both terminal, or both not.
    fn merge_alike(&self, other: &Self) -> Self {
        let second = self.second.max(other.second);
        let mut members = self.members.clone();
        for candidate in &other.members {
            match members
                .iter_mut()
                .find(|member| member.identity() == candidate.identity())
            {
                None => members.push(candidate.clone()),
                Some(member) if member.rendering() < candidate.rendering() => {
                    *member = candidate.clone();
                }
                Some(_) => {}
            }
        }
        members.retain(|member| member.source.to() >= second);
        let closings = members.iter().filter(|member| member.closing);
        let closed = closings.map(|member| member.source.to()).max();
        members.retain(|member| member.closing || closed < Some(member.source.to()));
        let changed = members
            .iter()
            .filter(|member| !member.notice)
            .map(|member| member.source.from())
            .max();
        members.retain(|member| !member.notice || changed < Some(member.source.to()));
        // Candidates for which there is no room would be dropped first in any case. So it doesn't matter when.
        members.sort_unstable_by(|one, other| {
            let notices_last = one.notice.cmp(&other.notice);
            let latest_first = other.source.to().cmp(&one.source.to());
            notices_last
                .then(latest_first)
                .then_with(|| other.identity().cmp(&one.identity()))
        });
        // A lost notice hides nothing: a change would have been kept before it.
        let newly_lost = members.get(MEMBERS_MAX).filter(|member| !member.notice);
        let newly_lost = newly_lost.map(|member| member.source.to());
        members.truncate(MEMBERS_MAX);
        Self {
            terminal: self.terminal,
            second,
            lost: [self.lost, other.lost, newly_lost]
                .into_iter()
                .flatten()
                .filter(|to| *to >= second && closed < Some(*to))
                .max(),
            reopened: None,
            members,
        }
    }

    /// The candidate that the state is taken from.
    pub fn head(&self) -> Head<'_, S> {
        let last = chain::possibly_last(&self.members);
        let choice = last
            .iter()
            .copied()
            .max_by_key(|&index| {
                let source = &self.members[index].source;
                let fetched = matches!(source, Source::Fetch { .. });
                let current = !chain::looks_overtaken(&self.members, index);
                (
                    fetched,
                    current,
                    source.to(),
                    source.from(),
                    // Before the id: events of one change have the same object, and each an id of its own.
                    self.members[index].after,
                    &self.members[index].source,
                    index,
                )
            })
            .map_or(&self.members[0], |index| &self.members[index]);
        let one_state = last
            .iter()
            .all(|&index| self.members[index].state == choice.state);
        if one_state && !self.overflowed() {
            Head::Decided(choice)
        } else {
            Head::Undecided(choice)
        }
    }
}

fn is_dropped<S>(candidate: &Candidate<S>, reopened: Option<i64>) -> bool {
    candidate.terminal && reopened.is_some_and(|from| candidate.source.to() < from)
}

/// How evidence is stored: the state on its own, for readers that need no more, and each candidate, with its own state
/// only if it differs.
#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
struct Written<S> {
    state: S,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    tie_unresolved: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    terminal: bool,
    second: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reopened: Option<i64>,
    members: Vec<WrittenMember<S>>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
struct WrittenMember<S> {
    /// Absent for a fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// Absent if it is `second`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    /// Absent if it is `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    api_version: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    creation: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    notice: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    closing: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Digest>,
    after: Digest,
    #[serde(
        default = "Option::default",
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    state: Option<S>,
}

/// A stored state is present, even if it is stored as `null`.
fn present<'de, S: Deserialize<'de>, T: Deserializer<'de>>(from: T) -> Result<Option<S>, T::Error> {
    S::deserialize(from).map(Some)
}

impl<S: Serialize + Clone + PartialEq> Serialize for Evidence<S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let head = self.head();
        let member = |member: &'_ Candidate<S>| {
            let (from, to) = (member.source.from(), member.source.to());
            WrittenMember {
                event: match &member.source {
                    Source::Event { id, .. } => Some(id.clone()),
                    Source::Fetch { .. } => None,
                },
                from: (from != self.second).then_some(from),
                to: (to != from).then_some(to),
                api_version: member.api_version.clone(),
                creation: member.before == Before::Nothing,
                notice: member.notice,
                closing: member.closing,
                before: match member.before {
                    Before::Was(digest) => Some(digest),
                    Before::Nothing | Before::Unknown => None,
                },
                after: member.after,
                state: (member.state != *head.state()).then(|| member.state.clone()),
            }
        };
        Written {
            state: head.state().clone(),
            tie_unresolved: !head.is_decided(),
            terminal: self.terminal,
            second: self.second,
            lost: self.lost,
            reopened: self.reopened,
            members: self.members.iter().map(member).collect(),
        }
        .serialize(serializer)
    }
}

impl<'de, S: Deserialize<'de> + Clone> Deserialize<'de> for Evidence<S> {
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        let written = Written::<S>::deserialize(deserializer)?;
        let (terminal, second, state) = (written.terminal, written.second, written.state);
        let member = |member: WrittenMember<S>| {
            let from = member.from.unwrap_or(second);
            Candidate {
                source: match member.event {
                    Some(id) => Source::Event { created: from, id },
                    None => Source::Fetch {
                        from,
                        to: member.to.unwrap_or(from),
                    },
                },
                terminal,
                notice: member.notice,
                closing: member.closing,
                api_version: member.api_version,
                before: match member.before {
                    Some(digest) => Before::Was(digest),
                    None if member.creation => Before::Nothing,
                    None => Before::Unknown,
                },
                after: member.after,
                state: member.state.unwrap_or_else(|| state.clone()),
            }
        };
        let members: Vec<_> = written.members.into_iter().map(member).collect();
        if members.is_empty() || members.len() > MEMBERS_MAX {
            return Err(T::Error::custom(
                "evidence has one candidate or more, and no more than it keeps",
            ));
        }
        Ok(Self {
            terminal,
            second,
            lost: written.lost,
            reopened: written.reopened,
            members,
        })
    }
}
