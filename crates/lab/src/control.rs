//! What a second terminal says to a running lab: one line of JSON to its control socket, one line back.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use rustix::process::getuid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The socket's name in a lab's folder.
const SOCKET: &str = "control";

/// Longer than any request: manifests of a few thousand objects.
const MAX_LINE: u64 = 16 << 20;

/// A client that says nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a lab can be asked.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Request {
    /// Make the cluster hold what the files say.
    Apply { files: Vec<File>, namespace: Option<String> },
    /// Remove from the cluster what the files name.
    Delete { files: Vec<File>, namespace: Option<String>, ignore_not_found: bool },
    /// Remove objects that are named as for `kubectl`.
    DeleteNamed { args: Vec<String>, selector: Option<String>, namespace: String, ignore_not_found: bool },
    /// List objects. Of all namespaces if none is given.
    Get {
        args: Vec<String>,
        selector: Option<String>,
        namespace: Option<String>,
        output: Output,
        ignore_not_found: bool,
    },
    /// Tell all of objects.
    Describe { args: Vec<String>, selector: Option<String>, namespace: String },
    /// Where a container's log is.
    Log { pod: String, container: Option<String>, namespace: String },
    /// Run a program of a pod's image in it, and tell what it says.
    Exec { pod: String, command: Vec<String>, namespace: String },
    /// End a pod's processes; they stay ended.
    Kill(String),
    /// Start what was killed.
    Start(String),
}

/// A file's path and what it holds.
pub(crate) type File = (Arc<str>, String);

/// How objects are listed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
pub(crate) enum Output {
    #[default]
    #[value(skip)]
    Short,
    Wide,
    Json,
    Yaml,
    Name,
}

/// What a lab says to that.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Answer {
    /// What was done, or what was asked for.
    pub(crate) told: String,
    /// What is doubtful, a line each.
    pub(crate) warned: Vec<String>,
    /// What could not be done, a line each.
    pub(crate) refused: Vec<String>,
    /// With what a program that was run ended.
    pub(crate) code: Option<u8>,
    /// When the rules for packets were last replaced, by the machine's monotonic clock.
    pub(crate) enforced_ns: Option<u64>,
}

impl From<anyhow::Result<String>> for Answer {
    fn from(result: anyhow::Result<String>) -> Self {
        match result {
            Ok(told) => Self { told, ..Self::default() },
            Err(error) => Self { refused: vec![format!("{error:#}")], ..Self::default() },
        }
    }
}

/// A lab's folder, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes the folder of this process's lab. Only this user may enter it.
pub(crate) fn folder() -> anyhow::Result<Folder> {
    let base = base();
    let mut private = fs::DirBuilder::new();
    private.mode(0o700);
    match private.create(&base) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made.with_context(|| {
            format!("{} cannot be made; set XDG_RUNTIME_DIR to a folder of yours that exists", base.display())
        })?,
    }
    let found = fs::symlink_metadata(&base)?;
    ensure!(
        found.is_dir() && found.uid() == getuid().as_raw() && found.mode() & 0o077 == 0,
        "{} is not a folder that only you may enter; set XDG_RUNTIME_DIR to one",
        base.display()
    );
    for (pid, folder) in labs() {
        if !Path::new("/proc").join(pid.to_string()).exists() {
            // A lab that was killed left it.
            let _ = fs::remove_dir_all(folder);
        }
    }
    let folder = base.join(std::process::id().to_string());
    private.create(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(Folder(folder))
}

/// Listens in a lab's folder.
pub(crate) fn listen(folder: &Folder) -> anyhow::Result<std::os::unix::net::UnixListener> {
    let socket = folder.path().join(SOCKET);
    std::os::unix::net::UnixListener::bind(&socket).with_context(|| format!("cannot listen on {}", socket.display()))
}

/// The process id and the control socket of the lab with the process id `lab`, or of the only one that runs.
pub(crate) fn find(lab: Option<u32>) -> anyhow::Result<(u32, PathBuf)> {
    let alive = |(_, folder): &(u32, PathBuf)| UnixStream::connect(folder.join(SOCKET)).is_ok();
    let running: Vec<_> = labs().into_iter().filter(alive).collect();
    let found = match (lab, &*running) {
        (Some(pid), labs) => labs.iter().find(|(running, _)| *running == pid),
        (None, [only]) => Some(only),
        (None, []) => bail!("no lab is running; start one with `star-lab`"),
        (None, labs) => {
            let pids: Vec<_> = labs.iter().map(|(pid, _)| pid.to_string()).collect();
            bail!("several labs are running; choose one with --lab: {}", pids.join(", "))
        }
    };
    let (pid, folder) = found.with_context(|| format!("no lab with --lab={} is running", lab.unwrap_or_default()))?;
    Ok((*pid, folder.join(SOCKET)))
}

/// Asks the lab that listens on `socket`.
pub(crate) fn ask(socket: &Path, request: &Request) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(socket).context("does not answer")?;
    let mut line = serde_json::to_vec(request)?;
    ensure!(line.len() as u64 <= MAX_LINE, "takes no more than {MAX_LINE} bytes at once; apply fewer files");
    line.push(b'\n');
    stream.write_all(&line).context("does not listen")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).context("does not answer")?;
    serde_json::from_str(&answer).context("answers nonsense")
}

/// A request that waits for its answer.
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// Hands the clients' requests on. Ends when nobody takes them any more.
pub(crate) async fn serve(listener: UnixListener, requests: mpsc::Sender<Asked>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                clients.spawn(hear(stream, requests.clone()));
            }
            Some(_) = clients.join_next() => {}
            () = requests.closed() => return,
        }
    }
}

/// Hears one client. What is no request is not answered.
async fn hear(stream: tokio::net::UnixStream, requests: mpsc::Sender<Asked>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = tokio::io::BufReader::new(reader.take(MAX_LINE));
    timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await.ok()?.ok()?;
    let request = serde_json::from_slice(&line).ok()?;
    let (answer, answered) = oneshot::channel();
    requests.send(Asked { request, answer }).await.ok()?;
    let (mut rest, mut nowhere) = (reader.into_inner().into_inner(), tokio::io::sink());
    let answer = tokio::select! {
        answer = answered => answer.ok()?,
        // A client that is gone waits for nothing: what runs for it alone ends with `answered`.
        _ = tokio::io::copy(&mut rest, &mut nowhere) => return None,
    };
    let mut line = serde_json::to_vec(&answer).ok()?;
    line.push(b'\n');
    timeout(PATIENCE, writer.write_all(&line)).await.ok()?.ok()
}

/// Where the labs of this user have their folders.
fn base() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder).join("star-lab"),
        None => std::env::temp_dir().join(format!("star-lab-{}", getuid().as_raw())),
    }
}

/// The folders that there are, by process id; not every lab lives.
fn labs() -> Vec<(u32, PathBuf)> {
    let Ok(entries) = fs::read_dir(base()) else { return Vec::new() };
    let folder = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.ok()?.path();
        Some((path.file_name()?.to_str()?.parse().ok()?, path))
    };
    let mut labs: Vec<_> = entries.filter_map(folder).collect();
    labs.sort();
    labs
}
