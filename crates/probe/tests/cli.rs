//! The program as its users meet it: flags, environment, signals, logs, exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use star_fixture::process::{Process, address, folder, refuses, refuses_with};
use star_fixture::server::{Fixture, OK, until};
use star_wire::observation::State;
use star_wire::status::StatusBody;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PROBE: &str = env!("CARGO_BIN_EXE_star-probe");

async fn status(address: SocketAddr) -> StatusBody {
    reqwest::get(format!("http://{address}/status")).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_signal_ends_it_in_time_though_a_status_is_held() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut probe = Process::start(PROBE, &["--urls="], &[]);
        let address = probe.address();
        let mut held = TcpStream::connect(address).await.unwrap();
        let request = "GET /status HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nPrefer: wait=60\r\n\r\n";
        held.write_all(request.as_bytes()).await.unwrap();
        // Once a later request is answered, that one is held.
        status(address).await;
        probe.signal(signal);
        let end = probe.end();
        assert!(end.code == Some(0) && end.after < Duration::from_secs(2), "{signal:?}: {end:?}");
        let mut answer = String::new();
        held.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 304 "), "{answer}");
    }
}

#[test]
fn a_signal_is_heard_from_the_moment_it_says_that_it_listens() {
    for _ in 0..20 {
        let mut probe = Process::start(PROBE, &["--urls="], &[]);
        probe.address();
        probe.signal(Signal::TERM);
        let end = probe.end();
        // Without a handler the signal would have ended it, and no code would be left.
        assert_eq!(end.code, Some(0), "{end:?}");
    }
}

#[test]
fn what_it_cannot_use_is_told_on_one_line_with_flag_value_and_cure() {
    let usage = |args: &[&str], parts: &[&str]| refuses(PROBE, args, 2, parts);
    usage(&[], &["--urls"]);
    usage(&["--urls=ftp://a/"], &["invalid value for '--urls <URLS>': URL 1: its scheme", "give an http or https URL"]);
    usage(&["--urls=http://a/,http://a b/"], &["--urls", "URL 2: it is not a URL", "give http://HOST:PORT/PATH"]);
    usage(&["--urls=", "--http-port=x"], &["--http-port", "'x'", "--help"]);
    usage(&["--urls=", "--http-port=65536"], &["--http-port", "'65536'", "0..=65535"]);
    usage(&["--urls=", "--http-address=here"], &["--http-address", "'here'", "--help"]);
    usage(&["--urls=", "--http-probe-seconds=0"], &["--http-probe-seconds", "'0'", "give seconds from 0.1"]);
    usage(&["--urls=", "--timeout-seconds=2"], &["--timeout-seconds=2", "--http-probe-seconds=1", "give at most"]);
    usage(&["--urls=", "--urls="], &["--urls", "multiple times"]);
    usage(&["--urls=", "--nope"], &["--nope", "--help"]);
    usage(&["check"], &["<URL>"]);
    usage(&["--urls-file=/proc/none"], &["--urls-file", "'/proc/none'", "cannot be read", "name a file"]);
    usage(&["--urls=", "--urls-file=/dev/null"], &["--urls", "--urls-file", "cannot be used with"]);
    usage(&["check", "a", "ftp://a/"], &["URL 2", "give an http or https URL"]);
    usage(&["--urls=http://a/\n2026-11-28T00:00:00Z INFO forged"], &["--urls", "URL 1", "control", "leave them out"]);
    usage(&[&format!("--urls=a,http://a/{}", "x".repeat(2048))], &["--urls", "URL 2", "give at most 2048"]);

    let port = |value, args: &[&str], part: &str| {
        refuses_with(&[("STAR_HTTP_PORT_NUMBER", value)], PROBE, args, 2, &[part]);
    };
    port("tcp://10.0.0.1:80", &["--urls="], "'tcp://10.0.0.1:80' for 'environment variable STAR_HTTP_PORT_NUMBER'");
    port("x", &["--urls=", "--http-port=y"], "'y' for '--http-port <PORT>'");
    let timeout = [("STAR_TIMEOUT_SECONDS", "0")];
    refuses_with(&timeout, PROBE, &["check", "a"], 2, &["'environment variable STAR_TIMEOUT_SECONDS'", "from 0.1"]);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("--http-port={}", taken.local_addr().unwrap().port());
    refuses(PROBE, &["--urls=", &port], 1, &[&port, "choose another port"]);
    refuses(PROBE, &["--urls=", "--logfile=/proc/none/a.log"], 1, &["--logfile=/proc/none/a.log", "name a file"]);
}

