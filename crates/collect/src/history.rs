//! The stream's past, bounded by number and age.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use star_wire::Timestamp;
use star_wire::event::{Event, History as WireHistory, Patch};

use crate::graph::{Difference, Snapshot, size};

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
    entries: VecDeque<Entry>,
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

    /// Records that `difference` led to `snapshot`.
    pub(crate) fn record(&mut self, difference: Difference, snapshot: &Arc<Snapshot>) {
        let entry = match difference {
            Difference::Nodes => Entry::Snapshot(Arc::new(snapshot.without_responses())),
            Difference::Patch(patch) => Entry::Patch(Arc::new(patch)),
        };
        self.changes += entry.weight();
        self.entries.push_back(entry);
        self.forget(snapshot.at);
    }

    /// Drops what is beyond the bounds at the moment `now`.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        let beyond = |history: &Self, entry: &Entry| {
            let age = Duration::try_from(now.duration_since(entry.at())).unwrap_or_default();
            history.changes > history.bounds.changes || age > history.bounds.age
        };
        while self.entries.front().is_some_and(|entry| beyond(self, entry)) {
            let Some(entry) = self.entries.pop_front() else { return };
            self.changes -= entry.weight();
            match entry {
                Entry::Snapshot(snapshot) => self.oldest = snapshot,
                Entry::Patch(patch) => Arc::make_mut(&mut self.oldest).apply(&patch),
            }
        }
    }

    /// `GET /api/v1/history`.
    pub(crate) fn body(&self) -> WireHistory {
        let later = self.entries.iter().map(|entry| match entry {
            Entry::Snapshot(snapshot) => snapshot.event(),
            Entry::Patch(patch) => Event::Patch(Patch::clone(patch)),
        });
        WireHistory { events: std::iter::once(self.oldest.event()).chain(later).collect() }
    }
}

#[cfg(test)]
mod tests;
