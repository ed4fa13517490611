//! Old and new peers in both directions, and peers that are neither.

use std::future::pending;
use std::time::Duration;

use serde::Deserialize;
use star_daemon::check::Resolver;
use star_fixture::collector::Collector;
use star_fixture::original::{Original, status};
use star_fixture::probe::Probe;
use star_fixture::server::{Fixture, OK, head, until};
use star_wire::event::Event;
use star_wire::graph::{Graph, Kind};
use star_wire::observation::{Reason, State};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_millis(300);
const NOWHERE: &str = "http://127.0.0.1:9/";

/// Source, target, state, reason of each edge.
fn edges(graph: &Graph) -> Vec<(&str, &str, State, Option<Reason>)> {
    let edge = |edge: &'_ star_wire::graph::Edge| (edge.observation.state, edge.observation.reason);
    graph.edges.iter().map(|e| (&*e.source, &*e.target, edge(e).0, edge(e).1)).collect()
}

async fn probe(urls: &[String]) -> Probe {
    let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
    Probe::start(urls, resolver, INTERVAL, INTERVAL).await
}

#[test]
fn the_fixture_is_the_original_to_the_byte() {
    let golden = include_str!("../../wire/golden/status-original.json");
    assert_eq!(status(&[(false, "http://127.0.0.1:9/"), (true, "http://127.0.0.1:9300/ok")]), golden.trim_end());
}

#[tokio::test]
async fn old_probes_make_a_graph_and_are_asked_once_per_interval() {
    let (f, b) = (Original::start().await, Original::start().await);
    f.tell(&[(true, &b.url()), (false, &f.url()), (true, NOWHERE)]);
    b.tell(&[(false, &f.url())]);
    // The original knows `/status` and not one byte more.
    let query = format!("{}?x=1", b.url());
    let collector = Collector::start(&[("F", &f.url()), ("B", &b.url()), ("Q", &query)], INTERVAL).await;
    let asked = until(async || f.server.arrivals(), |asked| asked.len() >= 8).await;

    let graph = collector.graph().await;
    assert_eq!(
        edges(&graph),
        [
            ("B", "F", State::Unreachable, None),
            ("F", "B", State::Reachable, None),
            ("F", "F", State::Unreachable, None),
            ("F", NOWHERE, State::Reachable, None),
        ]
    );
    let nodes: Vec<_> = graph.nodes.iter().map(|node| (&*node.id, node.kind, node.observation.status_code)).collect();
    let resource = |id, code| (id, Kind::Resource, Some(code));
    assert_eq!(nodes, [resource("B", 200), resource("F", 200), resource("Q", 404), (NOWHERE, Kind::Target, None)]);
    assert!(collector.json("/responses").await["responses"]["Q"].is_null());

    let (took, due) = (asked[7] - asked[0], 7 * INTERVAL);
    assert!(took > due - INTERVAL / 2 && took < due + INTERVAL * 3, "8 polls in {took:?}");
}

