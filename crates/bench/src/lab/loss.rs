//! False verdicts while packets are lost at random: every change is one, since nothing is denied.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Lab, circumstances};
use crate::figure::Figure;

/// What the lab checks once a second: eight edges, and the collector three probes.
const CHECKS_PER_SECOND: f64 = 11.0;

pub(super) fn measure(program: &PathBuf, percent: f64, minutes: f64) -> anyhow::Result<String> {
    let lab = Lab::start(program, &[format!("--loss={percent}")])?;
    let mut events = lab.events()?;
    let mut reachable = std::collections::BTreeSet::new();
    let settling = Instant::now();
    while reachable.len() < 11 {
        ensure!(settling.elapsed() < super::PATIENCE, "only {reachable:?} have become reachable");
        for change in events.next()? {
            if change.state == "reachable" {
                reachable.insert(change.what);
            }
        }
    }
    let (start, span) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let (mut flips, mut latencies) = (Vec::new(), Vec::new());
    while start.elapsed() < span {
        for change in events.next()? {
            if change.state != "reachable" {
                flips.push(format!(
                    "{} {} after {:.0} s",
                    change.what,
                    change.state,
                    (change.at - start).as_secs_f64()
                ));
            }
        }
        if latencies.len() < (start.elapsed().as_secs_f64() / 10.0) as usize * 8 {
            latencies.extend(lab.latencies()?);
        }
    }
    // An edge is unknown because its source's check flipped: that is one flip, not four.
    let false_verdicts = flips.iter().filter(|flip| flip.contains(" unreachable ")).count();
    let checks = span.as_secs_f64() * CHECKS_PER_SECOND;
    let share = false_verdicts as f64 / checks * 100.0;
    let took = match latencies.is_empty() {
        true => "not sampled".to_owned(),
        false => {
            let figure = Figure::of(&latencies, |ms| *ms);
            let (median, p99, most) = (figure.quantile(0.5), figure.quantile(0.99), figure.quantile(1.0));
            format!("p50 {median:.1} ms, p99 {p99:.0} ms, longest {most:.0} ms ({} sampled)", latencies.len())
        }
    };
    for flip in &flips {
        eprintln!("{flip}");
    }
    Ok(format!(
        "{}.\n\n| packets lost | checks | false verdicts | verdict times |\n| --- | --- | --- | --- |\n\
         | {percent} % | {checks:.0} | {false_verdicts} ({share:.2} %) | {took} |\n",
        circumstances()
    ))
}

impl Lab {
    /// The latest times from the start of each edge's check to its answer, in milliseconds.
    fn latencies(&self) -> anyhow::Result<Vec<f64>> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&self.page)?;
        write!(stream, "GET /api/v1/graph HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let graph: serde_json::Value = serde_json::from_str(body)?;
        let edges = graph["edges"].as_array().into_iter().flatten();
        Ok(edges.filter_map(|edge| edge["latency_ms"].as_f64()).collect())
    }
}
