//! Whether this process ran all the time: one ticker, and what it means that it is late.
//!
//! A process stands still when it is stopped (SIGSTOP, a freezer, a suspended machine) or starved (a CPU quota, a busy
//! machine). What it then finds late, or not at all, says nothing about others. Lateness at the end of a wait does not show
//! that: a stop may end just before. So one task beats all the time, and whoever waits compares before and after.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use star_wire::Timestamp;
use star_wire::gap::Gap;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Between two beats. Under a CPU quota, which is dealt out every 100 ms, every other beat is due while there is none.
const PERIOD: Duration = Duration::from_millis(50);

/// A beat that is so late at most is on time: other work on this machine takes its turn.
const TOLERANCE: Duration = Duration::from_millis(20);

/// What has to be lost within one spell of late beats to be told as a gap.
const TOLD: Duration = Duration::from_millis(400);

/// So many beats on time end a spell.
const CALM: u32 = 5;

/// A gap that begins so soon after the last one continues it.
const JOIN: Duration = Duration::from_secs(1);

/// How many gaps are remembered.
const REMEMBERED: usize = 8;

/// A process's pulse. It beats while [`Pulse::run`] runs.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Two numbers that belong together; held for as long as it takes to read them.
    state: Mutex<State>,
    gaps: watch::Sender<Vec<Gap>>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Beat>,
    lost: Duration,
    spell: Option<Spell>,
}

#[derive(Clone, Copy, Debug)]
struct Beat {
    /// By [`uptime`].
    at: Duration,
    wall: Timestamp,
}

/// Late beats, with few in between that were not.
#[derive(Debug)]
struct Spell {
    from: Timestamp,
    lost: Duration,
    calm: u32,
}

impl Pulse {
    /// Beats for as long as it is polled; it never ends.
    pub async fn run(&self) {
        let mut beats = interval(PERIOD);
        // After a late beat the next one is a whole period away, or it would tell nothing.
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            self.beat(Beat { at: uptime(), wall: star_wire::now() });
        }
    }

    /// How much time this process has lost since it began: grows while it stands still. Zero, if there is no pulse.
    pub fn lost(&self) -> Duration {
        self.state().lost_by(uptime())
    }

    /// When it stood still, oldest first: the last few times, each as soon as it is known.
    pub fn gaps(&self) -> watch::Receiver<Vec<Gap>> {
        self.gaps.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn beat(&self, beat: Beat) {
        let gap = self.state().beat(beat);
        if let Some(gap) = gap {
            tracing::warn!(from = %gap.from, until = %gap.until, "this process stood still");
            self.gaps.send_modify(|gaps| match gaps.last_mut() {
                Some(last) if gap.from.duration_since(last.until).as_secs_f64() <= JOIN.as_secs_f64() => {
                    last.until = gap.until;
                }
                _ => {
                    gaps.push(gap);
                    let more = gaps.len().saturating_sub(REMEMBERED);
                    gaps.drain(..more);
                }
            });
        }
    }
}

impl State {
    fn lost_by(&self, now: Duration) -> Duration {
        self.lost + self.last.map_or(Duration::ZERO, |last| lateness(last.at, now))
    }

    /// Notes a beat. Tells the gap that is known by it.
    fn beat(&mut self, beat: Beat) -> Option<Gap> {
        let last = self.last.replace(beat)?;
        let late = lateness(last.at, beat.at);
        self.lost += late;
        if late.is_zero() {
            let spell = self.spell.as_mut()?;
            spell.calm += 1;
            if spell.calm >= CALM {
                self.spell = None;
            }
            return None;
        }
        let spell = self.spell.get_or_insert(Spell { from: last.wall, lost: Duration::ZERO, calm: 0 });
        (spell.lost, spell.calm) = (spell.lost + late, 0);
        if spell.lost < TOLD {
            return None;
        }
        let gap = Gap { from: spell.from, until: beat.wall };
        // It may go on.
        *spell = Spell { from: beat.wall, lost: Duration::ZERO, calm: 0 };
        Some(gap)
    }
}

/// How late a beat is that comes at `now`.
fn lateness(last: Duration, now: Duration) -> Duration {
    let late = now.saturating_sub(last + PERIOD);
    if late > TOLERANCE { late } else { Duration::ZERO }
}

/// How long the machine is up. Nobody can set this clock, and it goes on while the machine is suspended.
pub fn uptime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beats at these milliseconds; the gaps that are told, and what is lost.
    fn beats(at: impl IntoIterator<Item = u64>) -> (Vec<(i64, i64)>, u128) {
        let mut state = State::default();
        let mut gaps = Vec::new();
        for at in at {
            let wall = Timestamp::from_millisecond(i64::try_from(at).unwrap()).unwrap();
            if let Some(gap) = state.beat(Beat { at: Duration::from_millis(at), wall }) {
                gaps.push((gap.from.as_millisecond(), gap.until.as_millisecond()));
            }
        }
        (gaps, state.lost.as_millis())
    }

    #[test]
    fn a_stop_is_a_gap_from_the_last_beat_to_the_next() {
        assert_eq!(beats([0, 50, 1050, 1100, 1150]), (vec![(50, 1050)], 950));
        assert_eq!(beats([0, 50, 400]).0, []);
    }

    #[test]
    fn a_busy_machine_is_none() {
        assert_eq!(beats((0..1000).map(|beat| beat * 70)), (vec![], 0));
        // Late now and then.
        assert_eq!(beats((0..100).flat_map(|round| (0..10).map(move |beat| round * 600 + beat * 50))).0, []);
    }

    #[test]
    fn a_quota_that_lets_it_run_a_little_in_each_100_ms_is_one_long_gap() {
        let (gaps, lost) = beats((0..31).map(|round| round * 100));
        assert_eq!((gaps.first(), gaps.last(), lost), (Some(&(0, 800)), Some(&(1600, 2400)), 1500));
        assert!(gaps.windows(2).all(|pair| pair[0].1 == pair[1].0), "{gaps:?}");
    }

    #[test]
    fn what_is_lost_is_known_before_the_next_beat() {
        let mut state = State::default();
        let lost = |state: &State, ms| state.lost_by(Duration::from_millis(ms)).as_millis();
        assert_eq!(lost(&state, 5000), 0, "it does not beat");
        state.beat(Beat { at: Duration::ZERO, wall: Timestamp::UNIX_EPOCH });
        assert_eq!([60, 70, 71, 1050].map(|ms| lost(&state, ms)), [0, 0, 21, 1000]);
        state.beat(Beat { at: Duration::from_millis(1100), wall: Timestamp::UNIX_EPOCH });
        assert_eq!(lost(&state, 1110), 1050);
    }

    #[test]
    fn gaps_that_follow_each_other_are_one_and_only_the_last_few_are_remembered() {
        let pulse = Pulse::default();
        let beat = |at: u64| {
            let wall = Timestamp::from_millisecond(i64::try_from(at).unwrap()).unwrap();
            pulse.beat(Beat { at: Duration::from_millis(at), wall });
        };
        let told = || pulse.gaps().borrow().iter().map(|gap| gap.from.as_millisecond()).collect::<Vec<_>>();
        for at in [0, 1000, 1500, 1550, 3000] {
            beat(at);
        }
        assert_eq!(told(), [0]);
        for round in 1..=10 {
            for at in (0..40).map(|beat| beat * 50) {
                beat(round * 10_000 + at);
            }
        }
        assert_eq!(told().len(), REMEMBERED);
        assert_eq!(told()[REMEMBERED - 1], 91_950);
    }
}
