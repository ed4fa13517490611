//! How many requests a server answers when each comes on a new connection.

use anyhow::{Context, ensure};

use super::{Row, Setting, WRK, in_turns};
use crate::figure::Figure;
use crate::program::{Server, Service, Tie, tied};
use crate::role::Framework;
use crate::table::Goal;

/// Of what a bare server answers.
const GOAL: f64 = 0.95;

struct Turn {
    per_second: f64,
    p99_ms: f64,
}

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let probe = setting.probe().start(Tie::Fast)?.settle()?;
    let collector = setting.collector(&probe).start(Tie::Fast)?.settle()?;
    [probe, collector].iter().map(|server| row(setting, server)).collect()
}

fn row(setting: &Setting, ours: &Server) -> anyhow::Result<Row> {
    let bare = Service::bare(Framework::Hyper, ours)?.start(Tie::Fast)?;
    let [same, length] = [ours, &bare].map(|server| server.get().map(|answer| answer.len()));
    let (same, length) = (same?, length?);
    // A latency in a status has now one digit more, now one less.
    ensure!(same.abs_diff(length) < 16, "the answers of both are not the same: {same} and {length} bytes");
    let (rounds, seconds) = setting.unless_quick((7, 3), (1, 1));
    let what = format!("`GET {}`, `Connection: close`", ours.path);
    let [ours, bare] = in_turns(&what, rounds, [("star", ours), ("hyper", &bare)], |server| wrk(server, seconds))?;
    let told = |turns: &[Turn]| {
        let (rate, p99) = (Figure::of(turns, |turn| turn.per_second), Figure::of(turns, |turn| turn.p99_ms));
        format!("{rate} req/s, p99 {p99:.1} ms")
    };
    let ratio = Figure::ratio(&ours, &bare, |turn| turn.per_second);
    Ok(Row {
        measure: format!("{what}, {length} bytes"),
        ours: told(&ours),
        theirs: format!("hyper {}", told(&bare)),
        goal: Goal::at_least(GOAL, &ratio),
        ratio: Some(ratio),
    })
}

fn wrk(server: &Server, seconds: u32) -> anyhow::Result<Turn> {
    let mut command = tied(WRK)?;
    command.args(["-t2", "-c64", "--latency", "-H", "Connection: close"]).arg(format!("-d{seconds}s"));
    let output = command.arg(server.url()).output()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(output: &str) -> anyhow::Result<Turn> {
    for problem in ["Socket errors", "Non-2xx"] {
        ensure!(!output.contains(problem), "wrk met errors:\n{output}");
    }
    let value = |key: &str| {
        let line = output.lines().find_map(|line| line.trim().strip_prefix(key));
        line.map(str::trim).with_context(|| format!("wrk does not tell `{key}`:\n{output}"))
    };
    let p99 = value("99%")?;
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
    let p99_ms = units.iter().find_map(|(unit, ms)| Some(p99.strip_suffix(unit)?.parse::<f64>().ok()? * ms));
    let p99_ms = p99_ms.with_context(|| format!("`{p99}` is not a latency"))?;
    Ok(Turn { per_second: value("Requests/sec:")?.parse()?, p99_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_prints_is_read() {
        let turn = parse("  Latency Distribution\n     99%    9.53ms\nRequests/sec:  11874.91\n").unwrap();
        assert_eq!((turn.per_second, turn.p99_ms), (11_874.91, 9.53));
        assert_eq!(parse("     99%    1.20s\nRequests/sec:  1\n").unwrap().p99_ms, 1200.0);
    }

    #[test]
    fn a_turn_with_errors_is_no_turn() {
        assert!(parse("99% 1.00ms\nSocket errors: connect 0, read 7\nRequests/sec: 1\n").is_err());
    }
}
