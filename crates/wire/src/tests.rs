//! Each golden file is read and written back: the same JSON comes out.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::event::{Event, Heartbeat, History, Patch};
use crate::graph::Graph;
use crate::observation::State;
use crate::resource::{ResourceBody, ResourcesBody};
use crate::response::{ResponseBody, ResponsesBody};
use crate::status::StatusBody;
use crate::{AtomicI64, Timestamp, now, steady};

macro_rules! golden {
    ($file:literal) => {
        include_str!(concat!("../golden/", $file, ".json"))
    };
}

fn round_trip<T: DeserializeOwned + Serialize>(golden: &str) -> T {
    let parsed: T = serde_json::from_str(golden).unwrap();
    let written: Value = serde_json::to_value(&parsed).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(golden).unwrap());
    parsed
}

#[test]
fn the_present_never_runs_backwards_and_never_stands() {
    let ahead = AtomicI64::new(i64::MIN);
    let at = |wall, run| steady(Timestamp::from_millisecond(wall).unwrap(), run, &ahead).as_millisecond();
    assert_eq!([at(10_000, 0), at(10_500, 500)], [10_000, 10_500]);
    // Set back by ten seconds; then forward again, and beyond.
    assert_eq!([at(1_000, 1_000), at(1_500, 1_500)], [11_000, 11_500]);
    assert_eq!([at(12_000, 2_000), at(99_000, 2_500)], [12_000, 99_000]);
    assert!(now() <= now());
}

#[test]
fn every_golden_file_reads_and_writes_back() {
    round_trip::<StatusBody>(golden!("status"));
    round_trip::<ResourcesBody>(golden!("resources"));
    round_trip::<ResourceBody>(golden!("resource"));
    round_trip::<ResponsesBody>(golden!("responses"));
    round_trip::<ResponsesBody>(golden!("responses-example"));
    round_trip::<ResponseBody>(golden!("response"));
    round_trip::<Graph>(golden!("graph"));
    round_trip::<History>(golden!("history"));
    let heartbeat = round_trip::<Event>(golden!("heartbeat"));
    assert!(matches!(heartbeat, Event::Heartbeat(Heartbeat { seq: 13, .. })));
}

#[test]
fn a_status_begins_each_target_with_the_two_keys_of_the_original() {
    let status: StatusBody = serde_json::from_str(golden!("status")).unwrap();
    let written = serde_json::to_string(&status).unwrap();
    assert!(written.starts_with(
        r#"{"status":{"targets":[{"reachable":true,"url":"http://frontend.stars:80/status","state":"reachable","#
    ));
}

#[test]
fn the_status_of_the_original_parses() {
    let body: StatusBody = serde_json::from_str(golden!("status-original")).unwrap();
    let states: Vec<_> = body.status.targets.iter().map(|target| target.observation.state).collect();
    assert_eq!(states, [State::Unreachable, State::Reachable]);
    assert_eq!(body.status.targets[0].observation.reason, None);
}

#[test]
fn keys_of_a_newer_peer_are_ignored() {
    let newer = golden!("status").replace(r#""reachable": true"#, r#""reachable": true, "colour": {"deep": [1]}"#);
    assert_ne!(newer, golden!("status"));
    assert_eq!(
        serde_json::from_str::<StatusBody>(&newer).unwrap(),
        serde_json::from_str::<StatusBody>(golden!("status")).unwrap()
    );
    let newer = golden!("history").replace(r#""prev": 9"#, r#""prev": 9, "colour": "red""#);
    assert_ne!(newer, golden!("history"));
    let history: History = serde_json::from_str(&newer).unwrap();
    assert!(matches!(history.events[1], Event::Patch(Patch { prev: 9, .. })));
}

#[test]
fn an_edge_always_has_a_place_for_what_is_expected() {
    let graph: Value = serde_json::to_value(round_trip::<Graph>(golden!("graph"))).unwrap();
    assert!(graph["edges"].as_array().unwrap().iter().all(|edge| edge.get("expected").is_some()));
}
