//! One event at three places: here, at the current endpoint, and in Stripe's own list.

use serde::Serialize;

use super::theirs::{Theirs, is_taken};

/// An event as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// Its type.
    pub kind: String,
    /// Its mode, if it says.
    pub livemode: Option<bool>,
    /// The version of its body; none if it wasn't looked up.
    pub api_version: Option<String>,
    /// Its state, as `event list` has it.
    pub state: String,
    /// What its domain recorded.
    pub outcome: Option<String>,
    /// The code that was recorded with it.
    pub code: Option<String>,
}

/// An event as Stripe lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its type.
    pub kind: String,
    /// How many endpoints haven't taken it yet.
    pub pending_webhooks: Option<u64>,
}

/// Who has seen an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both.
    Both,
    /// We have, and they haven't.
    OnlyOurs,
    /// They have, and we haven't.
    OnlyTheirs,
    /// Stripe lists it, and neither has.
    Neither,
    /// We haven't, and its type is none that we are subscribed to.
    NotSubscribed,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Both,
        Self::OnlyOurs,
        Self::OnlyTheirs,
        Self::Neither,
        Self::NotSubscribed,
    ];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::OnlyOurs => "only_ours",
            Self::OnlyTheirs => "only_theirs",
            Self::Neither => "neither",
            Self::NotSubscribed => "not_subscribed",
        }
    }

    /// Whether it is a reason not to switch.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::OnlyTheirs | Self::Neither)
    }
}

/// What is known of one event.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// As the ledger has it.
    pub ours: Option<&'a Ours>,
    /// What they answered; none if they haven't seen it, or if there is no file.
    pub theirs: Option<&'a Theirs>,
    /// As Stripe lists it.
    pub listed: Option<&'a Listed>,
    /// Whether a file says what they have seen.
    pub has_file: bool,
}

