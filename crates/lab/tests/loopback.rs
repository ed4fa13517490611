//! The lab on loopback: its own program, its own processes, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/lab.rs"]
mod lab;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use lab::{Lab, User, folder, is_alive, program, wait};
use rustix::process::{Pid, Signal, kill_process};

fn start(name: &str) -> Lab {
    Lab::start(name, User::Me, &["--loopback"])
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

const OPEN: &str =
    "B>F:reachable B>B:reachable B>C:reachable C>F:reachable C>B:reachable F>F:reachable F>B:reachable F>C:reachable";

#[test]
fn edges_die_with_their_pod_and_come_back_with_it() {
    let lab = start("edges");
    lab.wait_for(OPEN);
    assert_eq!(lab.say(&["kill", "backend"]).stdout, b"backend killed\n");
    lab.wait_for(
        "B>F:unknown B>B:unknown B>C:unknown C>F:reachable C>B:connection_refused F>F:reachable F>B:connection_refused F>C:reachable",
    );
    assert_eq!(lab.say(&["kill", "backend"]).stdout, b"backend was down already\n");
    assert_eq!(lab.say(&["start", "backend"]).stdout, b"backend started\n");
    lab.wait_for(OPEN);
    assert_eq!(lab.say(&["start", "backend"]).stdout, b"backend runs already\n");
}

#[test]
fn a_pod_that_ends_by_itself_starts_again() {
    let lab = start("restart");
    let before = lab.processes();
    signal(before[1], Signal::KILL);
    wait(
        || lab.processes().len() == 4 && lab.processes() != before,
        || format!("{:?}, before {before:?}", lab.processes()),
    );
    lab.wait_for(OPEN);
}

#[test]
fn pods_start_again_though_the_program_has_been_built_anew() {
    let runtime = folder("rebuilt", User::Me);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rebuilt");
    let _ = fs::remove_file(&path);
    fs::hard_link(env!("CARGO_BIN_EXE_star-lab"), &path).unwrap();
    let mut up = Command::new(&path);
    up.env("XDG_RUNTIME_DIR", &runtime).args(["up", "--loopback", "--port=0"]);
    let lab = Lab::run(runtime, User::Me, up);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "half of a program").unwrap();
    lab.wait_for(OPEN);
    assert_eq!(lab.say(&["kill", "backend"]).stdout, b"backend killed\n");
    assert_eq!(lab.say(&["start", "backend"]).stdout, b"backend started\n");
    lab.wait_for(OPEN);
}

#[test]
fn the_environment_names_the_pages_port() {
    let runtime = folder("port", User::Me);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut up = program(&runtime, User::Me);
    up.env("STAR_LAB_PORT_NUMBER", &port).args(["up", "--loopback"]);
    assert_eq!(Lab::run(runtime, User::Me, up).page, format!("127.0.0.1:{port}"));
}

#[test]
fn no_process_outlives_a_lab_that_is_killed() {
    let mut lab = start("killed");
    let pods = lab.processes();
    assert_eq!(pods.len(), 4);
    lab.process.kill().unwrap();
    lab.process.wait().unwrap();
    wait(|| !pods.iter().any(|pod| is_alive(*pod)), || "a pod is still alive".to_owned());
    let next = start("killed");
    assert_eq!(next.say(&["kill", "client"]).stdout, b"client killed\n", "the dead lab is not taken for a second one");
}

#[test]
fn a_lab_that_is_asked_to_end_leaves_nothing_behind() {
    let mut lab = start("ended");
    let pods = lab.processes();
    signal(lab.process.id().try_into().unwrap(), Signal::TERM);
    assert_eq!(lab.process.wait().unwrap().code(), Some(0));
    assert!(!pods.iter().any(|pod| is_alive(*pod)));
    assert_eq!(fs::read_dir(lab.runtime.join("star-lab")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_done_is_told_on_one_line() {
    let lab = start("mistakes");
    for (args, told) in [
        (vec!["kill", "bakend"], "there is no pod `bakend`; there are management-ui, frontend, backend, client"),
        (vec!["kill", "backend", "--lab=1"], "no lab with --lab=1 is running"),
    ] {
        let output = lab.say(&args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && stderr.contains(told) && stderr.lines().count() == 1, "{stderr}");
    }
    let nowhere = std::env::temp_dir().join("star-lab-test-nowhere");
    let output = program(&nowhere, User::Me).args(["start", "backend"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("no lab is running; start one"));
}

#[test]
fn a_folder_that_does_not_exist_is_not_made_for_a_lab() {
    let nowhere = std::env::temp_dir().join(format!("star-lab-test-nowhere-{}", std::process::id()));
    for (variable, other) in [("XDG_RUNTIME_DIR", "TMPDIR"), ("TMPDIR", "XDG_RUNTIME_DIR")] {
        for args in [&["up", "--port=0"][..], &["up", "--port=0", "--loopback"]] {
            let mut up = Command::new(env!("CARGO_BIN_EXE_star-lab"));
            let up = up.env(variable, &nowhere).env_remove(other).args(args);
            let mut up = up.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            wait(|| up.try_wait().unwrap().is_some() || nowhere.exists(), || "it goes on".to_owned());
            let _ = up.kill();
            let output = up.wait_with_output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
            assert!(told.contains(nowhere.to_str().unwrap()) && told.contains("set XDG_RUNTIME_DIR"), "{told}");
            assert!(!nowhere.exists(), "{variable}");
        }
    }
}