#[tokio::test]
async fn urls_come_from_a_file_as_long_as_it_may_be() {
    let path = folder("urls").join("urls");
    let url = |number| format!("http://127.0.0.1:9/{number}{}", "x".repeat(100));
    let urls: Vec<_> = (0..2000).map(url).collect();
    let (first, rest) = urls.split_at(2);
    // With the byte-order mark that editors on Windows write.
    fs::write(&path, format!("\u{feff}{}\r\n\n{}\n", first.join(","), rest.join("\n"))).unwrap();
    let mut probe = Process::start(PROBE, &[&format!("--urls-file={}", path.display())], &[]);
    let targets = status(probe.address()).await.status.targets;
    assert_eq!(targets.iter().map(|target| &*target.url).collect::<Vec<_>>(), urls);
}

#[test]
fn credentials_are_refused_and_never_said_again() {
    let folder = folder("credentials");
    for (number, urls) in [
        "a,http://user:S3cret@a/",
        "a,ftp://user:S3cret@a/",
        "a,user:S3cret@a:99999",
        "a,http://user:S3cret@",
        // The comma ends the URL.
        "a,http://user:S3cret,more@a/",
        "a,http://user:S3cret/more@a/",
        // Its end was lost.
        "a,http://user:S3cret",
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.join(number.to_string());
        fs::write(&path, urls.replace(',', "\n")).unwrap();
        let (flag, file) = (format!("--urls={urls}"), format!("--urls-file={}", path.display()));
        let check: Vec<_> = ["check"].into_iter().chain(urls.split(',')).collect();
        let url = ("STAR_URLS", urls);
        for (args, env, named) in [
            (&[&*flag][..], &[][..], "--urls <URLS>"),
            (&[], &[url], "environment variable STAR_URLS"),
            (&[&file], &[], "--urls-file <PATH>"),
            (&check, &[], ""),
        ] {
            let end = Process::start(PROBE, args, env).end();
            let told = [named, "URL 2: ", "; "].iter().all(|part| end.stderr.contains(part));
            assert!(end.code == Some(2) && told && end.stderr.lines().count() == 1, "{urls}: {end:?}");
            assert!(!end.stderr.contains("S3cret"), "{urls}: {end:?}");
        }
    }
    let help = Process::start(PROBE, &["--help"], &[("STAR_URLS", "http://user:S3cret@a/")]).end();
    assert!(help.stdout.contains("STAR_URLS") && !help.stdout.contains("S3cret"), "{}", help.stdout);
    // Nor anywhere else on the command line, where it was put by mistake.
    for args in [
        &["http://user:S3cret@a/"][..],
        &["--urls=a", "http://user:S3cret@a/"],
        &["--urls=", "--http-port=http://user:S3cret@a/"],
        &["--urlsuser:S3cret@a"],
        &["check", "--timeout-seconds", "user:S3cret@a", "b"],
    ] {
        let end = Process::start(PROBE, args, &[]).end();
        assert!(end.code == Some(2) && !end.stderr.contains("S3cret"), "{args:?}: {end:?}");
    }
}

#[test]
fn help_and_version_are_no_failures() {
    for flag in ["--help", "-h", "--version", "-V"] {
        let end = Process::start(PROBE, &[flag], &[]).end();
        assert!(end.code == Some(0) && end.stderr.is_empty() && end.stdout.contains("probe"), "{end:?}");
    }
}

#[tokio::test]
async fn the_environment_sets_what_flags_do_not_and_no_proxy() {
    let (target, proxy) = (Fixture::answering(OK).await, Fixture::answering(OK).await);
    let (url, via) = (target.url(), format!("http://{}", proxy.address));
    let env = [("STAR_URLS", &*url), ("STAR_HTTP_PROBE_SECONDS", "0.1")];
    let proxies = ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"].map(|name| (name, &*via));
    let mut probe = Process::start(PROBE, &["--http-address=127.0.0.2"], &[&env[..], &proxies].concat());
    let address = probe.address();
    assert_eq!(address.ip().to_string(), "127.0.0.2", "a flag goes before the environment");
    assert_ne!(address.port(), 9000, "the environment goes before the default");
    let checks = until(async || target.arrivals(), |checks| checks.len() >= 5).await;
    assert!(checks[4] - checks[0] < Duration::from_secs(2), "{checks:?}");
    assert_eq!(status(address).await.status.targets[0].observation.state, State::Reachable);
    assert_eq!(proxy.arrivals(), []);
}

