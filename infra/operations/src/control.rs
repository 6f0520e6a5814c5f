//! Stops and resumes runs, whichever program began them: the record of a run is all that they share.

use std::ops::ControlFlow;

use crate::actor::Reason;
use crate::problem::Problem;
use crate::runs::{self, BulkRun, Object, RunKind, Start, State, Summary, Watch, plan_digest};
use crate::stack::Stack;
use crate::times::{now_ms, span};
use crate::{rebuild, replay};

/// A run that made no progress for this long was cut off, as far as its record says.
pub const CUT_OFF_MS: i64 = 60_000;

/// What a person may do with a run as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// It is running: it may be stopped.
    Stop,
    /// It was stopped, or was cut off: it may be resumed.
    Resume,
    /// It has ended, or its kind can neither be stopped nor resumed.
    Neither,
}

/// What may be done with a run at this time.
pub fn may(run: &Summary, now_ms: i64) -> May {
    let is_cut_off = now_ms - run.at_ms > CUT_OFF_MS;
    let is_through = run.total.is_some_and(|total| run.done >= total);
    match (&run.state, run.kind) {
        // Stopped by what became of its last events: nothing is left of it.
        (State::Stopped(_), _) if is_through => May::Neither,
        (State::Done, _) | (_, RunKind::Rollback | RunKind::View) => May::Neither,
        (State::Running, RunKind::Replay | RunKind::Rebuild) if is_cut_off => May::Resume,
        (State::Running, _) => May::Stop,
        (State::Stopped(_), RunKind::Replay | RunKind::Rebuild) => May::Resume,
        (State::Stopped(_), _) => May::Neither,
    }
}

/// Distinguishes what a person saw of a run from what it became: by its name and whether it is running, and if it isn't,
/// by its place too.
pub fn digest(run: &Summary) -> String {
    let (state, place) = match &run.state {
        State::Running => ("running", 0),
        State::Stopped(_) => ("stopped", run.at_ms),
        State::Done => ("done", run.at_ms),
    };
    let place = place.to_string();
    plan_digest([run.kind.as_str(), &run.name, state, &place])
}

/// Stops a run: its record says by whom and why. The program that works on it ends after what it is at.
///
/// # Errors
/// `NotFound` if there is no such run; `Partly` if it isn't running; `Usage` for a kind that can't be stopped.
pub async fn stop(
    stack: &Stack,
    kind: RunKind,
    name: &str,
    reason: &Reason,
) -> Result<(), Problem> {
    match kind {
        RunKind::Rollback | RunKind::View => Err(Problem::Usage(format!(
            "a {} can't be stopped",
            kind.as_str()
        ))),
        RunKind::Replay => replay::stop(stack, name, reason).await,
        _ => runs::stop(stack, kind, name, reason).await,
    }
}

/// A run that is recorded as resumed.
#[derive(Debug)]
pub enum Resumed {
    /// A replay.
    Replay(replay::Recorded),
    /// A rebuild: what it was asked to do, and its name.
    Rebuild(rebuild::Wanted, String),
}

/// Resumes a run: its record says by whom and why, and that it is running. [`Resumed::run`] carries it on.
///
/// # Errors
/// `Partly` if it has ended, or another program works on it; `Usage` for a kind that can't be resumed from its record.
pub async fn resume(stack: &Stack, run: &Summary, reason: &Reason) -> Result<Resumed, Problem> {
    let now_ms = now_ms();
    if may(run, now_ms) != May::Resume {
        let said = match run.state {
            State::Done => "it has ended".to_owned(),
            State::Running => format!(
                "it made progress {} ago: stop it first",
                span((now_ms - run.at_ms).max(0))
            ),
            State::Stopped(_) => "plan it again".to_owned(),
        };
        return Err(Problem::Partly(format!(
            "{} can't be resumed: {said}",
            run.name
        )));
    }
    match run.kind {
        RunKind::Replay => {
            let found = replay::find(stack, &run.name).await?;
            Ok(Resumed::Replay(found.claim(stack, reason).await?))
        }
        _ => match rebuild::asked(stack, &run.name).await? {
            Some(wanted) => {
                runs::claim(stack, run.kind, &run.name, reason).await?;
                Ok(Resumed::Rebuild(wanted, run.name.clone()))
            }
            None => Err(Problem::Usage(format!(
                "what {} was asked to do isn't on record: resume it in the terminal",
                run.name
            ))),
        },
    }
}

