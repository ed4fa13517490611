//! The collector in the manifests' memory, with hostile peers and hostile clients of all kinds: it stays up, answers for its
//! health, fetches from the healthy on time, and tells nothing false of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use star_fixture::process::folder;
use star_fixture::server::{Fixture, until};
use star_fixture::siege::{Group, MEMORY, Siege, healthz, start};
use tokio::time::Instant;

const COLLECT: &str = env!("CARGO_BIN_EXE_star-collect");
const LARGE: &[&str] = &["/api/v1/graph", "/responses", "/api/v1/history", "/api/v1/graph/events"];
const HEALTHY: usize = 10;

/// With `hostile` peers and as many clients for `time`; the longest times of `/healthz`, and between two fetches of a healthy peer.
async fn besieged(name: &str, hostile: usize, time: Duration, interval: &str) -> (Vec<Duration>, Duration) {
    let (siege, group) = (Siege::default(), Group::new(name));
    // Each lists a hundred others, so that bodies are large.
    let targets: Vec<_> = (0..100).map(|n| json!({"reachable": true, "url": format!("http://t{n}.test/")})).collect();
    let body = json!({"status": {"targets": targets}}).to_string();
    let healthy = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (mut resources, mut good) = (Vec::new(), Vec::new());
    for number in 0..HEALTHY {
        good.push(Fixture::answering(healthy.clone()).await);
        resources.push(json!({"id": format!("good{number}"), "url": good[number].url()}));
    }
    for (number, url) in siege.peers(hostile).await.into_iter().enumerate() {
        resources.push(json!({"id": format!("bad{number}"), "url": url}));
    }
    let file = folder(name).join("resources.json");
    fs::write(&file, json!(resources).to_string()).unwrap();
    let log = folder(&format!("{name}-log")).join("log").display().to_string();
    // The line that tells the address is below `warn`: a free port is chosen here.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = [
        format!("--resources-file={}", file.display()),
        format!("--http-request-seconds={interval}"),
        format!("--timeout-seconds={interval}"),
        format!("--http-port={}", address.port()),
        "--log-level=warn".to_owned(),
    ];
    let args = args.each_ref().map(String::as_str);
    let mut collect = start(group.as_ref(), COLLECT, &args, &[("STAR_LOGFILE", &log)]);
    let url = format!("http://{address}");
    let history = async || -> Value {
        let answer = reqwest::get(format!("{url}/api/v1/history")).await;
        let Ok(answer) = answer else { return Value::Null };
        answer.json().await.unwrap_or_default()
    };
    until(async || reqwest::get(format!("{url}/healthz")).await.is_ok(), |up| *up).await;
    siege.clients(address, hostile, LARGE);
    let started = Instant::now();
    let took = healthz(address, time).await;
    let ended = Instant::now();
    let late = good.iter().flat_map(|peer| {
        // A peer that is not fetched any more, or never, is late as well.
        let fetched = peer.arrivals().into_iter().filter(|at| *at > started && *at < ended);
        let moments: Vec<_> = [started].into_iter().chain(fetched).chain([ended]).collect();
        moments.windows(2).map(|two| two[1] - two[0]).collect::<Vec<_>>()
    });
    let late = late.max().unwrap();
    assert!(collect.runs(), "it ended");
    let resident = collect.peak();
    let peak = group.as_ref().map_or(resident, Group::peak);
    assert!(peak <= MEMORY && resident <= MEMORY, "{peak} bytes in use, {resident} resident");
    drop(siege);

    let told = until(history, |told| told["events"].is_array()).await;
    let first = &told["events"][0];
    let ids: Vec<_> = first["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    let flips = told["events"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|event| event["nodes"].as_array().cloned().unwrap_or_default());
    let flips: Vec<_> = flips
        .filter(|patch| {
            patch["node"].as_u64().is_some_and(|node| ids.get(node as usize).is_some_and(|id| id.starts_with("good")))
        })
        .filter(|patch| !matches!(patch["state"].as_str(), Some("reachable" | "pending")))
        .collect();
    assert!(flips.is_empty(), "false transitions: {flips:?}");
    println!(
        "{hostile} peers and clients for {time:?}: {} MiB at most, /healthz {:?} at most of {}, {late:?} between two fetches at most",
        peak >> 20,
        took[0],
        took.len()
    );
    (took, late)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_siege_costs_the_collector_neither_its_memory_nor_its_health_nor_the_truth() {
    // Few and for a moment: other tests run beside this one. Long enough for two slots of each peer, whichever they are.
    let (took, late) = besieged("siege", 33, Duration::from_secs(8), "3").await;
    assert!(late < Duration::from_secs(7), "{late:?} between two fetches");
    assert!(took[took.len() / 10] < Duration::from_secs(1), "{:?}", &took[..=took.len() / 10]);
}

/// `cargo test --release -p star-collect --test siege -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute, and a machine of its own"]
async fn a_minute_of_300_hostile_peers_and_300_hostile_clients() {
    let (took, late) = besieged("siege-long", 300, Duration::from_secs(60), "1").await;
    assert!(took[0] < Duration::from_millis(100), "/healthz took {:?}", &took[..10]);
    assert!(late < Duration::from_millis(1500), "{late:?} between two fetches");
}
