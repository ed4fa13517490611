//! The stream's past, bounded by number and age.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use star_wire::Timestamp;
use star_wire::event::{Event, History as WireHistory, Patch};

use crate::graph::{Difference, Snapshot, size};
use crate::journal::Record;

/// What is kept at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Changes of a node or an edge.
    pub(crate) changes: usize,
    /// Of the oldest.
    pub(crate) age: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { changes: 20_000, age: Duration::from_secs(60 * 60) }
    }
}

/// Transitions, and the state before the oldest of them, so that every moment in between can be rebuilt.
#[derive(Clone)]
pub(crate) struct History {
    bounds: Bounds,
    oldest: Arc<Snapshot>,
    changes: usize,
    /// Oldest first, each with when it was recorded: by [`star_daemon::pulse::uptime`], since clocks are set.
    entries: VecDeque<(Duration, Entry)>,
}

#[derive(Clone)]
enum Entry {
    /// The set of nodes changed: the state as a whole, sharing its rows with the states around it.
    Snapshot(Arc<Snapshot>),
    Patch(Arc<Patch>),
}

impl Entry {
    fn at(&self) -> Timestamp {
        match self {
            Self::Snapshot(snapshot) => snapshot.at,
            Self::Patch(patch) => patch.at,
        }
    }

    /// The same, for the journal.
    fn record(&self) -> Record {
        match self {
            Self::Snapshot(snapshot) => Record::Snapshot(Arc::new(snapshot.wire())),
            Self::Patch(patch) => Record::Patch(Arc::clone(patch)),
        }
    }

    /// How many changes it stands for.
    fn weight(&self) -> usize {
        match self {
            Self::Snapshot(snapshot) => snapshot.size(),
            Self::Patch(patch) => size(patch),
        }
    }
}

impl History {
    pub(crate) fn new(oldest: Arc<Snapshot>, bounds: Bounds) -> Self {
        Self { bounds, oldest, changes: 0, entries: VecDeque::new() }
    }

    /// What another process recorded, read at the moment `now`, when the clock shows `wall`; and when that process looked
    /// last. Nothing, if it recorded nothing.
    pub(crate) fn restored(
        records: &[Record],
        bounds: Bounds,
        now: Duration,
        wall: Timestamp,
    ) -> Option<(Self, Arc<Snapshot>, Timestamp)> {
        let mut history: Option<Self> = None;
        // The state that the records so far lead to.
        let mut latest: Option<Snapshot> = None;
        let mut seen = Timestamp::MIN;
        for record in records {
            let entry = match record {
                Record::Resource(_) => continue,
                Record::Seen(at) => {
                    seen = seen.max(*at);
                    continue;
                }
                Record::Snapshot(told) => {
                    let Some(state) = Snapshot::from_wire(told) else { continue };
                    latest = Some(state.clone());
                    Entry::Snapshot(Arc::new(state))
                }
                Record::Patch(patch) => {
                    let Some(state) = latest.as_mut().filter(|state| state.admits(patch)) else { continue };
                    state.apply(patch);
                    Entry::Patch(Arc::clone(patch))
                }
            };
            seen = seen.max(entry.at());
            let age = Duration::try_from(wall.duration_since(entry.at())).unwrap_or_default();
            match (&mut history, entry) {
                (None, Entry::Snapshot(oldest)) => history = Some(Self::new(oldest, bounds)),
                (None, Entry::Patch(_)) => {}
                (Some(history), entry) => {
                    history.changes += entry.weight();
                    history.entries.push_back((now.saturating_sub(age), entry));
                }
            }
        }
        let (mut history, latest) = history.zip(latest)?;
        history.forget(now);
        Some((history, Arc::new(latest), seen))
    }

    /// All of it, for the journal.
    pub(crate) fn records(&self) -> Vec<Record> {
        let oldest = Entry::Snapshot(Arc::clone(&self.oldest)).record();
        std::iter::once(oldest).chain(self.entries.iter().map(|(_, entry)| entry.record())).collect()
    }

    /// The newest of it, for the journal.
    pub(crate) fn newest(&self) -> Option<Record> {
        self.entries.back().map(|(_, entry)| entry.record())
    }

    /// Records that `difference` led to `snapshot` just `now`.
    pub(crate) fn record(&mut self, difference: Difference, snapshot: &Arc<Snapshot>, now: Duration) {
        let entry = match difference {
            Difference::Nodes => Entry::Snapshot(Arc::new(snapshot.without_responses())),
            Difference::Patch(patch) => Entry::Patch(Arc::new(patch)),
        };
        self.changes += entry.weight();
        self.entries.push_back((now, entry));
        self.forget(now);
    }

    /// Drops what is beyond the bounds at the moment `now`.
    pub(crate) fn forget(&mut self, now: Duration) {
        let beyond = |history: &Self, at: Duration| {
            history.changes > history.bounds.changes || now.saturating_sub(at) > history.bounds.age
        };
        while self.entries.front().is_some_and(|(at, _)| beyond(self, *at)) {
            let Some((_, entry)) = self.entries.pop_front() else { return };
            self.changes -= entry.weight();
            match entry {
                Entry::Snapshot(snapshot) => self.oldest = snapshot,
                Entry::Patch(patch) => Arc::make_mut(&mut self.oldest).apply(&patch),
            }
        }
    }

    /// `GET /api/v1/history`.
    pub(crate) fn body(&self) -> WireHistory {
        let later = self.entries.iter().map(|(_, entry)| match entry {
            Entry::Snapshot(snapshot) => snapshot.event(),
            Entry::Patch(patch) => Event::Patch(Patch::clone(patch)),
        });
        WireHistory { events: std::iter::once(self.oldest.event()).chain(later).collect() }
    }
}

#[cfg(test)]
mod tests;
