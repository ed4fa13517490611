//! The lab as a newcomer has it: its own program, its own processes, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

/// A lab with a folder of its own, so that labs of other tests, and of the person at this machine, are not in its way.
struct Lab {
    process: Child,
    runtime: PathBuf,
    page: String,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

impl Lab {
    fn start(name: &str) -> Self {
        let runtime = folder(name);
        let mut up = program(&runtime);
        up.args(["up", "--port=0"]);
        Self::run(runtime, up)
    }

    fn run(runtime: PathBuf, mut up: Command) -> Self {
        let mut process = up.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut told = lines.filter_map(|line| Some(line.strip_prefix("Open http://")?.split_once('/')?.0.to_owned()));
        let page = told.next().expect("the lab says where its page is");
        // The rest is read and thrown away, so that the lab never waits for a reader.
        std::thread::spawn(move || told.count());
        Self { process, runtime, page }
    }

    fn say(&self, args: &[&str]) -> Output {
        program(&self.runtime).args(args).output().unwrap()
    }

    fn graph(&self) -> Value {
        let mut stream = TcpStream::connect(&self.page).unwrap();
        write!(stream, "GET /api/v1/graph HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Waits until the edges are as they should be, each as `C>B:reachable`.
    fn wait_for(&self, expected: &str) {
        let edges = || {
            let graph = self.graph();
            let edge = |edge: &Value| {
                let text = |key: &str| edge[key].as_str().unwrap().to_owned();
                format!("{}>{}:{}", text("source"), text("target"), text("state"))
            };
            graph["edges"].as_array().unwrap().iter().map(edge).collect::<Vec<_>>().join(" ")
        };
        wait(|| edges() == expected, || format!("{}\ninstead of\n{expected}", edges()));
    }

    fn pods(&self) -> Vec<i32> {
        // The kernel lists children by the thread that started them.
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let lists = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).ok());
        let mut pods: Vec<i32> = Vec::new();
        for list in lists {
            pods.extend(list.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()));
        }
        pods.sort_unstable();
        pods
    }
}

/// A folder of the test's own, removed with its lab.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("star-lab-test-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn program(runtime: &Path) -> Command {
    program_at(Path::new(env!("CARGO_BIN_EXE_star-lab")), runtime)
}

fn program_at(path: &Path, runtime: &Path) -> Command {
    let mut command = Command::new(path);
    command.env("XDG_RUNTIME_DIR", runtime);
    command
}

fn wait(mut condition: impl FnMut() -> bool, seen: impl Fn() -> String) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "after {DEADLINE:?}: {}", seen());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_alive(pid: i32) -> bool {
    // A zombie is not a process any more: nobody may be there to reap it.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

const OPEN: &str =
    "B>F:reachable B>B:reachable B>C:reachable C>F:reachable C>B:reachable F>F:reachable F>B:reachable F>C:reachable";

#[test]
fn edges_die_with_their_pod_and_come_back_with_it() {
    let lab = Lab::start("edges");
    lab.wait_for(OPEN);
    assert_eq!(lab.say(&["kill", "backend"]).stdout, b"backend killed\n");
    lab.wait_for(
        "B>F:unknown B>B:unknown B>C:unknown C>F:reachable C>B:unreachable F>F:reachable F>B:unreachable F>C:reachable",
    );
    assert_eq!(lab.say(&["kill", "backend"]).stdout, b"backend was down already\n");
    assert_eq!(lab.say(&["start", "backend"]).stdout, b"backend started\n");
    lab.wait_for(OPEN);
    assert_eq!(lab.say(&["start", "backend"]).stdout, b"backend runs already\n");
}

#[test]
fn a_pod_that_ends_by_itself_starts_again() {
    let lab = Lab::start("restart");
    let before = lab.pods();
    signal(before[1], Signal::KILL);
    wait(|| lab.pods().len() == 4 && lab.pods() != before, || format!("{:?}, before {before:?}", lab.pods()));
    lab.wait_for(OPEN);
}

#[test]
fn pods_start_again_though_the_program_has_been_built_anew() {
    let runtime = folder("rebuilt");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rebuilt");
    let _ = fs::remove_file(&path);
    fs::hard_link(env!("CARGO_BIN_EXE_star-lab"), &path).unwrap();
    let mut up = program_at(&path, &runtime);
    up.args(["up", "--port=0"]);
    let lab = Lab::run(runtime, up);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "half of a program").unwrap();
    lab.wait_for(OPEN);
    assert_eq!(lab.say(&["kill", "backend"]).stdout, b"backend killed\n");
    assert_eq!(lab.say(&["start", "backend"]).stdout, b"backend started\n");
    lab.wait_for(OPEN);
}

#[test]
fn the_environment_names_the_pages_port() {
    let runtime = folder("port");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut up = program(&runtime);
    up.env("STAR_LAB_PORT_NUMBER", &port);
    assert_eq!(Lab::run(runtime, up).page, format!("127.0.0.1:{port}"));
}

#[test]
fn no_process_outlives_a_lab_that_is_killed() {
    let mut lab = Lab::start("killed");
    let pods = lab.pods();
    assert_eq!(pods.len(), 4);
    lab.process.kill().unwrap();
    lab.process.wait().unwrap();
    wait(|| !pods.iter().any(|pod| is_alive(*pod)), || "a pod is still alive".to_owned());
    let next = Lab::start("killed");
    assert_eq!(next.say(&["kill", "client"]).stdout, b"client killed\n", "the dead lab is not taken for a second one");
}

#[test]
fn a_lab_that_is_asked_to_end_leaves_nothing_behind() {
    let mut lab = Lab::start("ended");
    let pods = lab.pods();
    signal(lab.process.id().try_into().unwrap(), Signal::TERM);
    assert_eq!(lab.process.wait().unwrap().code(), Some(0));
    assert!(!pods.iter().any(|pod| is_alive(*pod)));
    assert_eq!(fs::read_dir(lab.runtime.join("star-lab")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_done_is_told_on_one_line() {
    let lab = Lab::start("mistakes");
    for (args, told) in [
        (vec!["kill", "bakend"], "there is no pod `bakend`; there are management-ui, frontend, backend, client"),
        (vec!["kill", "backend", "--lab=1"], "no lab with --lab=1 is running"),
    ] {
        let output = lab.say(&args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && stderr.contains(told) && stderr.lines().count() == 1, "{stderr}");
    }
    let nowhere = std::env::temp_dir().join("star-lab-test-nowhere");
    let output = program(&nowhere).args(["start", "backend"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("no lab is running; start one"));
}
