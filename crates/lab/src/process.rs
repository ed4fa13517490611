//! One process of a pod that is kept running.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::parent::{Parent, Place, Running};
use crate::pod::{Container, RestartPolicy};

/// How long a pod may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// Between the end of a pod that nobody killed and its restart; doubles with each restart in a row.
const BACKOFF: Duration = Duration::from_secs(1);

/// How many times that doubles at the most; a pod that ran longer than that begins anew.
const MAX_DOUBLINGS: u32 = 4;

/// A process that is kept running.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) log: PathBuf,
    /// How many times it was started again.
    pub(crate) restarts: u32,
    container: Container,
    place: Place,
    process: Option<Running>,
    /// How it ended, if it did by itself.
    ended: Option<bool>,
    started: Instant,
    doublings: u32,
    restart: Option<Instant>,
}

impl Process {
    /// A process that is not started yet.
    pub(crate) fn new(name: String, log: PathBuf, container: Container, place: Place) -> Self {
        let (process, ended, started, doublings, restart) = (None, None, Instant::now(), 0, None);
        Self { name, log, restarts: 0, container, place, process, ended, started, doublings, restart }
    }

    /// The container's name.
    pub(crate) fn container(&self) -> &str {
        &self.container.name
    }

    /// What it is to run.
    pub(crate) fn specified(&self) -> &Container {
        &self.container
    }

    /// What `kubectl get pods` says of such a container.
    pub(crate) fn status(&self) -> &'static str {
        match (&self.process, self.restart, self.ended) {
            (Some(_), ..) => "Running",
            (None, Some(_), _) => "CrashLoopBackOff",
            (None, None, Some(true)) => "Completed",
            (None, None, Some(false)) => "Error",
            (None, None, None) => "Terminated",
        }
    }

    /// Starts it.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("the log {} cannot be written", self.log.display()))?;
        let streams = |command: &mut Command| _ = command.stdout(Stdio::null()).stderr(log);
        let process = Parent::new(&self.place)
            .and_then(|parent| parent.start(&self.place, &self.container, &self.container.command, streams))
            .with_context(|| self.name.clone())?;
        (self.process, self.ended, self.started, self.restart) = (Some(process), None, Instant::now(), None);
        Ok(())
    }

    /// Starts `command` beside it, in the same pod and with the same files and variables. It ends with this process at the
    /// latest.
    ///
    /// # Errors
    ///
    /// When this process does not run.
    pub(crate) fn exec(&self, command: &[String]) -> anyhow::Result<Running> {
        let Some(process) = &self.process else { bail!("container not found ({:?})", self.container.name) };
        let streams = |command: &mut Command| _ = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        process.parent.start(&self.place, &self.container, command, streams)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Ends it at once; it stays down. None if it was.
    pub(crate) async fn kill(&mut self) -> Option<()> {
        self.restart = None;
        let mut process = self.process.take()?;
        let _ = process.child.kill().await;
        Some(())
    }

    /// Asks it to end, and kills it if it does not.
    pub(crate) async fn stop(&mut self) {
        let pid = self.process.as_ref().and_then(|process| Pid::from_raw(process.child.id()?.try_into().ok()?));
        if let (Some(pid), Some(process)) = (pid, &mut self.process) {
            let _ = kill_process(pid, Signal::TERM);
            let _ = timeout(GRACE, process.child.wait()).await;
        }
        self.kill().await;
    }

    /// Waits until the process ends, or the time for a restart has come; for ever, if neither is to be expected.
    pub(crate) async fn event(&mut self) -> Event {
        match (&mut self.process, self.restart) {
            (Some(process), _) => Event::Ended(process.child.wait().await.ok()),
            (None, Some(at)) => {
                tokio::time::sleep_until(at).await;
                Event::Restart
            }
            (None, None) => std::future::pending().await,
        }
    }

    /// Does what an event asks for, and tells whoever started the lab.
    pub(crate) fn take(&mut self, event: Event) {
        let how = match event {
            Event::Ended(status) => {
                let success = status.is_some_and(|status| status.success());
                self.ended = Some(success);
                let again = match self.container.restart {
                    RestartPolicy::Always => true,
                    RestartPolicy::OnFailure => !success,
                    RestartPolicy::Never => false,
                };
                if !again {
                    self.process = None;
                    return;
                }
                status.map_or_else(|| "ended".to_owned(), |status| format!("ended ({status})"))
            }
            Event::Restart => match self.start() {
                Ok(()) => {
                    self.restarts += 1;
                    return;
                }
                Err(error) => format!("did not start ({error:#})"),
            },
        };
        let wait = self.ended().as_secs();
        tell(&format!("{} {how} and starts again in {wait} s; its log: {}\n", self.name, self.log.display()));
    }

    /// Plans the restart of a process that ended by itself. Says how long until then.
    fn ended(&mut self) -> Duration {
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

/// What happens to a process by itself.
pub(crate) enum Event {
    /// Its process ended.
    Ended(Option<ExitStatus>),
    /// It is time to start it again.
    Restart,
}

/// Says something on stdout, if anybody still listens.
pub(crate) fn tell(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// This program, as typed in this folder.
pub(crate) fn me() -> String {
    let me = std::env::current_exe().unwrap_or_default();
    std::env::current_dir().ok().and_then(|here| me.strip_prefix(here).ok()).unwrap_or(&me).display().to_string()
}
