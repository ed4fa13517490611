//! Starts this program again, as a process of a pod.

use std::ffi::OsString;
use std::fs::File;
use std::io::{PipeWriter, Write};
use std::process::{ExitCode, Output};
use std::sync::{Arc, mpsc};

use anyhow::{Context, anyhow, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::stdio::{dup2_stdin, stdin};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;

use crate::fabric::Wire;
use crate::isolation::{self, Root};
use crate::pod::Container;

/// Tells a process that the lab says on its stdin what it is to be.
const STARTED: &str = "STAR_LAB_STARTED";

/// Where a process finds itself.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In the lab's own network, among the machine's files.
    Lab,
    /// In a pod.
    Pod {
        /// The pod's network.
        wire: Arc<Wire>,
        /// The files that it sees.
        root: Root,
    },
}

/// Runs with its arguments, and tells how it ended.
pub(crate) type Program = fn(Vec<OsString>) -> ExitCode;

/// What the lab says to a process that it has started: one line of JSON on its stdin.
#[derive(Deserialize, Serialize)]
struct Start {
    /// The files that it is to see; the machine's if there are none.
    root: Option<Root>,
    environment: Vec<(String, String)>,
}

/// A thread that starts the processes of a container, all in the same pod. The kernel ends them with it, and it ends with
/// the last `Running` that has it, or with the lab.
#[derive(Clone)]
pub(crate) struct Parent(mpsc::Sender<Job>);

/// To start a process, tell it a line, and hand it over.
struct Job {
    command: Command,
    line: Vec<u8>,
    started: mpsc::SyncSender<anyhow::Result<(Child, PipeWriter)>>,
}

impl Parent {
    /// One whose processes are to be in `place`.
    pub(crate) fn new(place: &Place) -> anyhow::Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let runtime = Handle::current();
        let wire = match place {
            Place::Lab => None,
            Place::Pod { wire, .. } => Some(wire.clone()),
        };
        let work = move || {
            let _entered = runtime.enter();
            let founded = wire.map_or(Ok(()), |wire| isolation::found_pod(wire.network()));
            for Job { command, line, started } in jobs {
                let founded = founded.as_ref().map_err(|error| anyhow!("{error:#}"));
                // Whoever asked waits.
                let _ = started.send(founded.and_then(|()| start(command, &line)));
            }
        };
        std::thread::Builder::new().name("parent".to_owned()).spawn(work).context("no thread")?;
        Ok(Self(sender))
    }

    /// Starts this program, as one of those that an image holds, with `arguments`.
    ///
    /// # Errors
    ///
    /// When the machine refuses.
    pub(crate) fn start(
        &self,
        place: &Place,
        container: &Container,
        arguments: &[String],
        streams: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Running> {
        // Not the file's name: it may have been built anew since.
        let mut command = Command::new("/proc/self/exe");
        streams(&mut command);
        let root = match place {
            Place::Lab => None,
            Place::Pod { root, .. } => {
                // As in a container: nothing of the user's environment.
                command.env_clear();
                Some(root.clone())
            }
        };
        // Ctrl-C is for the lab, which then ends its pods.
        command.args(arguments).env(STARTED, "").process_group(0).kill_on_drop(true);
        let start = Start { root, environment: container.environment.clone() };
        let mut line = serde_json::to_vec(&start)?;
        line.push(b'\n');
        let (sender, started) = mpsc::sync_channel(1);
        self.0.send(Job { command, line, started: sender }).ok().context("a thread died")?;
        let (child, stdin) = started.recv().context("a thread died")??;
        Ok(Running { child, _stdin: stdin, parent: self.clone() })
    }
}

fn start(mut command: Command, line: &[u8]) -> anyhow::Result<(Child, PipeWriter)> {
    let (stdin, mut told) = std::io::pipe().context("no pipe")?;
    let child = command.stdin(stdin).spawn().context("cannot be started")?;
    // With it, our own copy of the pipe's other end.
    drop(command);
    // One that was killed meanwhile has no need of it.
    let _ = told.write_all(line);
    Ok((child, told))
}

/// A process that the lab has started. It ends with this.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// By that it knows that the lab lives.
    _stdin: PipeWriter,
    pub(crate) parent: Parent,
}

impl Running {
    /// All that it says until it ends. It ends with this, too.
    pub(crate) async fn output(self) -> std::io::Result<Output> {
        let Self { child, _stdin: stdin, parent } = self;
        let output = child.wait_with_output().await;
        drop((stdin, parent));
        output
    }
}

/// A program of a pod's container, if `argv` asks for one: this program is all of them. The process is shut in before
/// anything of it runs.
///
/// # Errors
///
/// When it cannot be shut in.
pub(crate) fn program(argv: &[OsString]) -> anyhow::Result<Option<Program>> {
    let main: Program = match argv.get(1).and_then(|program| program.to_str()) {
        Some("probe") => |argv| star_probe::main(argv),
        Some("collect") => |argv| star_collect::main(argv),
        Some("dns") => |argv| crate::dns::main(argv),
        _ => return Ok(None),
    };
    if std::env::var_os(STARTED).is_none() {
        return Ok(Some(main));
    }
    let gone = "the lab that started this pod is gone";
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context(gone)?;
    let Start { root, environment } = serde_json::from_str(&line).context(gone)?;
    isolation::close_inherited()?;
    let nothing = File::open("/dev/null").context("/dev/null cannot be opened")?;
    if let Some(root) = &root {
        isolation::shut_in(root)?;
    }
    // The kernel kills this process when the lab's ends, however that comes.
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot be tied to the lab")?;
    // The lab may have ended before the kernel was asked.
    let stdin = stdin();
    let mut lab = [PollFd::new(&stdin, PollFlags::empty())];
    poll(&mut lab, Some(&Timespec::default())).context("cannot ask for the lab")?;
    ensure!(!lab[0].revents().contains(PollFlags::HUP), gone);
    dup2_stdin(nothing).context("stdin cannot be closed")?;
    isolation::set_environment(environment);
    Ok(Some(main))
}
