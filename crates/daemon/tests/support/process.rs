//! A program under test, started and ended as its users do.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A process, killed when the test is through with it.
pub(crate) struct Process {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) after: Duration,
}

impl Process {
    /// Starts `program` with nothing in its environment but `env` and defaults that suit a test: any free port of
    /// loopback, JSON logs.
    pub(crate) fn start(program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let defaults =
            [("STAR_HTTP_ADDRESS", "127.0.0.1"), ("STAR_HTTP_PORT_NUMBER", "0"), ("STAR_LOG_FORMAT", "json")];
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(defaults).envs(env.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// Where it listens, once it does.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let mut line = String::new();
        assert!(self.stderr.read_line(&mut line).unwrap() > 0, "it ended");
        address(&line).unwrap_or_else(|| panic!("it says {line}"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> End {
        let started = Instant::now();
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None => assert!(started.elapsed() < Duration::from_secs(10), "it does not end"),
            }
            sleep(Duration::from_millis(2));
        };
        let after = started.elapsed();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut stderr).unwrap();
        End { code, stdout, stderr, after }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the line of the log that tells that a program listens says of where.
pub(crate) fn address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["message"] == "listening").then(|| line["address"].as_str().unwrap().parse().unwrap())
}

/// Starts a program that cannot run: it says why on one line, with all of `parts`, and exits with `code`.
#[track_caller]
pub(crate) fn refuses(program: &str, args: &[&str], code: i32, parts: &[&str]) {
    refuses_with(&[], program, args, code, parts);
}

/// The same with `env` in its environment.
#[track_caller]
pub(crate) fn refuses_with(env: &[(&str, &str)], program: &str, args: &[&str], code: i32, parts: &[&str]) {
    let end = Process::start(program, args, env).end();
    let told = end.stderr.lines().count() == 1 && parts.iter().all(|part| end.stderr.contains(part));
    assert!(end.code == Some(code) && told && end.stdout.is_empty(), "{args:?}: not {code} with {parts:?}: {end:#?}");
}

/// A folder of the test's own, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
