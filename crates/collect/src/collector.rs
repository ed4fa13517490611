//! The one task that owns what the collector knows: reports and commands in, snapshots out.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use star_daemon::check::Checker;
use star_daemon::pulse::uptime;
use star_daemon::{poll, room};
use star_wire::gap::Gap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::graph::Snapshot;
use crate::history::{Bounds, History};
use crate::journal::{Amendment, Record};
use crate::keeper::Keeper;
use crate::peer::{Directory, MAX_BODY, Peer, Report};
use crate::resource::{Entry, MAX_RESOURCES};
use crate::roster::{Change, Roster};
use crate::wanted::Wanted;

/// Reports that wait. All that are there are taken at once, so that this fills only on a starved machine; the pollers
/// then wait, and nothing is lost.
const REPORTS: usize = 1024;

/// What is asked of the collector. A request is answered when it is done, and shown by then.
pub(crate) enum Command {
    /// Takes what the resources file says now.
    Follow(Vec<Entry>),
    /// Adds a resource, or gives it another URL.
    Put(Entry, oneshot::Sender<Result<(), Refused>>),
    /// Removes a resource; answers whether there was one.
    Delete(String, oneshot::Sender<Result<bool, Refused>>),
    /// Asks for the history.
    History(oneshot::Sender<History>),
}

/// Why the resources stay as they are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// There are as many resources as can be fetched on time.
    #[error("there are {MAX_RESOURCES} resources, and no more can be fetched on time; delete one first")]
    Full,
    /// A restart would forget it.
    #[error(
        "the state file cannot be written ({0}), so nothing was changed; make room on its disk, or start without --state-file"
    )]
    NotKept(io::Error),
}

/// How often it is recorded that nothing changed, so that a restart knows when nobody looked.
const SEEN_EVERY: Duration = Duration::from_secs(10);

/// A larger graph (nodes and edges) has no history in the state file: each change of its nodes would be written as a whole.
const MAX_KEPT: usize = 100_000;

/// An amendment on its way to the disk, and whom to tell.
type Amending = BoxFuture<'static, (Amendment, Done, io::Result<()>)>;

enum Done {
    Put(oneshot::Sender<Result<(), Refused>>),
    Delete(oneshot::Sender<Result<bool, Refused>>),
}

impl Done {
    fn send(self, result: Result<(), Refused>) {
        // Whoever asked may be gone by now: it counts all the same.
        match self {
            Self::Put(done) => drop(done.send(result)),
            Self::Delete(done) => drop(done.send(result.map(|()| true))),
        }
    }
}

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
    directory: Arc<Directory>,
    /// When this process stood still, as far as it is told.
    gaps: Vec<Gap>,
    wanted: Wanted,
    keeper: Option<Keeper>,
    /// In the order asked for, so that of two about one resource the later counts.
    amending: FuturesOrdered<Amending>,
    body_limit: Arc<AtomicUsize>,
}