#[tokio::test]
async fn logs_go_to_a_file_whose_folders_are_made_line_by_line_and_never_over_old_ones() {
    let path = folder("logs").join("a/b/c.log");
    let logfile = format!("--logfile={}", path.display());
    let lines = || fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    for run in 1..=2 {
        let probe = Process::start(PROBE, &["--urls=http://127.0.0.1:9/", &logfile], &[]);
        let listening = async || lines().iter().filter(|line| address(line).is_some()).count();
        until(listening, |count| *count == run).await;
        probe.signal(Signal::TERM);
        assert_eq!(probe.end().stderr, "");
    }
    for line in lines() {
        assert!(serde_json::from_str::<Value>(&line).is_ok_and(|line| line["message"].is_string()), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_each_phase_and_whether_all_are_reachable() {
    let target = Fixture::answering(OK).await;
    let url = target.url();
    let end = Process::start(PROBE, &["check", &url], &[]).end();
    assert_eq!((end.code, &*end.stderr), (Some(0), ""));
    let lines: Vec<_> = end.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let address = target.address.to_string();
    let [[told], ["connect", _, "ms", to], ["response", _, "ms", "HTTP", "200", "OK"], ["reachable", "in", ..]] =
        &lines.iter().map(Vec::as_slice).collect::<Vec<_>>()[..]
    else {
        panic!("{}", end.stdout)
    };
    assert_eq!((*told, *to), (&*url, &*address));

    let end = Process::start(PROBE, &["check", &url, "127.0.0.1:1"], &[]).end();
    assert_eq!((end.code, &*end.stderr), (Some(1), ""));
    let (good, bad) =
        (end.stdout.find("  reachable in"), end.stdout.find("unreachable (connection_refused): 127.0.0.1:1"));
    assert!(good.is_some() && good < bad, "in the order given: {}", end.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_few_files_health_is_answered_though_checks_and_clients_want_all_of_them() {
    let silent = Fixture::start(async |stream| {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let urls = vec![silent.url(); 100].join(",");
    let limited = ["-c", "ulimit -n 64; exec \"$0\" \"$@\"", PROBE, &format!("--urls={urls}")];
    let mut probe = Process::start("sh", &limited, &[]);
    let address = probe.address();
    let mut clients = Vec::new();
    for number in 0..100 {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = match number % 3 {
            0 => "GET /status HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nPrefer: wait=60\r\n\r\n",
            1 => "GET /status HTTP/1.1\r\n",
            _ => "",
        };
        let _ = client.write_all(request.as_bytes()).await;
        clients.push(client);
        if number % 5 == 0 {
            for path in ["healthz", "readyz"] {
                let answer = timeout(Duration::from_secs(5), reqwest::get(format!("http://{address}/{path}"))).await;
                assert_eq!(answer.unwrap().unwrap().status(), 200, "with {number} clients");
            }
        }
    }
    // And checks go on, as far as there is room.
    let asked = silent.arrivals().len();
    until(async || silent.arrivals().len(), |count| *count > asked + 2).await;
    probe.signal(Signal::TERM);
    let end = probe.end();
    assert!(end.stderr.matches("could not be accepted").count() <= 1, "{}", end.stderr);
    assert_eq!(end.code, Some(0));
}

#[tokio::test]
async fn a_file_of_urls_is_followed_and_what_stays_in_it_goes_on_as_it_was() {
    let (first, second) = (Fixture::answering(OK).await, Fixture::answering(OK).await);
    let path = folder("followed").join("urls");
    fs::write(&path, format!("{}\n{}\n", first.url(), "127.0.0.1:1")).unwrap();
    let (urls, log) = (format!("--urls-file={}", path.display()), path.with_extension("log"));
    let logfile = format!("--logfile={}", log.display());
    let _probe = Process::start(PROBE, &[&urls, &logfile, "--http-probe-seconds=0.2"], &[]);
    let told = async || fs::read_to_string(&log).unwrap_or_default();
    let lines = until(told, |lines| lines.lines().any(|line| address(line).is_some())).await;
    let address = lines.lines().find_map(address).unwrap();
    let status = async || {
        let body: StatusBody = reqwest::get(format!("http://{address}/status")).await.unwrap().json().await.unwrap();
        body.status.targets
    };
    let before = until(status, |targets| targets.iter().all(|target| target.observation.since.is_some())).await;
    fs::write(&path, format!("{}\n{}\n", second.url(), first.url())).unwrap();
    let after = until(status, |targets| {
        targets.iter().all(|target| target.reachable) && targets.len() == 2 && targets[0].url == second.url()
    })
    .await;
    assert_eq!((&after[1].url, after[1].observation.since), (&first.url(), before[0].observation.since));
    fs::write(&path, "ftp://a/").unwrap();
    until(told, |lines| lines.contains("cannot be used") && lines.contains("give an http")).await;
    assert_eq!(status().await.len(), 2);
}