#[tokio::test]
async fn a_new_probe_answers_an_old_collector_at_once_and_as_the_original_did() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Old {
        reachable: bool,
        url: String,
    }
    let target = Fixture::answering(OK).await;
    // The second without a scheme: to the byte as configured.
    let urls = [target.url(), "127.0.0.1:9".to_owned()];
    let probe = probe(&urls).await;
    let checked = |body: &star_wire::status::StatusBody| {
        body.status.targets.iter().all(|target| target.observation.state != State::Pending)
    };
    until(async || probe.status().await, checked).await;
    let asked = Instant::now();
    let response = reqwest::get(format!("http://{}/status", probe.address)).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    let body = response.text().await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(500), "after {:?}", asked.elapsed());
    let start = format!(r#"{{"status":{{"targets":[{{"reachable":true,"url":"{}","#, urls[0]);
    assert!(body.starts_with(&start), "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let targets: Vec<Old> = serde_json::from_value(body["status"]["targets"].clone()).unwrap();
    let [first, second] = urls;
    assert_eq!(targets, [Old { reachable: true, url: first }, Old { reachable: false, url: second }]);
}

#[tokio::test]
async fn an_old_and_a_new_probe_see_each_other() {
    let old = Original::start().await;
    let new = probe(&[old.url(), NOWHERE.to_owned()]).await;
    let url = format!("http://{}/status", new.address);
    old.tell(&[(true, &url)]);
    let collector = Collector::start(&[("new", &url), ("old", &old.url())], INTERVAL).await;
    let expected = [
        ("new", "old", State::Reachable, None),
        ("new", NOWHERE, State::Unreachable, Some(Reason::ConnectionRefused)),
        ("old", "new", State::Reachable, None),
    ];
    until(async || collector.graph().await, |graph| edges(graph) == expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_are_no_probes_are_null_and_delay_nobody() {
    let ok =
        |body: &[u8]| [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    let long = format!("\"{}\"", "x".repeat(10_000_000));
    let endless = Fixture::start(async |mut stream| {
        head(&mut stream).await;
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n[").await;
        while sent.is_ok() {
            sent = stream.write_all(&[b' '; 1024]).await;
        }
    });
    let bad = [
        ("endless", endless.await),
        ("long", Fixture::answering(ok(long.as_bytes())).await),
        ("redirect", Fixture::answering("HTTP/1.1 302 Found\r\nLocation: /status\r\nContent-Length: 0\r\n\r\n").await),
        ("silent", Fixture::start(async |_open| pending().await).await),
        ("text", Fixture::answering(ok(b"no JSON")).await),
        ("utf8", Fixture::answering(ok(b"\"\xff\"")).await),
    ];
    let good = Original::start().await;
    good.tell(&[(true, NOWHERE)]);
    let urls: Vec<_> = bad.iter().map(|(id, server)| (*id, server.url())).chain([("good", good.url())]).collect();
    let resources: Vec<_> = urls.iter().map(|(id, url)| (*id, &**url)).collect();
    let collector = Collector::start(&resources, INTERVAL).await;
    let mut events = collector.events().await;
    until(async || bad.iter().map(|(_, server)| server.arrivals().len()).min(), |asked| *asked >= Some(2)).await;

    for reachable in [false, true].repeat(5) {
        let since = Instant::now();
        good.tell(&[(reachable, NOWHERE)]);
        let state = if reachable { State::Reachable } else { State::Unreachable };
        loop {
            let Event::Patch(patch) = events.change().await else { continue };
            if patch.edges.iter().any(|row| row.changed[0].1.observation.state == state) {
                break;
            }
        }
        assert!(since.elapsed() < INTERVAL + Duration::from_millis(500), "shown after {:?}", since.elapsed());
    }
    let responses = collector.json("/responses").await;
    for (id, _) in bad {
        assert!(responses["responses"][id].is_null(), "{id}: {}", responses["responses"][id]);
        let nodes = collector.graph().await.nodes;
        let node = nodes.iter().find(|node| node.id == id).unwrap();
        let expected = match id {
            "silent" => (State::Unreachable, Some(Reason::ResponseTimeout)),
            _ => (State::Reachable, Some(Reason::InvalidResponse)),
        };
        assert_eq!((node.observation.state, node.observation.reason), expected, "{id}");
    }
    assert!(responses["responses"]["good"].is_object());
}

#[tokio::test]
async fn an_older_probes_strong_tag_comes_back_as_it_was_and_keeps_what_it_told() {
    let tag = "\"0123456789abcdef-0\"";
    let (asked, mut requests) = mpsc::unbounded_channel();
    let peer = Fixture::start(move |mut stream| {
        let asked = asked.clone();
        async move {
            let Some(request) = head(&mut stream).await else { return };
            let known = request.lines().any(|line| line.eq_ignore_ascii_case(&format!("if-none-match: {tag}")));
            let _ = asked.send(known);
            let fields = format!("ETag: {tag}\r\nPreference-Applied: wait=1\r\n");
            let body = status(&[(true, NOWHERE)]);
            let answer = match known {
                true => format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n"),
                false => format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len()),
            };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    let collector = Collector::start(&[("old", &peer.url())], INTERVAL).await;
    assert!(!requests.recv().await.unwrap(), "nothing is known at first");
    for _ in 0..5 {
        assert!(requests.recv().await.unwrap(), "the same tag, strong as it was");
    }
    let graph = collector.graph().await;
    assert_eq!(edges(&graph), [("old", NOWHERE, State::Reachable, None)]);
    assert_eq!(graph.nodes[0].observation.status_code, Some(200));
}
