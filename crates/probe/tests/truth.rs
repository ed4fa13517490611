//! A probe tells of its targets what it knows, and of itself when it did not look. On real sockets, and real signals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use star_daemon::check::{Ask, Checker, Guard, Resolver};
use star_daemon::target::TargetUrl;
use star_fixture::process::Process;
use star_fixture::server::{Fixture, Kept, OK, head, until};
use star_wire::observation::{Reason, State};
use star_wire::status::{Status, StatusBody};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

const PROBE: &str = env!("CARGO_BIN_EXE_star-probe");

/// A target that answers after a while.
async fn slow(after: Duration) -> Fixture {
    Fixture::start(move |mut stream| async move {
        if head(&mut stream).await.is_some() {
            sleep(after).await;
            let _ = stream.write_all(OK.as_bytes()).await;
        }
    })
    .await
}

/// A probe of these, and a client that stays connected to it.
async fn probe(targets: &[&Fixture], args: &[&str]) -> (Process, Kept) {
    let urls: Vec<_> = targets.iter().map(|target| target.url()).collect();
    let urls = format!("--urls={}", urls.join(","));
    let mut process = Process::start(PROBE, &[&[&*urls], args].concat(), &[]);
    let client = Kept::connect(process.address()).await;
    (process, client)
}

async fn status(client: &mut Kept) -> Status {
    let (_, body) = client.get("/status", "").await;
    serde_json::from_str::<StatusBody>(&body).unwrap().status
}

/// Waits until all targets are as `accept` wants the state and the reason.
async fn all(client: &mut Kept, accept: impl Fn(State, Option<Reason>) -> bool) -> Status {
    let accept = |status: &Status| status.targets.iter().all(|t| accept(t.observation.state, t.observation.reason));
    until(async || status(client).await, accept).await
}

