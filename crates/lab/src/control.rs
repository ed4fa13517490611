//! What a second terminal says to a running lab: one line to its control socket, one line back.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::getuid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The socket's name in a lab's folder.
const SOCKET: &str = "control";

/// Longer than any command.
const MAX_LINE: u64 = 256;

/// A client that says nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What can be done to a pod.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verb {
    Kill,
    Start,
}

/// Makes the folder of this process's lab. Only this user may enter it.
pub(crate) fn folder() -> anyhow::Result<PathBuf> {
    let base = base();
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700);
    private.create(&base).with_context(|| format!("{} cannot be made", base.display()))?;
    let found = fs::symlink_metadata(&base)?;
    ensure!(
        found.is_dir() && found.uid() == getuid().as_raw() && found.mode() & 0o077 == 0,
        "{} is not a folder that only you may enter; set XDG_RUNTIME_DIR to one",
        base.display()
    );
    for (pid, folder) in labs() {
        if folder.join(SOCKET).exists() && !Path::new("/proc").join(pid.to_string()).exists() {
            // A lab that was killed left it.
            let _ = fs::remove_dir_all(folder);
        }
    }
    let folder = base.join(std::process::id().to_string());
    private.create(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

/// Listens in a lab's folder.
pub(crate) fn listen(folder: &Path) -> anyhow::Result<UnixListener> {
    let socket = folder.join(SOCKET);
    UnixListener::bind(&socket).with_context(|| format!("cannot listen on {}", socket.display()))
}

/// The control socket of the lab with the process id `lab`, or of the only one that runs.
pub(crate) fn find(lab: Option<u32>) -> anyhow::Result<PathBuf> {
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
    let (_, folder) = found.with_context(|| format!("no lab with --lab={} is running", lab.unwrap_or_default()))?;
    Ok(folder.join(SOCKET))
}

/// Says `verb pod` to the lab that listens on `socket`. Returns its answer.
pub(crate) fn say(socket: &Path, verb: Verb, pod: &str) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(socket).context("does not answer")?;
    let verb = match verb {
        Verb::Kill => "kill",
        Verb::Start => "start",
    };
    writeln!(stream, "{verb} {pod}").context("does not listen")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).context("does not answer")?;
    match answer.trim_end().split_once(' ') {
        Some(("ok", told)) => Ok(told.to_owned()),
        Some(("no", told)) => bail!("{told}"),
        _ => bail!("answers nonsense: {answer:?}"),
    }
}

/// What a client asks for. It is answered in one line: what was done, or why not.
pub(crate) struct Request {
    pub(crate) verb: Verb,
    pub(crate) pod: String,
    pub(crate) reply: oneshot::Sender<anyhow::Result<String>>,
}

/// Hands the clients' requests on, one after the other. Ends when nobody takes them any more.
pub(crate) async fn serve(listener: UnixListener, requests: mpsc::Sender<Request>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        let mut reader = tokio::io::BufReader::new(reader.take(MAX_LINE));
        let _ = timeout(PATIENCE, reader.read_line(&mut line)).await;
        let (reply, answer) = oneshot::channel();
        let request = match line.trim_end().split_once(' ') {
            Some(("kill", pod)) => Request { verb: Verb::Kill, pod: pod.to_owned(), reply },
            Some(("start", pod)) => Request { verb: Verb::Start, pod: pod.to_owned(), reply },
            _ => continue,
        };
        if requests.send(request).await.is_err() {
            return;
        }
        let answer = match answer.await {
            Ok(Ok(told)) => format!("ok {told}\n"),
            Ok(Err(error)) => format!("no {error:#}\n"),
            Err(_) => continue,
        };
        let _ = timeout(PATIENCE, writer.write_all(answer.as_bytes())).await;
    }
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
