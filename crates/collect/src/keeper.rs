//! Writes the journal beside everything else, so that nobody waits for the disk but who asked for it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::journal::{Amendment, Journal, Record};

/// What waits for the disk at most. Beyond it, requests are refused, and the history has a hole.
const WAITING: usize = 256;

/// The journal's owner, to whom others speak by this.
pub(crate) struct Keeper {
    writes: mpsc::Sender<Write>,
    /// Whether the history in the journal lacks something: only a whole state helps.
    behind: Arc<AtomicBool>,
    /// Whether it is time to write the journal anew.
    long: Arc<AtomicBool>,
}

enum Write {
    /// To be on the disk before it is answered.
    Amendment(Amendment, oneshot::Sender<io::Result<()>>),
    /// To be there soon.
    History(Record),
    /// All that is to be in it.
    Anew(Vec<Record>),
}

/// The disk has so much to do that nothing more can wait for it.
#[derive(Debug, thiserror::Error)]
#[error("too much waits for the disk already")]
struct Busy;

impl Keeper {
    /// Has a thread of `tasks` write `journal` from now on.
    pub(crate) fn start(journal: Journal, tasks: &mut JoinSet<()>) -> Self {
        let (writes, waiting) = mpsc::channel(WAITING);
        let keeper = Self { writes, behind: Arc::new(true.into()), long: Arc::default() };
        let (behind, long) = (Arc::clone(&keeper.behind), Arc::clone(&keeper.long));
        tasks.spawn_blocking(move || write(journal, waiting, &behind, &long));
        keeper
    }

    /// Writes an amendment; answers when it is on the disk, or why it cannot be.
    pub(crate) fn amend(&self, amendment: Amendment) -> oneshot::Receiver<io::Result<()>> {
        let (done, answer) = oneshot::channel();
        if let Err(TrySendError::Full(Write::Amendment(_, done)) | TrySendError::Closed(Write::Amendment(_, done))) =
            self.writes.try_send(Write::Amendment(amendment, done))
        {
            let _ = done.send(Err(io::Error::new(io::ErrorKind::WouldBlock, Busy)));
        }
        answer
    }

    /// Whether the next record of the history must be a whole state.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.load(Relaxed)
    }

    /// Whether the journal is to be written anew.
    pub(crate) fn is_long(&self) -> bool {
        self.long.load(Relaxed)
    }

    /// Writes a record of the history, if the disk keeps up.
    pub(crate) fn record(&self, record: Record) {
        if matches!(record, Record::Snapshot(_)) {
            self.behind.store(false, Relaxed);
        }
        self.send(Write::History(record));
    }

    /// Writes the journal anew, with `records` alone: the history is whole in them.
    pub(crate) fn anew(&self, records: Vec<Record>) {
        self.long.store(false, Relaxed);
        self.behind.store(false, Relaxed);
        self.send(Write::Anew(records));
    }

    fn send(&self, write: Write) {
        if self.writes.try_send(write).is_err() {
            self.behind.store(true, Relaxed);
        }
    }
}

fn write(mut journal: Journal, mut waiting: mpsc::Receiver<Write>, behind: &AtomicBool, long: &AtomicBool) {
    // One line in the log for a disk that is full, not one for each record.
    let mut failing = false;
    while let Some(write) = waiting.blocking_recv() {
        let written = match write {
            Write::Amendment(amendment, done) => {
                let written = journal.commit(&Record::Resource(amendment));
                // Whoever asked may be gone by now.
                let _ = done.send(written);
                Ok(())
            }
            // Without the state that it applies to, a patch says nothing.
            Write::History(Record::Patch(_)) if behind.load(Relaxed) => Ok(()),
            Write::History(record) => journal.append(&record),
            Write::Anew(records) => journal.rewrite(&records),
        };
        if let Err(error) = &written {
            behind.store(true, Relaxed);
            if !failing {
                tracing::error!(%error, "the state file takes no history: a restart will not know what happens now");
            }
        }
        failing = written.is_err();
        if journal.is_long() {
            long.store(true, Relaxed);
        }
    }
}
