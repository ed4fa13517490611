//! The event stream and the history: complete, in order, alive, and no obstacle at the end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use star_fixture::collector::{Collector, replay, seq, timeless};
use star_fixture::original::Original;
use star_fixture::server::until;
use star_wire::event::{Event, History};
use star_wire::graph::Graph;
use star_wire::observation::State;
use tokio::time::Instant;

const INTERVAL: Duration = Duration::from_millis(100);
const NOWHERE: &str = "http://127.0.0.1:9/";

/// The states of the edges out of `source`.
fn edges(graph: &Graph, source: &str) -> Vec<State> {
    graph.edges.iter().filter(|edge| edge.source == source).map(|edge| edge.observation.state).collect()
}

/// A collector of two peers, with a client that has everything to come.
async fn changing() -> (Collector, Original, Original) {
    let (a, b) = (Original::start().await, Original::start().await);
    a.tell(&[(true, &b.url()), (true, NOWHERE)]);
    b.tell(&[(true, &a.url())]);
    let collector = Collector::start(&[("A", &a.url()), ("B", &b.url())], INTERVAL).await;
    until(async || collector.graph().await.edges.len(), |edges| *edges == 3).await;
    (collector, a, b)
}

/// Lets everything change that can.
async fn change(collector: &Collector, a: &Original, b: &Original) {
    let becomes = async |source: &str, states: &[State]| {
        until(async || collector.graph().await, |graph| edges(graph, source) == states).await;
    };
    use State::{Reachable, Unknown, Unreachable};
    for _ in 0..3 {
        a.tell(&[(false, &b.url()), (true, NOWHERE)]);
        becomes("A", &[Unreachable, Reachable]).await;
        a.tell(&[(true, &b.url()), (false, NOWHERE)]);
        becomes("A", &[Reachable, Unreachable]).await;
        a.tell(&[(true, NOWHERE)]);
        becomes("A", &[Reachable]).await;
        b.tell(&[(true, &a.url())]);
        becomes("B", &[Reachable]).await;
        b.fall();
        becomes("B", &[Unknown]).await;
        b.tell(&[(false, &a.url()), (true, "http://127.0.0.1:10/")]);
        becomes("B", &[Unreachable, Reachable]).await;
        let resource = json!({"id": "C", "url": b.url()}).to_string();
        collector.request(Method::POST, "/resources").body(resource).send().await.unwrap();
        becomes("C", &[Unreachable, Reachable]).await;
        collector.request(Method::DELETE, "/resources/C").send().await.unwrap();
        becomes("C", &[]).await;
    }
    // A row that is replaced as a whole would hide that a change in it was never told.
    a.tell(&[(false, NOWHERE)]);
    becomes("A", &[Unreachable]).await;
    b.fall();
    becomes("B", &[Unknown, Unknown]).await;
}

#[tokio::test]
async fn a_stream_is_a_snapshot_and_then_patches_that_lead_to_the_graph() {
    let (collector, a, b) = changing().await;
    let mut stream = collector.events().await;
    change(&collector, &a, &b).await;
    let graph = collector.graph().await;
    let mut events = vec![stream.next().await.unwrap()];
    while seq(events.last().unwrap()) < graph.seq {
        events.push(stream.next().await.unwrap());
    }
    assert!(matches!(events[0], Event::Snapshot(_)));
    assert!(events.iter().filter(|event| matches!(event, Event::Patch(_))).count() >= 9, "{events:#?}");
    assert_eq!(replay(&events), timeless(graph));
}

#[tokio::test]
async fn the_history_leads_to_the_graph() {
    let (collector, a, b) = changing().await;
    change(&collector, &a, &b).await;
    let graph = collector.graph().await;
    let history: History = serde_json::from_value(collector.json("/api/v1/history").await).unwrap();
    assert!(history.events.len() > 20);
    assert_eq!(replay(&history.events), timeless(graph));
}

#[tokio::test]
async fn a_client_that_comes_back_gets_a_snapshot_of_now() {
    let (collector, a, b) = changing().await;
    let first = collector.events().await.next().await.unwrap();
    change(&collector, &a, &b).await;
    let again = collector.events().await.next().await.unwrap();
    let graph = collector.graph().await;
    assert!(matches!(again, Event::Snapshot(_)) && seq(&first) < seq(&again));
    assert_eq!(replay(&[again]), timeless(graph));
}

#[tokio::test]
async fn a_heartbeat_comes_when_nothing_else_does() {
    let collector = Collector::start(&[], INTERVAL).await;
    let mut events = collector.events().await;
    let number = seq(&events.next().await.unwrap());
    for _ in 0..2 {
        let since = Instant::now();
        let event = events.next().await.unwrap();
        assert!(matches!(&event, Event::Heartbeat(beat) if beat.seq == number), "{event:?}");
        assert!(since.elapsed() < Duration::from_millis(2500), "after {:?}", since.elapsed());
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_asked_has_unknown_edges() {
    let (collector, a, _b) = changing().await;
    let mut events = collector.events().await;
    events.next().await.unwrap();
    a.fall();
    let Event::Patch(patch) = events.change().await else { panic!("no patch") };
    let [row] = &patch.edges[..] else { panic!("{patch:?}") };
    assert!(row.changed.iter().all(|(_, edge)| edge.observation.state == State::Unknown), "{patch:?}");
    assert_eq!(patch.nodes[0].observation.state, State::Unreachable);
    let graph = collector.graph().await;
    assert_eq!(edges(&graph, "A"), [State::Unknown, State::Unknown]);
    assert_eq!(edges(&graph, "B"), [State::Reachable]);
    assert!(collector.json("/responses").await["responses"]["A"].is_null());
}

#[tokio::test]
async fn streams_end_with_the_collector_and_do_not_hold_it_up() {
    let (collector, _a, _b) = changing().await;
    let mut streams = [collector.events().await, collector.events().await];
    let took = collector.stop().await;
    assert!(took < Duration::from_millis(1500), "{took:?}");
    for stream in &mut streams {
        while stream.next().await.is_some() {}
    }
}
