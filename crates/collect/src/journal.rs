//! What outlives the process: a file of JSON, a record a line, appended to, and written anew when it has grown.
//!
//! A line counts once its end is there. So a process or a machine that dies while it writes loses the line under way, and
//! no other. What is not whole JSON before that is damage: the file is set aside under another name, and what stands
//! before the damage goes into a new one.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use star_wire::Timestamp;
use star_wire::event::{Patch, Snapshot};

/// The first line: whose file this is, and which version of the records.
const HEAD: &str = r#"{"file":"star-collect state","version":1}"#;

/// How much is appended before the file is written anew, at the least.
const GROWTH: u64 = 4 * 1024 * 1024;

/// A longer file is not read: nothing that we write grows to it.
const MAX_LENGTH: u64 = 1024 * 1024 * 1024;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// What a request made of a resource.
    Resource(Amendment),
    /// The graph as a whole, where the history begins or the set of nodes changed.
    Snapshot(Arc<Snapshot>),
    /// A change of it.
    Patch(Arc<Patch>),
    /// That nothing changed until then.
    Seen(Timestamp),
}

/// What a request made of a resource, in place of what the resources file says.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Amendment {
    pub(crate) id: String,
    /// Where it is now; none if it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Where the file had it at that time, if it had it. When the file says otherwise, the file counts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
}

/// The file, open for appending. Its methods block until the disk has done its part.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Up to here, the file is whole.
    length: u64,
    /// At this length it is to be written anew.
    limit: u64,
    /// Whether the file's name is on the disk as well.
    named: bool,
    /// Whether an error left it unknown what is on the disk: only writing it anew helps.
    broken: bool,
    /// Held for as long as we write: who else writes the same file writes into nothing.
    lock: Arc<File>,
}

/// A state file that was opened and read: what is kept in it outlives the process.
#[derive(Debug)]
pub struct StateFile {
    pub(crate) journal: Journal,
    pub(crate) records: Vec<Record>,
    /// What was wrong with it, and where it is now.
    pub(crate) set_aside: Option<String>,
}

impl StateFile {
    /// Opens the file at `path`, made where there is none, and reads it. One that is damaged, or is no state file, is set
    /// aside under another name; what stands before the damage is used.
    ///
    /// # Errors
    ///
    /// When it cannot be read, written or, if damaged, set aside.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let lock = lock(path)?;
        let text = match File::open(path) {
            Ok(file) => text(file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Text::Whole(String::new()),
            Err(error) => return Err(error).context("cannot be read; name a file that can"),
        };
        let (records, whole, damage) = text.records();
        let mut set_aside = None;
        let journal = match damage {
            None if whole > 0 => Journal::at_end(path, whole, lock).context(UNWRITABLE)?,
            None => Journal::create(path, &[], lock).context(UNWRITABLE)?,
            Some(damage) => {
                let aside = with_suffix(path, &format!("damaged-{}", Timestamp::now().as_second()));
                // A second name, so that at no moment what stands before the damage is nowhere.
                fs::hard_link(path, &aside).with_context(|| format!("{damage}, and it cannot be set aside"))?;
                set_aside = Some(format!("{damage}; it is now {}", aside.display()));
                Journal::create(path, &records, lock).context(UNWRITABLE)?
            }
        };
        Ok(Self { journal, records, set_aside })
    }
}

const UNWRITABLE: &str = "cannot be written; name a file in a folder that can";

/// The right to write the file at `path`, which one process has at a time.
fn lock(path: &Path) -> anyhow::Result<Arc<File>> {
    let lock = File::options().create(true).truncate(false).write(true).open(with_suffix(path, "lock"));
    let lock = lock.context(UNWRITABLE)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => bail!("another star-collect has it; name a file of its own for each"),
        // Where a file system knows no locks, there is none.
        _ => Ok(Arc::new(lock)),
    }
}

impl Journal {
    /// Appends a record: it outlives this process, though not yet a loss of power. After an error, the file is as it was.
    ///
    /// # Errors
    ///
    /// When the disk takes it not, being full for example.
    pub(crate) fn append(&mut self, record: &Record) -> io::Result<()> {
        self.write(record, |_| Ok(()))
    }

    /// Appends a record, and has it on the disk when this returns. After an error, the file is as it was.
    ///
    /// # Errors
    ///
    /// When the disk takes it not, being full for example.
    pub(crate) fn commit(&mut self, record: &Record) -> io::Result<()> {
        self.name()?;
        self.write(record, File::sync_data)
    }

