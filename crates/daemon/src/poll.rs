//! When the next check starts: at a fixed rate that nothing else can shift.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

/// The least time between the starts of two polls of one subject, whatever it answers; or half the interval, if that is
/// less: a start is always a little late, and the next slot must not be lost for it.
pub const MIN_SPACING: Duration = Duration::from_millis(100);

/// Something that is polled, again and again.
pub trait Subject: Send {
    /// Polls once. It must end by a deadline of its own, which should not be beyond the interval: a slot that passes
    /// meanwhile is skipped.
    fn poll(&mut self) -> impl Future<Output = Next> + Send;
}

/// When a subject is to be polled next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// At its next slot.
    Slot,
    /// At once, but not within [`MIN_SPACING`] of the last start: the subject itself held the answer back.
    Soon,
}

/// Polls `subject` at `first` and then once in each `interval`. Never ends by itself.
pub async fn poll(mut subject: impl Subject, first: Instant, interval: Duration) {
    let (mut slots, spacing) = (interval_at(first, interval), MIN_SPACING.min(interval / 2));
    // After a long poll the next slot comes at once, and the ones after it where they were.
    slots.set_missed_tick_behavior(MissedTickBehavior::Skip);
    slots.tick().await;
    loop {
        let started = Instant::now();
        if subject.poll().await == Next::Slot {
            slots.tick().await;
        }
        sleep_until(started + spacing).await;
    }
}

/// Into how many parts an interval is divided at most. Of more subjects than that, some start together: that is still
/// spread, and a machine that wakes up once for ten checks spends half as much on each.
const PARTS: usize = 100;

/// When the `index`th of `count` subjects starts, so that all of them spread evenly over the interval.
pub fn phase(index: usize, count: usize, interval: Duration) -> Duration {
    let parts = count.clamp(1, PARTS);
    interval.mul_f64((index * parts / count.max(1)) as f64 / parts as f64)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes its next duration and answer from a script, and notes when it was polled.
    struct Scripted {
        script: Vec<(u64, Next)>,
        polled: Arc<Mutex<Vec<u128>>>,
        since: Instant,
    }

    impl Subject for Scripted {
        async fn poll(&mut self) -> Next {
            self.polled.lock().unwrap().push(self.since.elapsed().as_millis());
            let (millis, next) = if self.script.is_empty() { (0, Next::Slot) } else { self.script.remove(0) };
            tokio::time::sleep(Duration::from_millis(millis)).await;
            next
        }
    }

    async fn polls_at(script: Vec<(u64, Next)>, until: u64) -> Vec<u128> {
        polls_every(Duration::from_secs(1), script, until).await
    }

    async fn polls_every(interval: Duration, script: Vec<(u64, Next)>, until: u64) -> Vec<u128> {
        let polled = Arc::default();
        let since = Instant::now();
        let subject = Scripted { script, polled: Arc::clone(&polled), since };
        let polling = poll(subject, since + Duration::from_millis(250), interval);
        let _ = tokio::time::timeout(Duration::from_millis(until), polling).await;
        polled.lock().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_check_does_not_shift_the_ones_after_it() {
        let script = vec![(900, Next::Slot), (0, Next::Slot), (1000, Next::Slot)];
        assert_eq!(polls_at(script, 4500).await, [250, 1250, 2250, 3250, 4250]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_start_costs_the_shortest_interval_no_later_slot() {
        let polled = polls_every(Duration::from_millis(100), vec![(140, Next::Slot)], 700).await;
        assert_eq!(polled, [250, 390, 450, 550, 650]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_answer_is_asked_for_again_at_once() {
        let script = vec![(700, Next::Soon), (1100, Next::Soon), (10, Next::Slot)];
        assert_eq!(polls_at(script, 3000).await, [250, 950, 2050, 2150, 2250]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subject_that_answers_at_once_cannot_make_the_poller_spin() {
        let script = vec![(0, Next::Soon); 1000];
        assert_eq!(polls_at(script, 10_300).await.len(), 101);
    }

    #[test]
    fn subjects_are_spread_evenly() {
        let phases: Vec<_> = (0..4).map(|index| phase(index, 4, Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(phases, [0, 250, 500, 750]);
        let phases: Vec<_> = (0..1000).map(|index| phase(index, 1000, Duration::from_secs(1)).as_millis()).collect();
        assert_eq!((phases[9], phases[10], phases[999]), (0, 10, 990));
    }
}
