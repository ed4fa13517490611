//! A collector, run as its program does, and a client of its event stream.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use star_collect::{Config, Entry};
use star_daemon::check::{Checker, Guard, Resolver};
use star_wire::event::Event;
use star_wire::graph::{Edge, Graph, Node};
use star_wire::resource::Resource;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Collector {
    pub(crate) async fn start(resources: &[(&str, &str)], interval: Duration) -> Self {
        Self::with_token(resources, interval, None).await
    }

    pub(crate) async fn with_token(resources: &[(&str, &str)], interval: Duration, token: Option<PathBuf>) -> Self {
        let entry = |(id, url): &(&str, &str)| {
            Entry::try_from(Resource { id: (*id).to_owned(), url: (*url).to_owned() }).unwrap()
        };
        let resources = resources.iter().map(entry).collect();
        // Long, so that a busy machine alone is not a reason for a transition.
        let config = Config { resources, interval, timeout: Duration::from_secs(1), admin_token_file: token };
        // Nobody answers there: names lead nowhere.
        let resolver = Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1);
        let checker = Checker::new(resolver, Guard::NoLinkLocal);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let running = tokio::spawn(star_collect::run(config, checker, listener, shutdown.clone()));
        Self { address, shutdown, running }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        Client::new().request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        assert_eq!((response.status().as_u16(), path), (200, path));
        assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
        response.json().await.unwrap()
    }

    pub(crate) async fn graph(&self) -> Graph {
        serde_json::from_value(self.json("/api/v1/graph").await).unwrap()
    }

    pub(crate) async fn events(&self) -> Events {
        let response = self.get("/api/v1/graph/events").send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { response, text: String::new() }
    }

    /// How long a shutdown takes.
    pub(crate) async fn stop(self) -> Duration {
        let started = Instant::now();
        self.shutdown.cancel();
        timeout(Duration::from_secs(5), self.running).await.expect("it does not end").unwrap().unwrap();
        started.elapsed()
    }
}

/// A client of the event stream.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                let told: Event = serde_json::from_str(field("data").unwrap()).unwrap();
                assert_eq!(field("event"), Some(told.name()));
                assert_eq!(field("id"), Some(&*seq(&told).to_string()));
                self.text = rest.to_owned();
                return Some(told);
            }
            let chunk = timeout(Duration::from_secs(5), self.response.chunk()).await.expect("silence");
            self.text += std::str::from_utf8(&chunk.ok()??).unwrap();
        }
    }

    /// The next event that is not a heartbeat.
    pub(crate) async fn change(&mut self) -> Event {
        loop {
            match self.next().await.expect("the stream ended") {
                Event::Heartbeat(_) => {}
                change => return change,
            }
        }
    }
}

/// The number of the state that an event leads to.
pub(crate) fn seq(event: &Event) -> u64 {
    match event {
        Event::Snapshot(snapshot) => snapshot.seq,
        Event::Patch(patch) => patch.seq,
        Event::Heartbeat(heartbeat) => heartbeat.seq,
    }
}

/// The graph that a series of events leads to, beginning with a snapshot; without latencies, which events do not tell.
pub(crate) fn replay(events: &[Event]) -> Graph {
    let Some(Event::Snapshot(first)) = events.first() else { panic!("it begins with {:?}", events.first()) };
    let mut state = first.clone();
    for event in &events[1..] {
        match event {
            Event::Snapshot(snapshot) => state = snapshot.clone(),
            Event::Patch(patch) => {
                assert!(patch.prev == state.seq && patch.seq > patch.prev, "{patch:?} after {}", state.seq);
                for change in &patch.nodes {
                    state.nodes[change.node].observation = change.observation.clone();
                }
                for row in &patch.rows {
                    state.rows.retain(|known| known.source != row.source);
                    state.rows.push(row.clone());
                }
                for change in &patch.edges {
                    let row = state.rows.iter_mut().find(|row| row.source == change.source).unwrap();
                    for (place, edge) in &change.changed {
                        row.edges[*place] = edge.clone();
                    }
                }
                (state.seq, state.at) = (patch.seq, patch.at);
            }
            Event::Heartbeat(_) => {}
        }
    }
    state.rows.sort_by_key(|row| row.source);
    let id = |node: usize| state.nodes[node].id.clone();
    let edges = state.rows.iter().flat_map(|row| {
        row.edges.iter().map(|edge| Edge {
            source: id(row.source),
            target: id(edge.target),
            observation: edge.observation.clone(),
            expected: edge.expected,
        })
    });
    let edges = edges.collect();
    Graph { seq: state.seq, at: state.at, nodes: state.nodes, edges }
}

/// The same without latencies.
pub(crate) fn timeless(mut graph: Graph) -> Graph {
    let nodes = graph.nodes.iter_mut().map(|Node { observation, .. }| observation);
    for observation in nodes.chain(graph.edges.iter_mut().map(|edge| &mut edge.observation)) {
        observation.latency_ms = None;
    }
    graph
}
