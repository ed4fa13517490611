//! The program as its users meet it: flags, environment, files, signals, logs, exit codes.

use star_fixture::process::{Process, address, folder, refuses};
use star_fixture::server::until;
use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

const COLLECT: &str = env!("CARGO_BIN_EXE_star-collect");
const RESOURCES: &str = r#"[{"id":"F","url":"http://127.0.0.1:9/","colour":"red"},{"id":"B","url":"127.0.0.1:9"}]"#;

#[tokio::test]
async fn a_signal_ends_it_in_time_though_an_event_stream_is_open() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut collect = Process::start(COLLECT, &[], &[]);
        let url = format!("http://{}/api/v1/graph/events", collect.address());
        let mut stream = reqwest::get(url).await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some());
        collect.signal(signal);
        let end = collect.end();
        assert!(end.code == Some(0) && end.after < Duration::from_secs(2), "{signal:?}: {end:?}");
        // To its end, not cut off.
        while stream.chunk().await.unwrap().is_some() {}
    }
}

#[test]
fn what_it_cannot_use_is_told_on_one_line_with_flag_value_and_cure() {
    let usage = |args: &[&str], parts: &[&str]| refuses(COLLECT, args, 2, parts);
    usage(&["--http-port=x"], &["--http-port", "'x'", "--help"]);
    usage(&["--http-address=here"], &["--http-address", "'here'", "--help"]);
    usage(&["--http-request-seconds=soon"], &["--http-request-seconds", "'soon'", "give seconds from 0.1"]);
    usage(&["--timeout-seconds=2"], &["--timeout-seconds=2", "--http-request-seconds=1", "give at most"]);
    usage(&["--http-port=1", "--http-port=2"], &["--http-port", "multiple times"]);
    usage(&["--nope"], &["--nope", "--help"]);

    let folder = folder("refused");
    let refuses_file = |flag: &str, name: &str, content: Option<&str>, parts: &[&str]| {
        let path = folder.join(name);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let arg = format!("{flag}={}", path.display());
        refuses(COLLECT, &[&arg], 1, &[&[&*arg], parts].concat());
    };
    let resources = |name, content, parts: &[&str]| refuses_file("--resources-file", name, content, parts);
    resources("none.json", None, &["cannot be read", "name a file"]);
    resources("text.json", Some("[{]"), &["is not a JSON array of", "line 1 column 3"]);
    resources("object.json", Some("{}"), &["is not a JSON array of"]);
    resources(
        "id.json",
        Some(r#"[{"id":"A","url":"b"},{"id":"","url":"b"}]"#),
        &["resource 2", "the id is empty; name"],
    );
    resources("url.json", Some(r#"[{"id":"A","url":"ftp://b/"}]"#), &["resource 1, `A`", "give an http"]);
    resources(
        "bom.json",
        Some("\u{feff}[{\"id\":\"A\",\"url\":\"\"}]"),
        &["resource 1, `A`", "give http://HOST:PORT/PATH"],
    );
    refuses_file("--admin-token-file", "none", None, &["cannot be read", "name a file"]);
    refuses_file("--admin-token-file", "empty", Some("\n"), &["holds no token", "write one"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("--http-port={}", taken.local_addr().unwrap().port());
    refuses(COLLECT, &[&port], 1, &[&port, "choose another port"]);
    refuses(COLLECT, &["--logfile=/proc/none/a.log"], 1, &["--logfile=/proc/none/a.log", "name a file"]);
}

#[test]
fn credentials_in_a_file_of_resources_are_refused_and_never_said_again() {
    let folder = folder("credentials");
    for (number, content) in [
        r#"[{"id":"A","url":"http://user:S3cret@a/"}]"#,
        r#"[{"id":"A","url":"postgres://user:S3cret@a/"}]"#,
        r#"[{"id":"A","url":"http://user:S3cret@"}]"#,
        r#"[{"id":"http://user:S3cret@a/","url":"b"}]"#,
        r#"["http://user:S3cret@a/"]"#,
        r#"[{"id":"A","url":"b","http://user:S3cret@a/":1"#,
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.join(number.to_string());
        fs::write(&path, content).unwrap();
        let flag = format!("--resources-file={}", path.display());
        let end = Process::start(COLLECT, &[&flag], &[]).end();
        assert_eq!((end.code, end.stderr.lines().count()), (Some(1), 1), "{end:?}");
        assert!(end.stderr.contains(&flag) && !end.stderr.contains("S3cret"), "{content}: {end:?}");
    }
    // Nor anywhere else on the command line, where it was put by mistake.
    for args in [&["http://user:S3cret@a/"][..], &["--http-port=http://user:S3cret@a/"], &["--http-user:S3cret@a"]] {
        let end = Process::start(COLLECT, args, &[]).end();
        assert!(end.code == Some(2) && !end.stderr.contains("S3cret"), "{args:?}: {end:?}");
    }
}

#[tokio::test]
async fn credentials_in_a_post_are_refused_and_neither_answered_nor_logged() {
    let mut collect = Process::start(COLLECT, &["--log-level=debug"], &[]);
    let url = format!("http://{}/resources", collect.address());
    for resource in [
        r#"{"id":"A","url":"http://user:S3cret@a/"}"#,
        r#"{"id":"A","url":"ftp://user:S3cret@a/"}"#,
        r#"{"id":"A","url":"user:S3cret@"}"#,
        r#"{"id":"http://user:S3cret@a/","url":"b"}"#,
        r#""http://user:S3cret@a/""#,
    ] {
        let answer = reqwest::Client::new().post(&url).body(resource).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{resource}");
        let told = answer.text().await.unwrap();
        assert!(!told.contains("S3cret"), "{told}");
    }
    assert_eq!(reqwest::get(&url).await.unwrap().text().await.unwrap(), r#"{"resources":[]}"#);
    collect.signal(Signal::TERM);
    let end = collect.end();
    assert!(end.code == Some(0) && !end.stderr.contains("S3cret"), "{end:?}");
}

#[test]
fn help_and_version_are_no_failures() {
    for flag in ["--help", "-h", "--version", "-V"] {
        let end = Process::start(COLLECT, &[flag], &[]).end();
        assert!(end.code == Some(0) && end.stderr.is_empty() && end.stdout.contains("collect"), "{end:?}");
    }
}

#[tokio::test]
async fn the_environment_sets_what_flags_do_not() {
    let folder = folder("environment");
    let path = |name: &str| folder.join(name).display().to_string();
    let [resources, token, log] = ["resources.json", "token", "a/b/c.log"].map(path);
    fs::write(&resources, RESOURCES).unwrap();
    fs::write(&token, "secret").unwrap();
    let env = [("STAR_RESOURCES_FILE", &*resources), ("STAR_ADMIN_TOKEN_FILE", &token), ("STAR_LOGFILE", &log)];
    let collect = Process::start(COLLECT, &["--http-address=127.0.0.2"], &env);
    let listening = async || fs::read_to_string(&log).unwrap_or_default().lines().find_map(address);
    let address = until(listening, Option::is_some).await.unwrap();
    assert_eq!(address.ip().to_string(), "127.0.0.2", "a flag goes before the environment");
    assert_ne!(address.port(), 9001, "the environment goes before the default");

    let url = format!("http://{address}/resources");
    let listed: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
    let expected = json!({"resources": [{"id": "B", "url": "127.0.0.1:9"}, {"id": "F", "url": "http://127.0.0.1:9/"}]});
    assert_eq!(listed, expected);
    let post = reqwest::Client::new().post(&url).header("host", "afar").bearer_auth("secret");
    assert_eq!(post.body(r#"{"id":"A","url":"127.0.0.1:9"}"#).send().await.unwrap().status(), 200);
    collect.signal(Signal::TERM);
    assert_eq!(collect.end().stderr, "");
    for line in fs::read_to_string(&log).unwrap().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line["message"].is_string()), "{line}");
    }
}