impl Known<'_> {
    /// Its type, by the first of the three that says it.
    pub fn kind(&self) -> Option<&str> {
        let ours = self.ours.map(|ours| ours.kind.as_str());
        let listed = self.listed.map(|listed| listed.kind.as_str());
        ours.or(listed)
            .or_else(|| self.theirs.and_then(|theirs| theirs.kind.as_deref()))
    }

    /// Who has seen it. Without a file, Stripe's count of endpoints that haven't taken it stands for them: ours isn't
    /// among those once we have it.
    pub fn verdict(&self, is_subscribed: impl Fn(&str) -> bool) -> Verdict {
        let pending = self.listed.and_then(|listed| listed.pending_webhooks);
        let they_have = match self.has_file {
            // If they answered an event with an error, Stripe doesn't count it as delivered, and they haven't acted on
            // it.
            true => self
                .theirs
                .is_some_and(|theirs| theirs.status.is_none_or(is_taken)),
            false => pending == Some(0) || self.listed.is_none(),
        };
        match (self.ours.is_some(), they_have) {
            (true, true) => Verdict::Both,
            (true, false) => Verdict::OnlyOurs,
            (false, _) if !self.kind().is_none_or(is_subscribed) => Verdict::NotSubscribed,
            (false, true) => Verdict::OnlyTheirs,
            (false, false) => Verdict::Neither,
        }
    }

    /// What differs, in words.
    pub fn differences(&self) -> Vec<String> {
        let (Some(ours), Some(theirs)) = (self.ours, self.theirs) else {
            return Vec::new();
        };
        let mut differ = Vec::new();
        let mut compare = |name: &str, ours: Option<&str>, theirs: Option<&str>| {
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && ours != theirs
            {
                differ.push(format!("{name} {ours} here, {theirs} there"));
            }
        };
        let mode = |livemode: Option<bool>| livemode.map(|live| if live { "live" } else { "test" });
        compare("type", Some(&ours.kind), theirs.kind.as_deref());
        compare("mode", mode(ours.livemode), mode(theirs.livemode));
        compare(
            "api_version",
            ours.api_version.as_deref(),
            theirs.api_version.as_deref(),
        );
        differ
    }

    /// What they answered to an event that they haven't taken, in words.
    pub fn refused(&self) -> Option<String> {
        let status = self.theirs?.status.filter(|status| !is_taken(*status))?;
        Some(format!("they answered {status}"))
    }

    /// What prevents an event that is here from being applied, in words; none if nothing does.
    pub fn stuck(&self) -> Option<String> {
        let ours = self.ours?;
        match (ours.state.as_str(), ours.outcome.as_deref()) {
            ("published", Some(outcome @ ("rejected" | "failing"))) => {
                let code = ours.code.as_deref().unwrap_or_default();
                Some(format!("{outcome} here: {code}"))
            }
            ("due" | "held" | "lapsed", _) => Some(format!("{} here", ours.state)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        Ours {
            kind: "charge.refunded".to_owned(),
            livemode: Some(true),
            api_version: Some("2025-09-30.clover".to_owned()),
            state: "published".to_owned(),
            outcome: None,
            code: None,
        }
    }

    fn listed(pending_webhooks: u64) -> Listed {
        Listed {
            kind: "charge.refunded".to_owned(),
            pending_webhooks: Some(pending_webhooks),
        }
    }

    #[test]
    fn with_a_file_it_says_who_has_seen_an_event_and_stripes_list_finds_what_neither_has() {
        let (ours, theirs, listed) = (ours(), Theirs::default(), listed(1));
        let verdict = |ours, theirs, subscribed: bool| {
            let known = Known {
                ours,
                theirs,
                listed: Some(&listed),
                has_file: true,
            };
            known.verdict(|_| subscribed)
        };
        assert_eq!(verdict(Some(&ours), Some(&theirs), true), Verdict::Both);
        let refused = Theirs {
            status: Some(500),
            ..Theirs::default()
        };
        assert_eq!(
            verdict(Some(&ours), Some(&refused), true),
            Verdict::OnlyOurs
        );
        assert_eq!(verdict(Some(&ours), None, true), Verdict::OnlyOurs);
        assert_eq!(verdict(None, Some(&theirs), true), Verdict::OnlyTheirs);
        assert_eq!(verdict(None, None, true), Verdict::Neither);
        assert_eq!(verdict(None, Some(&theirs), false), Verdict::NotSubscribed);
    }

    #[test]
    fn without_a_file_an_endpoint_that_has_not_taken_what_we_have_is_theirs() {
        let ours = ours();
        let verdict = |ours, pending| {
            let listed = listed(pending);
            let known = Known {
                ours,
                theirs: None,
                listed: Some(&listed),
                has_file: false,
            };
            known.verdict(|_| true)
        };
        assert_eq!(verdict(Some(&ours), 0), Verdict::Both);
        assert_eq!(verdict(Some(&ours), 1), Verdict::OnlyOurs);
        assert_eq!(verdict(None, 0), Verdict::OnlyTheirs);
        assert_eq!(verdict(None, 2), Verdict::Neither);
    }

    #[test]
    fn what_differs_is_said_and_what_the_file_does_not_say_is_not() {
        let ours = ours();
        let of = |theirs: &Theirs| {
            let known = Known {
                ours: Some(&ours),
                theirs: Some(theirs),
                listed: None,
                has_file: true,
            };
            known.differences()
        };
        assert!(of(&Theirs::default()).is_empty());
        let differ = of(&Theirs {
            kind: Some("charge.updated".to_owned()),
            api_version: Some("2020-08-27".to_owned()),
            livemode: Some(false),
            status: Some(500),
            ..Theirs::default()
        });
        assert_eq!(
            differ,
            [
                "type charge.refunded here, charge.updated there",
                "mode live here, test there",
                "api_version 2025-09-30.clover here, 2020-08-27 there"
            ]
        );
    }

    #[test]
    fn an_event_that_is_here_and_not_applied_says_why() {
        let stuck = |state: &str, outcome: Option<&str>| {
            let ours = Ours {
                state: state.to_owned(),
                outcome: outcome.map(str::to_owned),
                code: Some("object.field_missing".to_owned()),
                ..ours()
            };
            Known {
                ours: Some(&ours),
                theirs: None,
                listed: None,
                has_file: false,
            }
            .stuck()
        };
        assert_eq!(stuck("published", None), None);
        assert_eq!(
            stuck("published", Some("rejected")).as_deref(),
            Some("rejected here: object.field_missing")
        );
        assert_eq!(stuck("due", None).as_deref(), Some("due here"));
        assert_eq!(stuck("ledger_only", None), None);
    }
}