impl Resumed {
    /// Carries it on to its end, or until it is stopped.
    ///
    /// # Errors
    /// As the run's own. It can be resumed again.
    pub async fn run(self, stack: &Stack) -> Result<(), Problem> {
        match self {
            Self::Replay(recorded) => {
                let unwatched = |_: &replay::Run| ControlFlow::Continue(());
                recorded.resume(stack, unwatched).await.map(drop)
            }
            Self::Rebuild(wanted, name) => {
                let start = Start::Resume(name);
                let rebuild = rebuild::begin(stack, wanted, start).await?;
                rebuild.resume(&mut Unwatched).await.map(drop)
            }
        }
    }
}

/// Watches nothing: the record has the progress.
#[derive(Debug)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn object(&mut self, _: &Object) -> Result<(), Problem> {
        Ok(())
    }

    fn page(&mut self, _: &BulkRun) -> ControlFlow<String> {
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn run(kind: RunKind, state: State) -> Summary {
        Summary {
            kind,
            name: format!("{}-1", kind.as_str()),
            who: "ada".to_owned(),
            why: "a test".to_owned(),
            plan: None,
            began_ms: 1_000,
            at_ms: 2_000,
            state,
            done: 3,
            total: None,
            failed: 0,
            counts: BTreeMap::new(),
            versions: None,
        }
    }

    fn stopped() -> State {
        State::Stopped("by ada: a test".to_owned())
    }

    #[test]
    fn a_run_that_works_may_be_stopped_and_one_that_does_not_any_more_may_be_resumed() {
        let soon = 2_000 + CUT_OFF_MS;
        for (kind, state, now_ms, expected) in [
            (RunKind::Replay, State::Running, soon, May::Stop),
            (RunKind::Replay, State::Running, soon + 1, May::Resume),
            (RunKind::Rebuild, stopped(), soon, May::Resume),
            (RunKind::Rebuild, State::Done, soon, May::Neither),
            (RunKind::Redrive, State::Running, soon, May::Stop),
            (RunKind::Redrive, stopped(), soon, May::Neither),
            (RunKind::Import, stopped(), soon, May::Neither),
            (RunKind::Rollback, State::Running, soon, May::Neither),
            (RunKind::View, State::Running, soon, May::Neither),
        ] {
            let shown = run(kind, state.clone());
            assert_eq!(may(&shown, now_ms), expected, "{kind:?} {state:?}");
        }
    }

    #[test]
    fn a_run_that_was_stopped_after_its_last_event_has_nothing_left_to_resume() {
        let mut through = run(RunKind::Replay, stopped());
        (through.done, through.total) = (3, Some(3));
        assert_eq!(may(&through, 2_000), May::Neither);
        through.total = Some(4);
        assert_eq!(may(&through, 2_000), May::Resume);
    }

    #[test]
    fn what_was_seen_of_a_run_is_another_once_it_stopped_or_went_on() {
        let running = run(RunKind::Replay, State::Running);
        let mut further = running.clone();
        (further.at_ms, further.done) = (3_000, 9);
        assert_eq!(digest(&running), digest(&further), "it may be stopped");
        let at = run(RunKind::Replay, stopped());
        let mut later = at.clone();
        later.at_ms = 3_000;
        assert_ne!(digest(&at), digest(&running));
        assert_ne!(digest(&at), digest(&later), "it was resumed in between");
    }
}