fn reachable(state: State, _: Option<Reason>) -> bool {
    state == State::Reachable
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_that_was_stopped_blames_nobody_and_says_that_it_was() {
    let targets = [slow(Duration::ZERO).await, slow(Duration::from_millis(100)).await];
    let targets: Vec<_> = targets.iter().collect();
    let (process, mut client) = probe(&targets, &[]).await;
    let before = all(&mut client, reachable).await;
    assert_eq!(before.gaps, []);
    let (head, _) = client.get("/status", "").await;
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    for round in 0..12 {
        // Just less than a check may take, and more; from all phases of a check.
        process.stop_for(Duration::from_millis([930, 970, 1300][round % 3])).await;
        sleep(Duration::from_millis(80 * round as u64)).await;
        for target in status(&mut client).await.targets {
            assert_eq!(target.observation.state, State::Reachable, "{target:?}");
        }
    }
    let after = all(&mut client, reachable).await;
    for (before, after) in before.targets.iter().zip(&after.targets) {
        assert_eq!(before.observation.since, after.observation.since, "it flipped: {after:?}");
    }
    assert!(!after.gaps.is_empty() && after.gaps.len() <= 8, "{:?}", after.gaps);
    let held = |gap: &star_wire::gap::Gap| gap.until.duration_since(gap.from).as_secs_f64();
    assert!(after.gaps.iter().all(|gap| held(gap) > 0.8), "{:?}", after.gaps);
    // Who waits for news is told of it.
    let (head, _) = client.get("/status", &format!("If-None-Match: {tag}\r\n")).await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    process.signal(Signal::TERM);
    let log = process.end().stderr;
    assert!(log.contains("this process stood still") && !log.contains("timeout"), "{log}");
}

#[tokio::test]
async fn a_stop_that_ends_before_the_deadline_is_no_verdict() {
    let target = slow(Duration::from_millis(200)).await;
    let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    let checker = Checker::new(resolver, Guard::Open);
    let (url, ask) = (TargetUrl::parse(&target.url()).unwrap(), Ask::head(Duration::from_secs(1)));
    let pulse = checker.pulse();
    let checks = async {
        // The only thread: nothing runs meanwhile, and what is left of the second is too short for the target.
        let stop = async { std::thread::sleep(Duration::from_millis(900)) };
        let undisturbed = checker.check(&url, &ask).await;
        let (stopped, ()) = tokio::join!(checker.check(&url, &ask), stop);
        (stopped, undisturbed)
    };
    let (stopped, undisturbed) = tokio::select! {
        checks = checks => checks,
        () = pulse.run() => unreachable!(),
    };
    assert_eq!(stopped.outcome.unwrap_err().reason, Reason::LocalError);
    assert!(undisturbed.outcome.is_ok(), "{undisturbed:?}");
}

#[tokio::test]
async fn an_answer_that_lies_in_the_socket_counts_however_late_it_is_seen() {
    // It runs while we do not.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let mut head = [0; 1024];
        let _ = std::io::Read::read(&mut stream, &mut head).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        std::io::Write::write_all(&mut stream, OK.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_secs(5));
    });
    let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    let checker = Checker::new(resolver, Guard::Open);
    let (url, ask) = (TargetUrl::parse(&format!("http://{address}/")).unwrap(), Ask::head(Duration::from_secs(1)));
    let pulse = checker.pulse();
    let stop = async {
        sleep(Duration::from_millis(100)).await;
        std::thread::sleep(Duration::from_millis(1500));
    };
    let check = tokio::select! {
        (check, ()) = async { tokio::join!(checker.check(&url, &ask), stop) } => check,
        () = pulse.run() => unreachable!(),
    };
    assert!(check.outcome.is_ok(), "{check:?}");
    assert_eq!(check.observation().latency_ms, None, "how fast it was is not known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_starved_probe_blames_nobody() {
    let target = slow(Duration::from_millis(100)).await;
    let (process, mut client) = probe(&[&target; 200], &[]).await;
    all(&mut client, reachable).await;
    // As a CPU quota of two in a hundred does it.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(7) {
        process.stop_for(Duration::from_millis(98)).await;
        sleep(Duration::from_millis(2)).await;
    }
    let after = all(&mut client, reachable).await;
    assert!(!after.gaps.is_empty());
    process.signal(Signal::TERM);
    let log = process.end().stderr;
    let reasons =
        log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()?["reason"].as_str().map(str::to_owned));
    assert_eq!(reasons.filter(|reason| reason != "local_error").collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_files_a_verdict_stays_for_a_while_and_is_then_unknown() {
    let target = slow(Duration::ZERO).await;
    let (process, mut client) = probe(&[&target], &[]).await;
    let before = all(&mut client, reachable).await;
    process.limit_files(0);
    let limited = Instant::now();
    let unknown = all(&mut client, |state, _| state != State::Reachable).await;
    let held = limited.elapsed();
    assert!(held > Duration::from_millis(3900), "after {held:?}");
    let target = &unknown.targets[0];
    assert_eq!((target.observation.state, target.observation.reason), (State::Unknown, Some(Reason::LocalError)));
    assert!(!target.reachable);
    process.limit_files(1024);
    let after = all(&mut client, reachable).await;
    assert!(after.targets[0].observation.since > before.targets[0].observation.since);
    process.signal(Signal::TERM);
    let log = process.end().stderr;
    assert_eq!(log.matches("a check says nothing about its target").count(), 1, "once a minute: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_out_is_still_one_where_the_process_runs() {
    let target = slow(Duration::from_secs(60)).await;
    let (_process, mut client) = probe(&[&target], &[]).await;
    all(&mut client, |_, reason| reason == Some(Reason::ResponseTimeout)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_status_code_is_news_and_another_latency_is_not() {
    let code = Arc::new(AtomicU16::new(200));
    let shared = Arc::clone(&code);
    let target = Fixture::start(move |mut stream| {
        let code = shared.load(Ordering::SeqCst);
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(format!("HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        }
    })
    .await;
    let (_process, mut client) = probe(&[&target], &["--http-probe-seconds=0.2"]).await;
    let since = all(&mut client, reachable).await.targets[0].observation.since;
    let (head, _) = client.get("/status", "").await;
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let strong = tag.strip_prefix("w/").unwrap().to_owned();
    // Weak comparison: either form of it, alone or among others, is what we have.
    for tags in [format!("W/{strong}"), strong.clone(), format!("\"x\", W/{strong}")] {
        let (head, body) = client.get("/status", &format!("If-None-Match: {tags}\r\nPrefer: wait=1\r\n")).await;
        assert!(head.starts_with("http/1.1 304 ") && body.is_empty(), "{tags}: {head}");
    }
    let changed = async {
        sleep(Duration::from_millis(300)).await;
        code.store(503, Ordering::SeqCst);
        Instant::now()
    };
    let fields = format!("If-None-Match: W/{strong}\r\nPrefer: wait=60\r\n");
    let (changed, answer) = tokio::join!(changed, timeout(Duration::from_secs(20), client.get("/status", &fields)));
    let (head, body) = answer.unwrap();
    assert!(head.starts_with("http/1.1 200 ") && changed.elapsed() < Duration::from_secs(20), "{head}");
    let found = &serde_json::from_str::<StatusBody>(&body).unwrap().status.targets[0].observation;
    assert_eq!((found.status_code, found.state, found.since), (Some(503), State::Reachable, since));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_tells_where_its_check_went_and_when_it_began() {
    let down = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&down);
    let target = Fixture::start(move |mut stream| {
        let down = shared.load(Ordering::SeqCst);
        async move {
            head(&mut stream).await;
            match down {
                false => drop(stream.write_all(OK.as_bytes()).await),
                true => stream.set_zero_linger().unwrap(),
            }
        }
    })
    .await;
    let (_process, mut client) = probe(&[&target], &["--http-probe-seconds=0.2"]).await;
    let first = all(&mut client, reachable).await.targets[0].observation.clone();
    assert_eq!(first.address, Some(target.address));
    let later = |status: &Status| status.targets[0].observation.checked_at > first.checked_at;
    until(async || status(&mut client).await, later).await;
    let before = star_wire::now();
    down.store(true, Ordering::SeqCst);
    let found = all(&mut client, |state, _| state == State::Unreachable).await.targets[0].observation.clone();
    assert_eq!(found.address, Some(target.address));
    assert!(found.checked_at.unwrap() > before - Duration::from_secs(1), "{found:?}");
}