    fn write(&mut self, record: &Record, then: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier error left the file in doubt"));
        }
        let mut text = Vec::new();
        line(&mut text, record);
        if let Err(error) = self.file.write_all(&text) {
            let whole = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
            self.broken = whole.is_err();
            return Err(error);
        }
        self.length += text.len() as u64;
        // After that failed, the kernel may have dropped what stands before, too.
        then(&self.file).inspect_err(|_| self.broken = true)
    }

    /// Whether most of the file tells of what is no more, or nobody knows what it tells.
    pub(crate) fn is_long(&self) -> bool {
        self.broken || self.length >= self.limit
    }

    /// Writes the file anew, with `records` alone. After an error, it is as it was.
    ///
    /// # Errors
    ///
    /// When the disk takes it not.
    pub(crate) fn rewrite(&mut self, records: &[Record]) -> io::Result<()> {
        match Self::create(&self.path, records, Arc::clone(&self.lock)) {
            Ok(journal) => *self = journal,
            Err(error) => {
                // Not with each record from now on.
                self.limit = self.length + GROWTH;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The file that is there, of which `whole` bytes are; what stands behind them goes.
    fn at_end(path: &Path, whole: u64, lock: Arc<File>) -> io::Result<Self> {
        let mut file = File::options().write(true).open(path)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        let path = path.to_owned();
        Ok(Self { path, file, length: whole, limit: limit(whole), named: true, broken: false, lock })
    }

    /// Under another name first: at any moment, the file is the old one or the new one, whole.
    fn create(path: &Path, records: &[Record], lock: Arc<File>) -> io::Result<Self> {
        let fresh = with_suffix(path, "new");
        let create = || {
            let mut file = File::create(&fresh)?;
            let mut text = format!("{HEAD}\n").into_bytes();
            for record in records {
                line(&mut text, record);
            }
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&fresh, path)?;
            let (path, length) = (path.to_owned(), text.len() as u64);
            let mut journal = Self { path, file, length, limit: limit(length), named: false, broken: false, lock };
            // If that fails, it is tried again before anything is said to be on the disk: this file is the one there is.
            let _ = journal.name();
            Ok(journal)
        };
        create().inspect_err(|_: &io::Error| {
            let _ = fs::remove_file(&fresh);
        })
    }

    /// Has the file's name outlive a loss of power, too.
    fn name(&mut self) -> io::Result<()> {
        if !self.named {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
            self.named = true;
        }
        Ok(())
    }
}

/// How long a file may become that was written with `length` bytes.
fn limit(length: u64) -> u64 {
    GROWTH.max(2 * length)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn line(text: &mut Vec<u8>, record: &Record) {
    serde_json::to_writer(&mut *text, record).expect("a record has no keys but strings");
    text.push(b'\n');
}

/// What a file holds.
enum Text {
    Whole(String),
    /// Something that we never wrote, and why.
    Foreign(String),
}

fn text(file: File) -> anyhow::Result<Text> {
    let about = file.metadata().context("cannot be read")?;
    ensure!(about.is_file(), "is no file; name one");
    if about.len() > MAX_LENGTH {
        return Ok(Text::Foreign(format!("it is {} bytes long, which no file of ours is", about.len())));
    }
    match io::read_to_string(file) {
        Ok(text) => Ok(Text::Whole(text)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Text::Foreign("it is no text".to_owned())),
        Err(error) => Err(anyhow!(error).context("cannot be read")),
    }
}

impl Text {
    /// The records before the first damage, up to which byte the file is whole, and what the damage is.
    fn records(self) -> (Vec<Record>, u64, Option<String>) {
        let text = match self {
            Self::Whole(text) => text,
            Self::Foreign(why) => return (Vec::new(), 0, Some(why)),
        };
        let (mut records, mut whole) = (Vec::new(), 0);
        for (line, number) in text.split_inclusive('\n').zip(1..) {
            // The last, under way when the process died.
            let Some(content) = line.strip_suffix('\n') else { break };
            if number == 1 && content != HEAD {
                let why = "its first line is not that of a state of this version of star-collect";
                return (Vec::new(), 0, Some(why.to_owned()));
            }
            if number > 1 {
                match serde_json::from_str(content) {
                    Ok(record) => records.push(record),
                    Err(error) => {
                        let why = format!("line {number} is damaged ({error}); what stands before it is used");
                        return (records, whole, Some(why));
                    }
                }
            }
            whole += line.len() as u64;
        }
        match whole {
            0 if !text.is_empty() => (Vec::new(), 0, Some("it has no whole line".to_owned())),
            _ => (records, whole, None),
        }
    }
}

#[cfg(test)]
mod tests;
