//! A child process: what it uses, and its end with ours.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Runs until it is dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
}

/// What a process holds, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    /// Of that, what no file holds as well: heap and stacks.
    pub(crate) anonymous: f64,
}

impl Process {
    /// Starts `command`, which may read `input`. What it prints is not ours to show.
    pub(crate) fn spawn(mut command: Command, name: &str, input: &str) -> anyhow::Result<Self> {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // Far less than a pipe holds: this never waits, nor fails if nobody reads.
            let _ = stdin.write_all(input.as_bytes());
        }
        Ok(Self { child, name: name.to_owned() })
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), signal).with_context(|| self.name.clone())
    }

    /// # Errors
    ///
    /// When it has ended.
    pub(crate) fn ensure_running(&mut self) -> anyhow::Result<()> {
        let ended = self.child.try_wait()?;
        ensure!(ended.is_none(), "{} ended by itself; start it by hand to see why", self.name);
        Ok(())
    }

    /// The CPU time of all its threads so far, in user space and in the kernel.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        // The name, in brackets, may hold anything: count the fields behind it (proc_pid_stat(5): 14 and 15 of all).
        let behind = stat.rsplit(')').next().unwrap_or_default();
        let ticks = behind.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<_, _>>()?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        memory(self.child.id()).with_context(|| self.name.clone())
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).with_context(|| format!("{}: {path} cannot be read", self.name))
    }
}

/// What a process holds.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let bytes = |key| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(key)).context("smaps_rollup lacks a line")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        anyhow::Ok(kilobytes * 1024.0)
    };
    Ok(Memory { resident: bytes("Rss:")?, anonymous: bytes("Anonymous:")? })
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
