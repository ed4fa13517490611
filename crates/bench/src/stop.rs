//! Daemons that are stopped and go on (SIGSTOP, as a freezer or a debugger does): no false transition, and each stop told as
//! a gap.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::Value;

use crate::measure::beside;
use crate::program::{Server, Service, Tie};
use crate::table::Table;

/// How a target that takes its time does so.
const SLOW: Duration = Duration::from_millis(100);

/// How late the collector may know that a probe stands still, or goes on: its wait, its time-out, and the next poll.
const LEEWAY: Duration = Duration::from_millis(2500);

/// How much of a stop a gap may lack: what is between two beats of the pulse, and a busy machine.
const EDGE: Duration = Duration::from_millis(300);

/// Stop probe and collector at random times, and see what the history tells
#[derive(clap::Args)]
pub(crate) struct Stops {
    /// How often
    #[arg(long, default_value_t = 100)]
    stops: usize,
    /// Run the star-probe and star-collect in this folder, instead of those beside this program
    #[arg(long)]
    from: Option<PathBuf>,
}

/// That somebody was stopped.
struct Stop {
    probe: bool,
    from: Timestamp,
    until: Timestamp,
}

impl Stops {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self { stops: count, from } = self;
        let folder = from.map_or_else(beside, Ok)?;
        let refused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let targets = [target(Duration::ZERO)?, target(SLOW)?, target(SLOW * 5)?, refused];
        let urls: Vec<_> = targets.iter().map(|target| format!("http://{target}/")).collect();
        let probe = Service::probe(&folder, &urls).start(Tie::Fast)?.settle()?;
        let collector = Service::collector(&folder, &probe, 1).start(Tie::Fast)?.settle()?;
        sleep(LEEWAY);
        let started = seq(&history(&collector)?).context("the history is empty")?;

        let mut stops = Vec::new();
        for number in 0..count {
            // By the golden ratio, which spreads any number of them evenly; its powers are as good as independent.
            let random = |power: i32| (number as f64 * 1.618_033_988_749_895_f64.powi(power)).fract();
            sleep(Duration::from_secs_f64(2.5 + random(1)));
            let length = Duration::from_secs_f64(0.5 + 9.5 * random(2).powi(2));
            let (probe_stops, from) = (number % 2 == 0, Timestamp::now());
            let process = if probe_stops { &probe.process } else { &collector.process };
            process.signal(Signal::STOP)?;
            sleep(length);
            process.signal(Signal::CONT)?;
            let until = Timestamp::now();
            eprintln!(
                "stop {} of {count}: {} for {length:.2?}",
                number + 1,
                ["collector", "probe"][usize::from(probe_stops)]
            );
            stops.push(Stop { probe: probe_stops, from, until });
        }
        sleep(LEEWAY);
        let events = history(&collector)?;
        let transitions = false_transitions(&events, started, &stops);
        let untold: Vec<_> = stops.iter().filter(|stop| !told(&events, stop)).collect();
        for transition in &transitions {
            eprintln!("false: {transition}");
        }
        for Stop { probe, from, until } in &untold {
            eprintln!("not told: {} {from} {until}", if *probe { "probe" } else { "collector" });
        }
        println!(
            "{}.\n\n| stops | of | false transitions | not told as a gap |\n| --- | --- | --- | --- |\n\
             | {count} | 0.5 to 10 s, probe and collector in turns | {} | {} |\n",
            Table::new([]).circumstances.join(", "),
            transitions.len(),
            untold.len(),
        );
        ensure!(transitions.is_empty() && untold.is_empty(), "a stop was told as something else, or not at all");
        Ok(())
    }
}

/// A server that answers after a while.
fn target(after: Duration) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                sleep(after);
                let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            });
        }
    });
    Ok(address)
}

fn history(collector: &Server) -> anyhow::Result<Vec<Value>> {
    let answer = collector.get_path("/api/v1/history")?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let history: Value = serde_json::from_str(body)?;
    Ok(history["events"].as_array().context("no events")?.clone())
}

