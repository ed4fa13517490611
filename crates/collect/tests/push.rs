//! How fast a probe's verdict reaches a client of the collector's event stream, and that nobody can make the collector spin.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use star_daemon::check::Resolver;
use star_fixture::collector::{Collector, Events};
use star_fixture::probe::Probe;
use star_fixture::server::{Fixture, OK, head, p99, until};
use star_wire::event::{Event, RowEdge};
use star_wire::observation::{Reason, State};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const CHECKS: Duration = Duration::from_millis(100);
const TRANSITIONS: usize = 200;

/// Waits until the only edge's state and reason become so.
async fn becomes(events: &mut Events, state: (State, Option<Reason>)) {
    let so = |edge: &RowEdge| (edge.observation.state, edge.observation.reason) == state;
    loop {
        match events.change().await {
            Event::Patch(patch) if patch.edges.iter().any(|row| so(&row.changed[0].1)) => return,
            Event::Snapshot(snapshot) if snapshot.rows.iter().any(|row| so(&row.edges[0])) => return,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_reaches_an_event_stream_within_100_ms() {
    // The target answers while the number is even, and resets while it is odd. It tells when a check has its verdict.
    let number = Arc::new(AtomicUsize::new(0));
    let (verdicts, mut verdict) = mpsc::unbounded_channel();
    let shared = Arc::clone(&number);
    let target = Fixture::start(move |mut stream| {
        let (number, verdicts) = (Arc::clone(&shared), verdicts.clone());
        async move {
            head(&mut stream).await;
            let number = number.load(Ordering::SeqCst);
            if number.is_multiple_of(2) {
                stream.write_all(OK.as_bytes()).await.unwrap();
            } else {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
            let _ = verdicts.send((number, Instant::now()));
        }
    })
    .await;
    let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    let probe = Probe::start(&[target.url()], resolver, CHECKS, Duration::from_secs(1)).await;
    let url = format!("http://{}/status", probe.address);
    let collector = Collector::start(&[("P", &url)], Duration::from_secs(1)).await;
    let mut events = collector.events().await;
    becomes(&mut events, (State::Reachable, None)).await;

    let last = |took: &[Duration]| took.last_chunk::<TRANSITIONS>().map(|last| p99(last.to_vec()));
    let (started, mut took, mut random) = (Instant::now(), Vec::new(), 1_u64);
    // Other work on this machine comes and goes: the last transitions count.
    while last(&took).is_none_or(|p99| p99 > Duration::from_millis(100)) {
        assert!(started.elapsed() < Duration::from_secs(55), "{} times, p99 of the last {:?}", took.len(), last(&took));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        sleep(CHECKS.mul_f64((random >> 32) as f64 / f64::from(u32::MAX))).await;
        let now = number.fetch_add(1, Ordering::SeqCst) + 1;
        let state = match now % 2 {
            0 => (State::Reachable, None),
            _ => (State::Unreachable, Some(Reason::ConnectionReset)),
        };
        becomes(&mut events, state).await;
        let shown = Instant::now();
        let at = loop {
            let (number, at) = verdict.recv().await.unwrap();
            if number == now {
                break at;
            }
        };
        took.push(shown - at);
    }
    println!("p99 of the last {TRANSITIONS} of {}: {:?}", took.len(), last(&took));
}

#[tokio::test]
async fn a_peer_with_a_new_etag_in_every_answer_does_not_make_the_collector_spin() {
    let number = Arc::new(AtomicUsize::new(0));
    let peer = Fixture::start(move |mut stream| {
        let tag = number.fetch_add(1, Ordering::Relaxed);
        async move {
            head(&mut stream).await;
            let body = r#"{"status":{"targets":[]}}"#;
            let fields = format!("ETag: \"{tag}\"\r\nPreference-Applied: wait=1\r\nContent-Length: {}", body.len());
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}").as_bytes()).await;
        }
    })
    .await;
    let _collector = Collector::start(&[("P", &peer.url())], Duration::from_secs(1)).await;
    let asked = until(async || peer.arrivals(), |asked| asked.len() > 20).await;
    let took = asked[20] - asked[0];
    assert!(took > Duration::from_millis(1950) && took < Duration::from_secs(4), "asked 20 times in {took:?}");
}
