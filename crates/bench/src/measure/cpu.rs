//! What one check costs when there are a thousand targets, and how late it is then.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Row, Setting, in_turns};
use crate::figure::Figure;
use crate::program::{Program, Server, Service, Tie};
use crate::role::{Connections, Scheme};
use crate::table::Goal;

const TARGETS: usize = 1000;

const GOAL_MICROS: f64 = 125.0;

/// As for healthy targets while others are dropped.
const GOAL_LATE_MS: f64 = 50.0;

/// A program that checks, and what makes it, if it does not by itself.
struct Contender {
    checking: Program,
    driver: Option<Program>,
}

struct Turn {
    micros: f64,
    per_second: f64,
    late_ms: f64,
}

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let (fixture, targets) = Service::fixture(TARGETS, &[Scheme::Http])?;
    let fixture = fixture.start(Tie::Fast)?;
    let (exporter, urls) = Service::exporter(&targets);
    let probe = Service::probe(&setting.folder, &targets).program;
    let contenders = [
        ("star", Contender { checking: probe, driver: None }),
        ("reqwest", Contender { checking: Program::ask(Connections::New, targets)?, driver: None }),
        ("exporter", Contender { checking: exporter.program, driver: Some(Program::ask(Connections::Kept, urls)?) }),
    ];
    let what = "CPU per check, 1,000 targets at 1 s";
    let (rounds, settling, window) = setting.unless_quick((4, 3, 8), (1, 1, 2));
    let [ours, reqwest, exporter] = in_turns(what, rounds, contenders, |contender| {
        let checking = contender.checking.spawn(Tie::Fast)?;
        let _driver = contender.driver.as_ref().map(|driver| driver.spawn(Tie::Fast)).transpose()?;
        sleep(Duration::from_secs(settling));
        report(&fixture)?;
        let before = checking.cpu()?;
        sleep(Duration::from_secs(window));
        let cpu = checking.cpu()? - before;
        let (checks, late) = report(&fixture)?;
        ensure!(checks > 0.0, "nothing was checked");
        Ok(Turn { micros: cpu.as_secs_f64() * 1e6 / checks, per_second: checks / window as f64, late_ms: late * 1e3 })
    })?;
    let told = |turns: &[Turn]| {
        let (micros, rate) = (Figure::of(turns, |turn| turn.micros), Figure::of(turns, |turn| turn.per_second));
        format!("{micros} µs at {:.0} checks/s", rate.median())
    };
    let late = Figure::of(&ours, |turn| turn.late_ms);
    Ok(vec![
        Row {
            measure: what.to_owned(),
            ours: told(&ours),
            theirs: format!("reqwest loop {}; blackbox_exporter {}", told(&reqwest), told(&exporter)),
            ratio: Some(Figure::ratio(&ours, &reqwest, |turn| turn.micros)),
            goal: Goal::at_most(GOAL_MICROS, "µs", &Figure::of(&ours, |turn| turn.micros)),
        },
        Row {
            measure: "lateness of these checks, p99".to_owned(),
            ours: format!("{late} ms"),
            theirs: String::new(),
            ratio: None,
            goal: Goal::at_most(GOAL_LATE_MS, "ms", &late),
        },
    ])
}

/// How many checks came since the last report, and how many seconds late 99 % of them were at most.
pub(super) fn report(fixture: &Server) -> anyhow::Result<(f64, f64)> {
    let answer = fixture.get()?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no report")?;
    let (checks, late) = body.split_once(' ').context("no report")?;
    Ok((checks.parse()?, late.parse()?))
}
