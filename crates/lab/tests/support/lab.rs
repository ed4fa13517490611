//! A lab of a test's own, as a user has it: the program, its processes, real sockets.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(30);

/// Whom a lab runs as.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User {
    /// Whoever runs the tests.
    Me,
    /// An ordinary user; the tests must be root's.
    Nobody,
}

const NOBODY: u32 = 65534;

/// The users that a lab can be run as from here: root, too, where the tests are root's.
pub(crate) fn users() -> Vec<User> {
    match rustix::process::getuid().is_root() {
        true => vec![User::Me, User::Nobody],
        false => vec![User::Me],
    }
}

/// A lab with a folder of its own, so that labs of other tests, and of the person at this machine, are not in its way.
pub(crate) struct Lab {
    pub(crate) process: Child,
    pub(crate) runtime: PathBuf,
    /// Host and port.
    pub(crate) page: String,
    user: User,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

impl Lab {
    /// Starts `up --port=0` with further `args`, in a folder called after `name`.
    pub(crate) fn start(name: &str, user: User, args: &[&str]) -> Self {
        let runtime = folder(name, user);
        let mut up = program(&runtime, user);
        up.args(["up", "--port=0"]).args(args);
        Self::run(runtime, user, up)
    }

    /// Starts a lab by a command.
    pub(crate) fn run(runtime: PathBuf, user: User, mut up: Command) -> Self {
        let mut process = up.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut told = lines.filter_map(|line| Some(line.strip_prefix("Open http://")?.split_once('/')?.0.to_owned()));
        let page = told.next().expect("the lab says where its page is");
        // The rest is read and thrown away, so that the lab never waits for a reader.
        std::thread::spawn(move || told.count());
        Self { process, runtime, page, user }
    }

    /// What the program says to `args`.
    pub(crate) fn say(&self, args: &[&str]) -> Output {
        program(&self.runtime, self.user).args(args).output().unwrap()
    }

    /// What it says to `args` that it must obey.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.say(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Applies a manifest.
    pub(crate) fn apply(&self, manifest: &str) -> String {
        self.feed("apply", manifest)
    }

    /// Says `verb -f -` and gives it a manifest.
    pub(crate) fn feed(&self, verb: &str, manifest: &str) -> String {
        let mut client = program(&self.runtime, self.user);
        let client = client.args([verb, "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = client.stderr(Stdio::piped()).spawn().unwrap();
        client.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The collector's answer to `GET path`.
    pub(crate) fn get(&self, path: &str) -> Value {
        let ask = || {
            let mut stream = TcpStream::connect(&self.page).ok()?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
        };
        // A published port closes connections while its pod is not there.
        let mut answer = None;
        wait(
            || {
                answer = ask();
                answer.is_some()
            },
            || format!("{} does not answer", self.page),
        );
        answer.unwrap()
    }

    /// The only pod of a workload.
    pub(crate) fn pod(&self, namespace: &str, workload: &str) -> String {
        let pods = self.ok(&["get", "pods", "-n", namespace, "-o", "name"]);
        let mut names = pods.lines().filter_map(|line| line.strip_prefix("pod/"));
        names.find(|name| name.starts_with(&format!("{workload}-"))).unwrap().to_owned()
    }

    /// Whether a check of `url` from a workload of `namespace` succeeds, or why not.
    pub(crate) fn check(&self, namespace: &str, workload: &str, url: &str) -> String {
        let output = self.say(&["exec", "-n", namespace, workload, "--", "probe", "check", url]);
        let told = String::from_utf8(output.stdout).unwrap();
        let reason = told.split_once("unreachable (").and_then(|(_, rest)| Some(rest.split_once(')')?.0));
        assert_eq!(output.status.success(), reason.is_none(), "{told}{}", String::from_utf8_lossy(&output.stderr));
        reason.unwrap_or("reachable").to_owned()
    }

    /// Waits until the edges are as they should be, each as `C>B:reachable`, or with its reason, as `C>B:connect_timeout`.
    pub(crate) fn wait_for(&self, expected: &str) {
        let edges = || {
            let graph = self.get("/api/v1/graph");
            let edge = |edge: &Value| {
                let text = |key: &str| edge[key].as_str().map(str::to_owned);
                let state = text("reason").or(text("state")).unwrap();
                format!("{}>{}:{state}", text("source").unwrap(), text("target").unwrap())
            };
            graph["edges"].as_array().unwrap().iter().map(edge).collect::<Vec<_>>().join(" ")
        };
        wait(|| edges() == expected, || format!("{}\ninstead of\n{expected}", edges()));
    }

    /// The process ids of what runs in pods.
    pub(crate) fn processes(&self) -> Vec<i32> {
        children(self.process.id())
    }
}

/// The children of a process.
pub(crate) fn children(process: u32) -> Vec<i32> {
    // The kernel lists them by the thread that started them.
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).ok());
    let mut children: Vec<i32> = Vec::new();
    for list in lists {
        children.extend(list.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()));
    }
    children.sort_unstable();
    children
}

/// A folder of a test's own, removed with its lab.
pub(crate) fn folder(name: &str, user: User) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("star-lab-test-{}-{name}-{user:?}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    if let User::Nobody = user {
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    folder
}

/// The program, to be run as `user`, with its labs in `runtime`.
pub(crate) fn program(runtime: &Path, user: User) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_star-lab"));
    command.env("XDG_RUNTIME_DIR", runtime);
    if let User::Nobody = user {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Waits until `condition` holds; fails with what `seen` saw.
pub(crate) fn wait(mut condition: impl FnMut() -> bool, seen: impl Fn() -> String) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "after {DEADLINE:?}: {}", seen());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process still runs.
pub(crate) fn is_alive(pid: i32) -> bool {
    // A zombie is not a process any more: nobody may be there to reap it.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