fn seq(events: &[Value]) -> Option<u64> {
    events.last()?["seq"].as_u64()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What the history tells after `started` that was not so. All targets are at all times as they were. The collector cannot
/// reach a probe that is stopped; then, and only then, it and its edges are not known.
fn false_transitions(events: &[Value], started: u64, stops: &[Stop]) -> Vec<String> {
    let mut found = Vec::new();
    for event in events.iter().filter(|event| event["seq"].as_u64() > Some(started)) {
        let at: Option<Timestamp> = event["at"].as_str().and_then(|at| at.parse().ok());
        let unknown_is_true =
            stops.iter().any(|stop| stop.probe && at.is_some_and(|at| stop.from <= at && at <= stop.until + LEEWAY));
        let edges = list(&event["edges"]).flat_map(|row| list(&row["changed"])).map(|changed| &changed[1]);
        let wrong_edge = |edge: &&Value| match edge["state"].as_str() {
            Some("reachable") => false,
            Some("unreachable") => edge["reason"] != "connection_refused",
            _ => !unknown_is_true,
        };
        let wrong_node = |node: &&Value| match node["state"].as_str() {
            Some("reachable") => node.get("reason").is_some(),
            _ => !unknown_is_true,
        };
        let wrong = edges.filter(wrong_edge).chain(list(&event["nodes"]).filter(wrong_node));
        let wrong = wrong.chain(list(&event["rows"]));
        found.extend(wrong.map(|what| format!("{} {what}", event["at"])));
    }
    found
}

/// Whether a gap tells of `stop`.
fn told(events: &[Value], stop: &Stop) -> bool {
    let gaps = events.iter().flat_map(|event| list(&event["gaps"]));
    gaps.filter(|gap| gap.get("source").is_some() == stop.probe).any(|gap| {
        let at = |key: &str| gap[key].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        let (Some(from), Some(until)) = (at("from"), at("until")) else { return false };
        from <= stop.from + EDGE && until + EDGE >= stop.until && until <= stop.until + LEEWAY
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stop(probe: bool) -> Stop {
        let at = |second| Timestamp::from_second(second).expect("a time");
        Stop { probe, from: at(100), until: at(105) }
    }

    #[test]
    fn what_is_not_known_is_true_only_while_the_probe_is_stopped() {
        let patch = |at: &str, state: &str, reason: &str| {
            let change = json!({"node": 0, "state": state, "reason": reason});
            json!({"seq": 2, "at": at, "nodes": [change], "edges": [{"changed": [[0, change]]}]})
        };
        let count = |patch, stop| false_transitions(&[patch], 1, &[stop]).len();
        let (during, after) = ("1970-01-01T00:01:42Z", "1970-01-01T00:01:50Z");
        assert_eq!(count(patch(during, "unknown", "x"), stop(true)), 0);
        assert_eq!(count(patch(during, "unknown", "x"), stop(false)), 2);
        assert_eq!(count(patch(after, "unknown", "x"), stop(true)), 2);
        assert_eq!(count(patch(during, "unreachable", "response_timeout"), stop(true)), 1);
    }

    #[test]
    fn a_gap_tells_of_the_stop_that_it_covers() {
        let gap = |source: Value| json!({"source": source, "from": "1970-01-01T00:01:40Z", "until": "1970-01-01T00:01:45.02Z"});
        let mut ours = gap(json!(0));
        ours.as_object_mut().expect("an object").remove("source");
        let events = |gap| [json!({"gaps": [gap]})];
        assert!(told(&events(gap(json!(0))), &stop(true)) && told(&events(ours.clone()), &stop(false)));
        assert!(!told(&events(ours), &stop(true)) && !told(&events(gap(json!(0))), &stop(false)));
        let mut short = gap(json!(0));
        short["until"] = json!("1970-01-01T00:01:43Z");
        assert!(!told(&events(short), &stop(true)));
    }
}
