//! Which of the newest second's candidates can be the last.
//!
//! A candidate leads from one digest to another. If all of them, laid end to end, make a chain, the last link is the
//! object as it is now. A chain can often be laid in several ways (a → b and b → a), so this module finds every
//! candidate that a chain can end with.
//!
//! - A candidate with `previous_attributes` follows one whose object equals, in every attribute, the object that it
//!   changed.
//! - A creation follows nothing.
//! - A candidate that doesn't say what was before follows one with the same object, or comes first: that is a link. If
//!   it is an event, it may also have changed the object itself. Then it may follow any other candidate with an object
//!   that wasn't there before: that is no link, only a doubt. A chain of links is needed, and no walk with doubts may
//!   end elsewhere. This rests on the only assumption here: **an event without `previous_attributes` doesn't put an
//!   object back, to the last attribute, into a state that it was in before within the same second.** (`metadata` is
//!   put back like that, but by `*.updated` events, which have `previous_attributes`.)
//! - Two events for one change are equal except for the id. They are as many links as the chain needs, at least one:
//!   three events can also report a → b, b → a, a → b.

use std::collections::BTreeSet;

use super::candidate::{Before, Candidate, Source};
use super::digest::Digest;

/// The indices of those that can be the last of all. Without a chain, any can except a creation.
pub(super) fn possibly_last<S>(members: &[Candidate<S>]) -> Vec<usize> {
    let last = if comparable(members) && !ends(members, follows).is_empty() {
        ends(members, may_follow)
    } else {
        BTreeSet::new()
    };
    if !last.is_empty() {
        return last.into_iter().collect();
    }
    let changes: Vec<_> = (0..members.len())
        .filter(|&index| members[index].before != Before::Nothing)
        .collect();
    if changes.is_empty() {
        (0..members.len()).collect()
    } else {
        changes
    }
}

/// Whether another candidate changes the state that this one shows: a hint, if there is no chain.
pub(super) fn looks_overtaken<S>(members: &[Candidate<S>], index: usize) -> bool {
    let this = &members[index];
    members.iter().any(|other| {
        other.api_version == this.api_version
            && other.before == Before::Was(this.after)
            && this.before != Before::Was(other.after)
    })
}

/// Objects have different shapes in different API versions, so objects of different versions are never compared.
fn comparable<S>(members: &[Candidate<S>]) -> bool {
    let version = members.first().and_then(|first| first.api_version.as_ref());
    version.is_some()
        && members
            .iter()
            .all(|member| member.api_version.as_ref() == version)
}

/// Whether there is a link from the walk's last member to the next. `used` are the walk's members, last included.
fn follows<S>(members: &[Candidate<S>], _used: u32, last: usize, next: usize) -> bool {
    match members[next].before {
        Before::Nothing => false,
        Before::Was(before) => before == members[last].after,
        Before::Unknown => members[next].after == members[last].after,
    }
}

/// Whether there is a link, or a change that the next member made without saying so.
fn may_follow<S>(members: &[Candidate<S>], used: u32, last: usize, next: usize) -> bool {
    // A fetch changes nothing, and may show an earlier second.
    let is_event = |index: usize| matches!(members[index].source, Source::Event { .. });
    let was_there = |state: Digest| {
        (0..members.len())
            .filter(|&index| used & (1 << index) != 0 && is_event(index))
            .any(|index| {
                let member = &members[index];
                member.after == state || member.before == Before::Was(state)
            })
    };
    follows(members, used, last, next)
        || (members[next].before == Before::Unknown
            && is_event(next)
            && !was_there(members[next].after))
}

/// Every candidate that can end a walk over all changes.
fn ends<S>(
    members: &[Candidate<S>],
    may_follow: fn(&[Candidate<S>], u32, usize, usize) -> bool,
) -> BTreeSet<usize> {
    let same_change = |one: usize, other: usize| {
        members[one].before == members[other].before && members[one].after == members[other].after
    };
    let complete = |used: u32| {
        (0..members.len()).all(|member| {
            (0..members.len()).any(|other| used & (1 << other) != 0 && same_change(member, other))
        })
    };
    // A walk is identified by the members that it used and where it ends: at most 2^8 × 8 of them.
    let mut seen = BTreeSet::new();
    let mut walks: Vec<(u32, usize)> = (0..members.len())
        .map(|first| (1 << first, first))
        .collect();
    let mut ends = BTreeSet::new();
    while let Some((used, last)) = walks.pop() {
        if !seen.insert((used, last)) {
            continue;
        }
        if complete(used) {
            ends.insert(last);
        }
        for next in 0..members.len() {
            if used & (1 << next) == 0 && may_follow(members, used, last, next) {
                walks.push((used | (1 << next), next));
            }
        }
    }
    ends
}
