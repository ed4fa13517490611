//! What the collector tells when it did not look, and when a peer does not tell the truth. On real sockets, and real signals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use star_daemon::check::Resolver;
use star_fixture::collector::Collector;
use star_fixture::probe::Probe;
use star_fixture::process::{Process, folder};
use star_fixture::server::{Fixture, Kept, OK, head, until};
use star_wire::Timestamp;
use star_wire::event::{Event, History, NodeGap};
use star_wire::graph::Graph;
use star_wire::observation::{Reason, State};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

const COLLECT: &str = env!("CARGO_BIN_EXE_star-collect");
const INTERVAL: Duration = Duration::from_millis(100);

/// A peer that answers whatever it is told to; a collector cannot be made to wait by it.
struct Peer {
    server: Fixture,
    body: Arc<Mutex<String>>,
}

impl Peer {
    async fn start() -> Self {
        let body = Arc::new(Mutex::new(json!({"status": {"targets": []}}).to_string()));
        let shared = Arc::clone(&body);
        let server = Fixture::start(move |mut stream| {
            let body = shared.lock().unwrap().clone();
            async move {
                head(&mut stream).await;
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { server: server.await, body }
    }

    fn tell(&self, status: &Value) {
        *self.body.lock().unwrap() = json!({"status": status}).to_string();
    }

    /// Waits until it was asked so often since now.
    async fn asked(&self, times: usize) {
        let before = self.server.arrivals().len();
        until(async || self.server.arrivals().len(), |asked| *asked > before + times).await;
    }
}

async fn history(collector: &Collector) -> Vec<Event> {
    serde_json::from_value::<History>(collector.json("/api/v1/history").await).unwrap().events
}

fn gaps(events: &[Event]) -> Vec<NodeGap> {
    let told = events.iter().flat_map(|event| match event {
        Event::Patch(patch) => patch.gaps.clone(),
        Event::Snapshot(snapshot) => snapshot.gaps.clone(),
        Event::Heartbeat(_) => Vec::new(),
    });
    told.collect()
}

/// A collector's process that fetches this one.
fn process(id: &str, url: &str, test: &str) -> (Process, SocketAddr) {
    let path = folder(test).join("resources.json");
    std::fs::write(&path, json!([{"id": id, "url": url}]).to_string()).unwrap();
    let mut process = Process::start(COLLECT, &[&format!("--resources-file={}", path.display())], &[]);
    let address = process.address();
    (process, address)
}

async fn graph(client: &mut Kept) -> Graph {
    serde_json::from_str(&client.get("/api/v1/graph", "").await.1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_was_stopped_tells_no_transition_but_a_gap() {
    let target = Fixture::answering(OK).await;
    let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    let second = Duration::from_secs(1);
    let probe = Probe::start(&[target.url()], resolver, second, second).await;
    let (process, address) = process("P", &format!("http://{}/status", probe.address), "stopped");
    let mut client = Kept::connect(address).await;
    let reachable = |graph: &Graph| graph.edges.iter().any(|edge| edge.observation.state == State::Reachable);
    let before = until(async || graph(&mut client).await, reachable).await;
    let (mut stops, lengths) = (Vec::new(), [1300, 2100, 3000, 500, 950, 1700]);
    for length in lengths {
        let from = star_wire::now();
        process.stop_for(Duration::from_millis(length)).await;
        stops.push((from, star_wire::now()));
        sleep(Duration::from_millis(1500 + length / 7)).await;
    }
    let told = async || {
        let body = Kept::connect(address).await.get("/api/v1/history", "").await.1;
        serde_json::from_str::<History>(&body).unwrap().events
    };
    let events = until(told, |events| gaps(events).len() >= lengths.len()).await;
    for event in &events {
        let Event::Patch(patch) = event else { continue };
        let quiet =
            patch.seq <= before.seq || patch.edges.is_empty() && patch.nodes.is_empty() && patch.rows.is_empty();
        assert!(quiet, "{patch:?}");
    }
    let near = Duration::from_millis(400);
    for (from, until) in stops {
        let covers =
            |told: &NodeGap| told.source.is_none() && told.gap.from <= from + near && told.gap.until + near >= until;
        assert!(gaps(&events).iter().any(covers), "{from} {until}: {:?}", gaps(&events));
    }
    // Whoever comes back learns of what he missed.
    let stream = format!("http://{address}/api/v1/graph/events");
    let first = reqwest::get(stream).await.unwrap().chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains(r#""gaps":["#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_out_of_files_says_of_its_resources_only_what_it_knew_and_then_nothing() {
    let target = Fixture::answering(OK).await;
    let peer = Peer::start().await;
    peer.tell(&json!({"targets": [{"reachable": true, "url": target.url()}]}));
    let (process, address) = process("P", &peer.server.url(), "files");
    let mut client = Kept::connect(address).await;
    let states = |graph: &Graph| {
        let edges = graph.edges.iter().map(|edge| edge.observation.state);
        graph.nodes[..1].iter().map(|node| node.observation.state).chain(edges).collect::<Vec<_>>()
    };
    until(async || graph(&mut client).await, |graph| states(graph) == [State::Reachable; 2]).await;
    process.limit_files(0);
    let limited = Instant::now();
    let after = until(async || graph(&mut client).await, |graph| states(graph) != [State::Reachable; 2]).await;
    let held = limited.elapsed();
    assert!(states(&after) == [State::Unknown; 2] && held > Duration::from_millis(3900), "{after:?} after {held:?}");
    assert_eq!(after.nodes[0].observation.reason, Some(Reason::LocalError));
    process.limit_files(1024);
    until(async || graph(&mut client).await, |graph| states(graph) == [State::Reachable; 2]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probes_gap_reaches_stream_and_history_in_our_time() {
    let (peer, other) = (Peer::start().await, Peer::start().await);
    let collector = Collector::start(&[("P", &peer.server.url())], INTERVAL).await;
    let hour = Duration::from_secs(3600);
    let gap = |until: Timestamp| json!({"from": until - Duration::from_secs(3), "until": until});
    let old = gap(star_wire::now() - hour);
    peer.tell(&json!({"targets": [], "gaps": [old]}));
    peer.asked(3).await;
    assert_eq!(gaps(&history(&collector).await), [], "what was before we looked is no gap of ours");

    let mut events = collector.events().await;
    events.next().await.unwrap();
    let mut told = vec![old];
    // A clock that is right, one that is ahead, and one that was set back.
    let ahead = Duration::from_secs(40);
    for clock in [star_wire::now(), star_wire::now() + ahead, star_wire::now() - hour * 2] {
        let before = star_wire::now();
        told.push(gap(clock));
        peer.tell(&json!({"targets": [], "gaps": told}));
        let Event::Patch(patch) = events.change().await else { panic!("no patch") };
        let [NodeGap { source: Some(0), gap }] = patch.gaps[..] else { panic!("{patch:?}") };
        let near = Duration::from_secs(2);
        assert!(gap.until + near >= before && gap.until <= star_wire::now(), "{gap:?} at {before}");
        assert_eq!(gap.until.duration_since(gap.from).as_secs(), 3);
        peer.asked(3).await;
    }
    assert_eq!(gaps(&history(&collector).await).len(), 3, "each once");
    // The nodes change at the same time: a snapshot tells.
    let resource = json!({"id": "A", "url": other.server.url()}).to_string();
    collector.request(Method::POST, "/resources").body(resource).send().await.unwrap();
    let Event::Snapshot(snapshot) = events.change().await else { panic!("no snapshot") };
    assert_eq!(snapshot.gaps.iter().map(|gap| gap.source).collect::<Vec<_>>(), [Some(1); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_clock_makes_no_transition() {
    let peer = Peer::start().await;
    let target = |since: Timestamp| {
        let kept = json!({"state": "flowing", "since": since});
        json!({"targets": [{
            "reachable": true, "url": "http://127.0.0.1:9/", "state": "reachable", "since": since, "checked_at": since,
            "status_code": 200, "address": "127.0.0.1:9", "kept": kept,
        }]})
    };
    let day = Duration::from_secs(86_400);
    peer.tell(&target(star_wire::now() + day));
    let collector = Collector::start(&[("P", &peer.server.url())], INTERVAL).await;
    let first = until(async || collector.graph().await, |graph| !graph.edges.is_empty()).await;
    let found = &first.edges[0].observation;
    let (since, kept) = (found.since.unwrap(), found.kept.unwrap());
    assert!(since <= star_wire::now() && kept.since <= star_wire::now() && found.checked_at <= Some(star_wire::now()));
    // Fast, jumping, slow.
    for clock in [star_wire::now() + day, star_wire::now() + day * 3, star_wire::now() - day, Timestamp::UNIX_EPOCH] {
        peer.tell(&target(clock));
        peer.asked(3).await;
    }
    let after = collector.graph().await;
    assert_eq!((after.seq, after.edges[0].observation.since), (first.seq, Some(since)), "{after:?}");
    assert_eq!(after.edges[0].observation.kept, Some(kept));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_tells_where_the_check_went_and_when_it_began() {
    let peer = Peer::start().await;
    let tell = |reachable: bool, second: i64| {
        let checked_at = Timestamp::from_second(1_700_000_000 + second).unwrap();
        let state = if reachable { "reachable" } else { "unreachable" };
        peer.tell(&json!({"targets": [{
            "reachable": reachable, "url": "http://127.0.0.1:9/", "state": state, "checked_at": checked_at,
            "address": format!("127.0.0.1:{second}"), "latency_ms": 1.5,
        }]}));
    };
    tell(true, 1);
    let collector = Collector::start(&[("P", &peer.server.url())], INTERVAL).await;
    until(async || collector.graph().await, |graph| !graph.edges.is_empty()).await;
    let mut events = collector.events().await;
    events.next().await.unwrap();
    // Sampled: in the graph, but nobody's news.
    tell(true, 2);
    let checked = |graph: &Graph| graph.edges[0].observation.checked_at.map(Timestamp::as_second);
    until(async || collector.graph().await, |graph| checked(graph) == Some(1_700_000_002)).await;
    tell(false, 3);
    let Event::Patch(patch) = events.change().await else { panic!("no patch") };
    let found = &patch.edges[0].changed[0].1.observation;
    assert_eq!(found.state, State::Unreachable);
    assert_eq!(found.checked_at.map(Timestamp::as_second), Some(1_700_000_003));
    assert_eq!((found.address.unwrap().port(), found.latency_ms), (3, None));
    // And so does the one of a node.
    let node = &collector.graph().await.nodes[0].observation;
    assert!(node.address == Some(peer.server.address) && node.checked_at.is_some(), "{node:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_listed_twice_in_two_states_is_one_edge_and_said() {
    let peer = Peer::start().await;
    let target = |reachable: bool| json!({"reachable": reachable, "url": "http://127.0.0.1:9/"});
    peer.tell(&json!({"targets": [target(true), target(false)]}));
    let collector = Collector::start(&[("P", &peer.server.url())], INTERVAL).await;
    let graph = until(async || collector.graph().await, |graph| !graph.edges.is_empty()).await;
    assert_eq!(graph.edges.iter().map(|edge| edge.observation.state).collect::<Vec<_>>(), [State::Reachable]);
    let node = &graph.nodes[0].observation;
    assert_eq!((node.state, node.reason), (State::Reachable, None));
    assert!(node.message.as_ref().unwrap().contains("http://127.0.0.1:9/ more than once"), "{node:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_forge_a_line_of_the_log() {
    let forged = "\u{1b}[2K\r\n2026-11-28T00:00:00Z  INFO resource removed id=FORGED\u{202e}";
    let peer = Peer::start().await;
    // serde quotes what came.
    *peer.body.lock().unwrap() = json!({"status": forged}).to_string();
    let folder = folder("log");
    let (resources, logfile) = (folder.join("resources.json"), folder.join("log"));
    std::fs::write(&resources, json!([{"id": "P", "url": peer.server.url()}]).to_string()).unwrap();
    let files = [format!("--resources-file={}", resources.display()), format!("--logfile={}", logfile.display())];
    let args = [&*files[0], &files[1], "--log-format=text", "--log-level=debug", "--http-request-seconds=0.2"];
    let process = Process::start(COLLECT, &args, &[]);
    let log = || std::fs::read_to_string(&logfile).unwrap_or_default();
    let listening =
        async || log().split_once("listening address=").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    let address: SocketAddr = until(listening, Option::is_some).await.unwrap();
    peer.asked(3).await;
    for target in [json!({"reachable": 5, "url": forged}), json!({"reachable": true, "url": forged, "since": forged})] {
        peer.tell(&json!({"targets": [target]}));
        peer.asked(3).await;
    }
    let post = |url: String| {
        let body = json!({"id": "A", "url": url}).to_string();
        reqwest::Client::new().post(format!("http://{address}/resources")).body(body).send()
    };
    for url in [format!("http://a/{forged}"), format!("http://a/\n{forged}"), "http://a/\n".to_owned()] {
        let answer = post(url).await.unwrap();
        assert_eq!(answer.status(), 400);
        assert!(answer.text().await.unwrap().contains("control or invisible characters; leave them out"));
    }
    process.signal(Signal::TERM);
    assert_eq!(process.end().code, Some(0));
    let log = log();
    assert!(log.contains("id=FORGED"), "it quotes what is wrong: {log}");
    assert!(!log.lines().any(|line| line.starts_with("2026-11-28T00:00:00Z")), "{log}");
    assert!(!log.contains(['\u{1b}', '\r', '\u{202e}']), "{log}");
}