impl Collector {
    /// A collector that fetches what the resources file says, as requests in the `past` amended it; and what it will publish:
    /// no answer lacks a resource.
    pub(crate) fn new(
        polling: Polling,
        bounds: Bounds,
        file: Vec<Entry>,
        past: (Option<Keeper>, Vec<Record>),
    ) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let mut roster = Roster::new(polling.interval);
        let (keeper, records) = past;
        let (first, history) = match History::restored(&records, bounds, uptime(), star_wire::now()) {
            None => {
                let first = Arc::new(roster.state().clone());
                (Arc::clone(&first), History::new(first, bounds))
            }
            Some((history, latest, seen)) => {
                roster.note([(None, Gap { from: seen, until: star_wire::not_before(seen) })]);
                // Only its number counts: nothing of it is known to hold now.
                (Arc::new(latest.emptied()), history)
            }
        };
        let (latest, receiver) = watch::channel(first);
        let mut collector = Self {
            polling,
            roster,
            history,
            latest,
            pollers: JoinSet::new(),
            running: HashMap::new(),
            started: 0,
            reports: mpsc::channel(REPORTS),
            directory: Arc::default(),
            gaps: Vec::new(),
            wanted: Wanted::default(),
            keeper,
            amending: FuturesOrdered::new(),
            body_limit: Arc::new(AtomicUsize::new(MAX_BODY)),
        };
        collector.wanted.follow(file);
        for record in records {
            if let Record::Resource(amendment) = record {
                collector.amend(amendment);
            }
        }
        let entries = collector.wanted.entries();
        let (start, count) = (Instant::now(), entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            collector.put(entry, start + poll::phase(index, count, collector.polling.interval));
        }
        collector.show(Change::Links);
        // What stands no more, by age or by what the file says now, must not come back.
        collector.keep_all(receiver.borrow().size() > MAX_KEPT);
        (collector, receiver)
    }

    /// Takes reports and does what commands say. Ends when nobody can send a command any more.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let (mut batch, mut gaps) = (Vec::new(), self.polling.checker.pulse().gaps());
        let mut seen = interval(SEEN_EVERY);
        seen.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Ok(()) = gaps.changed() => {
                    let known = std::mem::replace(&mut self.gaps, gaps.borrow_and_update().clone());
                    let new = self.gaps.iter().filter(|gap| !known.contains(gap)).map(|gap| (None, *gap));
                    self.roster.note(new.collect::<Vec<_>>());
                    self.show(Change::Row);
                }
                _ = self.reports.1.recv_many(&mut batch, REPORTS) => {
                    let change = batch.drain(..).map(|report| self.roster.take(report)).max();
                    self.show(change.unwrap_or(Change::Nothing));
                }
                command = commands.recv() => match command {
                    None => return,
                    Some(command) => self.obey(command),
                },
                Some((amendment, done, written)) = self.amending.next() => {
                    match written {
                        Err(error) => done.send(Err(Refused::NotKept(error))),
                        // The file said something new of it meanwhile: it is asked of that.
                        Ok(()) if !self.wanted.is_current(&amendment) => {
                            let amendment = self.wanted.renewed(amendment);
                            self.amend_durably(amendment, done);
                        }
                        Ok(()) => {
                            self.amend(amendment);
                            self.fetch_what_is_wanted();
                            done.send(Ok(()));
                        }
                    }
                }
                _ = seen.tick(), if self.keeper.is_some() => self.keep(Some(Record::Seen(star_wire::now()))),
                Some(ended) = self.pollers.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Put(entry, done) => {
                let known = self.roster.get(&entry.id).is_some();
                if !known && self.roster.len() + self.amending.len() >= MAX_RESOURCES {
                    return Done::Put(done).send(Err(Refused::Full));
                }
                self.amend_durably(self.wanted.put(&entry), Done::Put(done));
            }
            Command::Delete(id, done) => match self.roster.get(&id) {
                None => drop(done.send(Ok(false))),
                Some(_) => self.amend_durably(self.wanted.delete(&id), Done::Delete(done)),
            },
            Command::Follow(file) => {
                tracing::info!(resources = file.len(), "the resources file changed");
                let before = self.wanted.amendments().len();
                self.wanted.follow(file);
                self.fetch_what_is_wanted();
                if self.wanted.amendments().len() < before {
                    self.keep_all(self.latest.borrow().size() > MAX_KEPT);
                }
            }
            Command::History(answer) => {
                self.history.forget(uptime());
                let _ = answer.send(self.history.clone());
            }
        }
    }

    /// Amends what is wanted once that is on the disk; at once, where nothing is kept there.
    fn amend_durably(&mut self, amendment: Amendment, done: Done) {
        let written = self.keeper.as_ref().map(|keeper| keeper.amend(amendment.clone()));
        self.amending.push_back(Box::pin(async {
            let written = match written {
                None => Ok(()),
                Some(written) => written.await.unwrap_or_else(|_| Err(io::Error::other("the process ends"))),
            };
            (amendment, done, written)
        }));
    }

    fn amend(&mut self, amendment: Amendment) {
        let id = amendment.id.clone();
        if let Err(error) = self.wanted.amend(amendment) {
            tracing::warn!(?id, %error, "a resource of the state file cannot be fetched");
        }
    }

    /// Fetches what is wanted, and nothing else.
    fn fetch_what_is_wanted(&mut self) {
        let entries = self.wanted.entries();
        let gone: Vec<_> =
            self.roster.ids().filter(|id| entries.binary_search_by(|entry| entry.id.cmp(id)).is_err()).collect();
        let mut change = Change::Nothing;
        for id in gone {
            if let Some(poller) = self.roster.remove(&id) {
                tracing::info!(%id, "resource removed");
                self.stop(poller);
                change = Change::Links;
            }
        }
        for entry in entries {
            if self.put(entry, Instant::now()) {
                change = Change::Links;
            }
        }
        self.show(change);
    }

    /// Whether that is something new.
    fn put(&mut self, entry: Entry, first: Instant) -> bool {
        if self.roster.get(&entry.id).is_some_and(|known| known.url.as_str() == entry.url.as_str()) {
            return false;
        }
        tracing::info!(id = %entry.id, url = entry.url.as_str(), "resource added");
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
        next.follow(&before, star_wire::now(), self.roster.take_notes());
        let difference = next.since(&before);
        let news = difference.is_some();
        if !news {
            (next.seq, next.at) = (before.seq, before.at);
        }
        let next = Arc::new(next);
        if let Some(difference) = difference {
            self.history.record(difference, &next, uptime());
        }
        // Who waits for news is not woken by a latency.
        self.latest.send_if_modified(|latest| {
            *latest = next;
            news
        });
        if news {
            self.keep(self.history.newest());
        }
    }

    /// Has the state file follow the history. `record` is the newest of it.
    fn keep(&self, record: Option<Record>) {
        let Some(keeper) = &self.keeper else { return };
        let latest = self.latest.borrow();
        let large = latest.size() > MAX_KEPT;
        if keeper.is_long() {
            return self.keep_all(large);
        }
        match record {
            _ if large => keeper.fall_behind(),
            // Not with each patch: a disk that is full stays so for a while.
            Some(Record::Patch(_)) if keeper.is_behind() => {}
            Some(Record::Seen(_)) if keeper.is_behind() => keeper.record(Record::Snapshot(Arc::new(latest.wire()))),
            Some(record) => keeper.record(record),
            None => {}
        }
    }

    /// Has the state file hold what stands, and nothing else.
    fn keep_all(&self, large: bool) {
        let Some(keeper) = &self.keeper else { return };
        let amendments = self.wanted.amendments().into_iter().map(Record::Resource);
        let history = if large { Vec::new() } else { self.history.records() };
        keeper.anew(amendments.chain(history).collect());
        if large {
            keeper.fall_behind();
        }
    }
}
