//! From the commit of a policy's rules to the event at a client of the collector's stream.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{Lab, circumstances};
use crate::figure::Figure;

/// What is measured: client to backend.
const EDGE: &str = "C>B";

pub(super) fn measure(program: &PathBuf, toggles: usize) -> anyhow::Result<String> {
    let lab = Lab::start(program, &[])?;
    let mut events = lab.events()?;
    events.wait_for(EDGE, "reachable")?;
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "bench", "namespace": "stars"},
        "spec": {
            "podSelector": {"matchLabels": {"role": "backend"}},
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"role": "management-ui"}}}]}],
        },
    });
    let committed = |answer: Value| answer["enforced_ns"].as_u64().context("star-lab does not say when");
    let (mut denied, mut allowed) = (Vec::new(), Vec::new());
    for toggle in 0..toggles {
        if toggle % 20 == 0 {
            eprintln!("toggle {toggle} of {toggles}");
        }
        sleep(phase(2 * toggle));
        let at = committed(lab.apply(&policy)?)?;
        denied.push((events.wait_for(EDGE, "unreachable")?.at_ns - at) as f64 / 1e6);
        sleep(phase(2 * toggle + 1));
        let names = ["bench"];
        let delete = json!({"DeleteNamed": {"kind": "NetworkPolicies", "names": names, "namespace": "stars"}});
        let at = committed(lab.ask(&delete)?)?;
        allowed.push((events.wait_for(EDGE, "reachable")?.at_ns - at) as f64 / 1e6);
    }
    let row = |what: &str, took: &[f64], original: &str, goals: [f64; 2]| {
        let figure = Figure::of(took, |ms| *ms);
        let cell = |q: f64, goal: f64| {
            let seconds = figure.quantile(q) / 1e3;
            format!("{seconds:.2} s (≤ {goal} s: {})", if seconds <= goal { "met" } else { "**missed**" })
        };
        let longest = figure.quantile(1.0) / 1e3;
        format!("| {what} | {} | {} | {longest:.2} s | {original} |\n", cell(0.5, goals[0]), cell(0.99, goals[1]))
    };
    Ok(format!(
        "{}. {toggles} toggles each, at random phases.\n\n\
         | from the rules' commit to the event at a stream client | p50 | p99 | longest | original |\n\
         | --- | --- | --- | --- | --- |\n{}{}",
        circumstances(),
        row("policy denies", &denied, "139 s, and a reload", [1.6, 2.2]),
        row("policy allows", &allowed, "9 s, and a reload", [0.6, 1.1])
    ))
}

/// A pause of half a second to one and a half: the least lets the last change settle, the rest makes the phase random.
/// By the golden ratio, which spreads any number of them evenly.
fn phase(number: usize) -> Duration {
    Duration::from_secs_f64(0.5 + (number as f64 * 0.618_033_988_749_895).fract())
}
