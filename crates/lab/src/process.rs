//! One process of a pod: what it runs, where, and again when it ends.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::fabric::Wire;
use crate::isolation;
use crate::pod::{Container, RestartPolicy};

/// Tells a pod's process whose it is.
const LAB: &str = "STAR_LAB_PID";

/// Tells it which network is its own: a file descriptor of the lab's.
const NETWORK: &str = "STAR_LAB_NETWORK";

/// Tells it which folder has its /etc/hosts and /etc/resolv.conf.
const ETC: &str = "STAR_LAB_ETC";

/// How long a pod may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// Between the end of a pod that nobody killed and its restart; doubles with each restart in a row.
const BACKOFF: Duration = Duration::from_secs(1);

/// How many times that doubles at the most; a pod that ran longer than that begins anew.
const MAX_DOUBLINGS: u32 = 4;

/// Where a process finds itself.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In the lab's own network.
    Lab,
    /// In a pod's.
    Pod {
        /// The pod's network.
        wire: Arc<Wire>,
        /// Its hosts and resolv.conf.
        etc: PathBuf,
    },
}

/// Runs with its arguments, and tells how it ended.
pub(crate) type Program = fn(Vec<OsString>) -> ExitCode;

impl Place {
    /// This program there, as one of those that an image holds.
    pub(crate) fn command(&self, arguments: &[String], environment: &[(String, String)]) -> Command {
        // Not the file's name: it may have been built anew since.
        let mut command = Command::new("/proc/self/exe");
        let own = environment.iter().map(|(name, value)| (name, value));
        command.args(arguments);
        match self {
            // As in a container: nothing of the user's environment. What says where it belongs comes last, so that no
            // manifest can say otherwise.
            Self::Pod { wire, etc } => {
                command.env_clear().envs(own).env(NETWORK, wire.network().as_raw_fd().to_string()).env(ETC, etc)
            }
            _ => command.envs(own).env_remove(NETWORK).env_remove(ETC),
        };
        command.env(LAB, std::process::id().to_string()).kill_on_drop(true);
        command
    }
}

/// A program of a pod's container, if `argv` asks for one: this program is all of them. The process is moved to where it
/// belongs before anything of it runs.
///
/// # Errors
///
/// When it cannot be moved there.
pub(crate) fn program(argv: &[OsString]) -> anyhow::Result<Option<Program>> {
    let main: Program = match argv.get(1).and_then(|program| program.to_str()) {
        Some("probe") => |argv| star_probe::main(argv),
        Some("collect") => |argv| star_collect::main(argv),
        Some("dns") => |argv| crate::dns::main(argv),
        _ => return Ok(None),
    };
    let Some(lab) = std::env::var(LAB).ok().and_then(|lab| Pid::from_raw(lab.parse().ok()?)) else {
        return Ok(Some(main));
    };
    // The kernel kills this process when the lab's ends, however that comes.
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot be tied to the lab")?;
    // The lab may have ended before the kernel was asked.
    ensure!(getppid() == Some(lab), "the lab that started this pod is gone");
    if let (Ok(network), Some(etc)) = (std::env::var(NETWORK), std::env::var_os(ETC)) {
        let network: u32 = network.parse().context("no file descriptor is the pod's network")?;
        let network = format!("/proc/{lab}/fd/{network}");
        isolation::enter_network(File::open(&network).with_context(|| format!("{network} cannot be opened"))?)?;
        isolation::overlay_etc(etc.as_ref())?;
        isolation::drop_capabilities()?;
    }
    Ok(Some(main))
}

/// A process that is kept running.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) log: PathBuf,
    /// How many times it was started again.
    pub(crate) restarts: u32,
    container: Container,
    place: Place,
    process: Option<Child>,
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

    /// Where it runs.
    pub(crate) fn place(&self) -> &Place {
        &self.place
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

    /// Starts it, from a thread of the runtime, which lives as long as the lab: the kernel takes the end of
    /// the thread that started a process for the end of the parent.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("the log {} cannot be written", self.log.display()))?;
        let child = self
            .place
            .command(&self.container.command, &self.container.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C is for the lab, which then ends its pods.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.name))?;
        (self.process, self.ended, self.started, self.restart) = (Some(child), None, Instant::now(), None);
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Ends it at once; it stays down. None if it was.
    pub(crate) async fn kill(&mut self) -> Option<()> {
        self.restart = None;
        let mut process = self.process.take()?;
        let _ = process.kill().await;
        Some(())
    }

    /// Asks it to end, and kills it if it does not.
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
