//! What a check changes that says nothing about its subject: nothing, until it goes on for too long.

use std::time::Duration;

use star_wire::observation::{Observation, Reason, State};
use tokio::time::Instant;

/// For so long a verdict holds at least without another one.
const HOLDS: Duration = Duration::from_secs(5);

/// So many checks in a row have to say nothing. A process that stood still for long has one such check, not three.
const CHECKS: u32 = 3;

/// Between two lines of the log about checks that say nothing: there may be many.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// When a subject had its last verdict, and what came since.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    at: Instant,
    /// How many checks in a row said nothing.
    nothing: u32,
}

impl Default for Verdict {
    /// None yet: that counts from now on.
    fn default() -> Self {
        Self { at: Instant::now(), nothing: 0 }
    }
}

/// Judges what a daemon's checks find.
#[derive(Debug)]
pub struct Judge {
    holds: Duration,
    nothing: u64,
    told: Option<Instant>,
}

impl Judge {
    /// A judge of checks that begin once in `interval`.
    pub fn new(interval: Duration) -> Self {
        Self { holds: HOLDS.max(interval.saturating_mul(CHECKS)), nothing: 0, told: None }
    }

    /// What is to be shown of a subject, after a check that found `found`. `None`: whatever was shown before, since the
    /// check says nothing ([`Reason::LocalError`]). If none says anything for 5 s or three intervals, whichever is longer,
    /// it is [`State::Unknown`].
    pub fn judge(&mut self, last: &mut Verdict, found: Observation) -> Option<Observation> {
        if found.reason != Some(Reason::LocalError) {
            *last = Verdict::default();
            return Some(found);
        }
        last.nothing += 1;
        self.nothing += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            self.told = Some(Instant::now());
            let why = found.message.as_deref();
            tracing::warn!(why, so_far = self.nothing, "a check says nothing about its target");
        }
        let held = last.nothing < CHECKS || last.at.elapsed() < self.holds;
        (!held).then_some(Observation { state: State::Unknown, ..found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(state: State, reason: Option<Reason>) -> Observation {
        Observation { state, reason, ..Observation::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_says_nothing_changes_nothing_until_it_goes_on_for_too_long() {
        for (interval, holds) in [(Duration::from_millis(100), 5000), (Duration::from_secs(4), 12_000)] {
            let (mut judge, mut last, start) = (Judge::new(interval), Verdict::default(), Instant::now());
            loop {
                tokio::time::advance(interval).await;
                let nothing = found(State::Unreachable, Some(Reason::LocalError));
                if let Some(shown) = judge.judge(&mut last, nothing) {
                    assert_eq!((shown.state, shown.reason), (State::Unknown, Some(Reason::LocalError)));
                    break;
                }
            }
            assert_eq!(start.elapsed().as_millis(), holds);
            let verdict = found(State::Unreachable, Some(Reason::ConnectTimeout));
            assert_eq!(judge.judge(&mut last, verdict.clone()), Some(verdict));
            assert_eq!(judge.judge(&mut last, found(State::Unreachable, Some(Reason::LocalError))), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_check_after_a_long_stop_is_not_enough() {
        let (mut judge, mut last) = (Judge::new(Duration::from_secs(1)), Verdict::default());
        tokio::time::advance(Duration::from_secs(60)).await;
        let nothing = || found(State::Unreachable, Some(Reason::LocalError));
        assert_eq!([judge.judge(&mut last, nothing()), judge.judge(&mut last, nothing())], [None, None]);
        assert!(judge.judge(&mut last, nothing()).is_some());
    }
}
