//! What a pod runs, and the process that does.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// Tells a pod's process whose it is.
const LAB: &str = "STAR_LAB_PID";

/// How long a pod may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// Between the end of a pod that nobody killed and its restart; doubles with each restart in a row.
const BACKOFF: Duration = Duration::from_secs(1);

/// How many times that doubles at most; a pod that ran longer than that begins anew.
const MAX_DOUBLINGS: u32 = 4;

/// A program of a pod's container, if `argv` asks for one: this program is all of them.
pub(crate) fn program(argv: &[OsString]) -> Option<fn(Vec<OsString>) -> ExitCode> {
    let main: fn(Vec<OsString>) -> ExitCode = match argv.get(1)?.to_str()? {
        "probe" => |argv| star_probe::main(argv),
        "collect" => |argv| star_collect::main(argv),
        _ => return None,
    };
    die_with_the_lab();
    Some(main)
}

/// Has the kernel kill this process when the lab's ends, however that comes.
fn die_with_the_lab() {
    let lab = std::env::var(LAB).ok().and_then(|lab| Pid::from_raw(lab.parse().ok()?));
    if let Some(lab) = lab {
        let asked = set_parent_process_death_signal(Some(Signal::KILL));
        // The lab may have ended before the kernel was asked.
        if asked.is_err() || getppid() != Some(lab) {
            eprintln!("the lab that started this pod is gone");
            std::process::exit(1);
        }
    }
}

/// One pod.
pub(crate) struct Pod {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) log: PathBuf,
    command: Vec<String>,
    process: Option<Child>,
    started: Instant,
    doublings: u32,
    restart: Option<Instant>,
}

impl Pod {
    /// A pod that is not started yet. `command` is its container's, as a manifest would have it.
    pub(crate) fn new(name: &'static str, url: String, log: PathBuf, command: Vec<String>) -> Self {
        let (process, started, doublings, restart) = (None, Instant::now(), 0, None);
        Self { name, url, log, command, process, started, doublings, restart }
    }

    /// Starts the pod's process, from a thread of the runtime, which lives as long as the lab: the kernel takes the end of
    /// the thread that started a process for the end of the parent.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("the log {} cannot be written", self.log.display()))?;
        // Not the file's name: it may have been built anew since.
        let child = Command::new("/proc/self/exe")
            .args(&self.command)
            .env(LAB, std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C is for the lab, which then ends its pods.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.name))?;
        (self.process, self.started, self.restart) = (Some(child), Instant::now(), None);
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Ends the pod's process at once; it stays down.
    pub(crate) async fn kill(&mut self) {
        self.restart = None;
        if let Some(mut process) = self.process.take() {
            let _ = process.kill().await;
        }
    }

    /// Asks the pod's process to end, and kills it if it does not.
    pub(crate) async fn stop(&mut self) {
        let pid = self.process.as_ref().and_then(|process| Pid::from_raw(process.id()?.try_into().ok()?));
        if let (Some(pid), Some(process)) = (pid, &mut self.process) {
            let _ = kill_process(pid, Signal::TERM);
            let _ = timeout(GRACE, process.wait()).await;
        }
        self.kill().await;
    }

    /// Waits until the process ends, or the time for a restart has come; for ever, if neither is to be expected.
    pub(crate) async fn event(&mut self) -> Event {
        match (&mut self.process, self.restart) {
            (Some(process), _) => Event::Ended(process.wait().await.ok()),
            (None, Some(at)) => {
                tokio::time::sleep_until(at).await;
                Event::Restart
            }
            (None, None) => std::future::pending().await,
        }
    }

    /// Plans the restart of a process that ended by itself. Says how long until then.
    pub(crate) fn ended(&mut self) -> Duration {
        let longest = BACKOFF * 2_u32.pow(MAX_DOUBLINGS);
        if self.started.elapsed() > longest {
            self.doublings = 0;
        }
        let wait = BACKOFF * 2_u32.pow(self.doublings);
        self.doublings = (self.doublings + 1).min(MAX_DOUBLINGS);
        (self.process, self.restart) = (None, Some(Instant::now() + wait));
        wait
    }
}

/// What happens to a pod by itself.
pub(crate) enum Event {
    /// Its process ended.
    Ended(Option<ExitStatus>),
    /// It is time to start it again.
    Restart,
}
