//! What outlives the process: a file of JSON, a record a line, appended to, and written anew when it has grown.
//!
//! A line counts once its end is there. So a process or a machine that dies while it writes loses the line under way, and
//! no other. What is not whole JSON before that is damage: the file is set aside under another name, and what stands
//! before the damage goes into a new one.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
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
        let (records, damage) = match File::open(path) {
            Ok(file) => read(file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), None),
            Err(error) => return Err(error).context("cannot be read; name a file that can"),
        };
        let mut set_aside = None;
        if let Some(damage) = damage {
            let aside = with_suffix(path, &format!("damaged-{}", Timestamp::now().as_second()));
            fs::rename(path, &aside).with_context(|| format!("{damage}, and it cannot be set aside"))?;
            set_aside = Some(format!("{damage}; it is now {}", aside.display()));
        }
        // Anew in any case: this drops a half line, and shows that the folder can be written.
        let journal = Journal::create(path, &records).context("cannot be written; name a file in a folder that can")?;
        Ok(Self { journal, records, set_aside })
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
        self.write(record, File::sync_data)
    }

    fn write(&mut self, record: &Record, then: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        let mut text = Vec::new();
        line(&mut text, record);
        let written = self.file.write_all(&text).and_then(|()| then(&self.file));
        match written {
            Ok(()) => self.length += text.len() as u64,
            Err(_) => {
                self.file.set_len(self.length)?;
                self.file.seek(SeekFrom::Start(self.length))?;
            }
        }
        written
    }

    /// Whether most of the file tells of what is no more.
    pub(crate) fn is_long(&self) -> bool {
        self.length >= self.limit
    }

    /// Writes the file anew, with `records` alone. After an error, it is as it was.
    ///
    /// # Errors
    ///
    /// When the disk takes it not.
    pub(crate) fn rewrite(&mut self, records: &[Record]) -> io::Result<()> {
        match Self::create(&self.path, records) {
            Ok(journal) => *self = journal,
            Err(error) => {
                // Not with each record from now on.
                self.limit = self.length + GROWTH;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Under another name first: at any moment, the file is the old one or the new one, whole.
    fn create(path: &Path, records: &[Record]) -> io::Result<Self> {
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
            // The name, too, has to outlive a loss of power.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
            let length = text.len() as u64;
            Ok(Self { path: path.to_owned(), file, length, limit: GROWTH.max(2 * length) })
        };
        create().inspect_err(|_: &io::Error| {
            let _ = fs::remove_file(&fresh);
        })
    }
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

/// The records before the first damage, and what that is.
fn read(file: File) -> anyhow::Result<(Vec<Record>, Option<String>)> {
    let about = file.metadata().context("cannot be read")?;
    ensure!(about.is_file(), "is no file; name one");
    if about.len() > MAX_LENGTH {
        return Ok((Vec::new(), Some(format!("it is {} bytes long, which no file of ours is", about.len()))));
    }
    let text = io::read_to_string(file);
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Ok((Vec::new(), Some("it is no text".to_owned())));
        }
        Err(error) => return Err(anyhow!(error).context("cannot be read")),
    };
    if text.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut lines = text.split_inclusive('\n').map(|line| line.strip_suffix('\n').ok_or(line));
    if lines.next() != Some(Ok(HEAD)) {
        return Ok((
            Vec::new(),
            Some("its first line is not that of a state of this version of star-collect".to_owned()),
        ));
    }
    let mut records = Vec::new();
    for (line, number) in lines.zip(2..) {
        // The last, under way when the process died.
        let Ok(line) = line else { break };
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            Err(error) => {
                let rest = "what stands before it is used";
                return Ok((records, Some(format!("line {number} is damaged ({error}); {rest}"))));
            }
        }
    }
    Ok((records, None))
}

#[cfg(test)]
mod tests;
