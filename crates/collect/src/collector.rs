//! The one task that owns what the collector knows: reports and commands in, snapshots out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use star_daemon::check::Checker;
use star_daemon::{poll, room};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::graph::Snapshot;
use crate::history::{Bounds, History};
use crate::peer::{Directory, MAX_BODY, Peer, Report};
use crate::resource::{Entry, MAX_RESOURCES};
use crate::roster::{Change, Roster};

/// Reports that wait. All that are there are taken at once, so that this fills only on a starved machine; the pollers
/// then wait, and nothing is lost.
const REPORTS: usize = 1024;

/// What a request asks of the collector. Each is answered when it is done, and shown by then.
pub(crate) enum Command {
    /// Adds a resource, or gives it another URL.
    Put(Entry, oneshot::Sender<Result<(), Full>>),
    /// Removes a resource; answers whether there was one.
    Delete(String, oneshot::Sender<bool>),
    /// Asks for the history.
    History(oneshot::Sender<History>),
}

/// There are as many resources as can be fetched on time.
#[derive(Debug, thiserror::Error)]
#[error("there are {MAX_RESOURCES} resources, and no more can be fetched on time; delete one first")]
pub(crate) struct Full;

/// How resources are fetched.
pub(crate) struct Polling {
    pub(crate) checker: Arc<Checker>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// Owns the state.
pub(crate) struct Collector {
    polling: Polling,
    roster: Roster,
    history: History,
    latest: watch::Sender<Arc<Snapshot>>,
    pollers: JoinSet<()>,
    /// By the poller's number.
    running: HashMap<u64, AbortHandle>,
    started: u64,
    reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    directory: Arc<Mutex<Directory>>,
    body_limit: Arc<AtomicUsize>,
}

impl Collector {
    /// A collector without resources, and what it will publish.
    pub(crate) fn new(polling: Polling, bounds: Bounds) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let roster = Roster::new();
        let first = Arc::new(roster.state().clone());
        let history = History::new(Arc::clone(&first), bounds);
        let (latest, receiver) = watch::channel(first);
        let (pollers, running, reports) = (JoinSet::new(), HashMap::new(), mpsc::channel(REPORTS));
        let (directory, body_limit) = (Arc::default(), Arc::new(AtomicUsize::new(MAX_BODY)));
        let state =
            Self { polling, roster, history, latest, pollers, running, started: 0, reports, directory, body_limit };
        (state, receiver)
    }

    /// Fetches these from now on. Before anything is served, so that no answer lacks them.
    pub(crate) fn begin(&mut self, resources: Vec<Entry>) {
        let (start, count) = (Instant::now(), resources.len());
        for (index, entry) in resources.into_iter().enumerate() {
            self.put(entry, start + poll::phase(index, count, self.polling.interval));
        }
        self.show(Change::Links);
    }

    /// Takes reports and does what commands say. Ends when nobody can send a command any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                _ = self.reports.1.recv_many(&mut batch, REPORTS) => {
                    let change = batch.drain(..).map(|report| self.roster.take(report)).max();
                    self.show(change.unwrap_or(Change::Nothing));
                }
                command = commands.recv() => match command {
                    None => return,
                    Some(command) => self.obey(command),
                },
                Some(ended) = self.pollers.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        // Whoever asked may be gone by now: the command counts all the same.
        match command {
            Command::Put(entry, done) => {
                let room = self.roster.len() < MAX_RESOURCES || self.roster.get(&entry.id).is_some();
                if room && self.put(entry, Instant::now()) {
                    self.show(Change::Links);
                }
                let _ = done.send(if room { Ok(()) } else { Err(Full) });
            }
            Command::Delete(id, done) => {
                let poller = self.roster.remove(&id);
                if let Some(poller) = poller {
                    tracing::info!(id, "resource removed");
                    self.stop(poller);
                    self.show(Change::Links);
                }
                let _ = done.send(poller.is_some());
            }
            Command::History(answer) => {
                self.history.forget(star_wire::now());
                let _ = answer.send(self.history.clone());
            }
        }
    }

    /// Whether that is something new.
    fn put(&mut self, entry: Entry, first: Instant) -> bool {
        if self.roster.get(&entry.id).is_some_and(|known| known.url.as_str() == entry.url.as_str()) {
            return false;
        }
        tracing::info!(id = %entry.id, url = %entry.url, "resource added");
        self.started += 1;
        let Polling { checker, interval, timeout } = &self.polling;
        let (checker, reports) = (Arc::clone(checker), self.reports.0.clone());
        let (directory, body_limit) = (Arc::clone(&self.directory), Arc::clone(&self.body_limit));
        let peer = Peer::new(self.started, entry.url.clone(), *timeout, checker, reports, directory, body_limit);
        self.running.insert(self.started, self.pollers.spawn(poll::poll(peer, first, *interval)));
        if let Some(before) = self.roster.put(entry, self.started) {
            self.stop(before);
        }
        true
    }

    fn stop(&mut self, poller: u64) {
        if let Some(task) = self.running.remove(&poller) {
            task.abort();
        }
    }

    /// Shows what changed to everybody; numbers it if it is a transition.
    fn show(&mut self, change: Change) {
        match change {
            Change::Nothing => return,
            Change::Row => {}
            Change::Links => {
                self.roster.relink();
                self.body_limit.store(room::share(self.roster.len(), MAX_BODY), Ordering::Relaxed);
            }
        }
        let before = Arc::clone(&self.latest.borrow());
        let mut next = self.roster.state().clone();
        (next.seq, next.at) = (before.seq + 1, star_wire::now());
        let difference = next.since(&before);
        let news = difference.is_some();
        if !news {
            (next.seq, next.at) = (before.seq, before.at);
        }
        let next = Arc::new(next);
        if let Some(difference) = difference {
            self.history.record(difference, &next);
        }
        // Who waits for news is not woken by a latency.
        self.latest.send_if_modified(|latest| {
            *latest = next;
            news
        });
    }
}
