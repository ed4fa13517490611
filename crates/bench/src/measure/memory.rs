//! What an idle process holds.

use std::thread::sleep;
use std::time::Duration;

use super::{Row, Setting, in_turns};
use crate::figure::Figure;
use crate::process::Memory;
use crate::program::{Service, Tie};
use crate::role::Framework;
use crate::table::Goal;

const GOAL_MB: f64 = 5.5;

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let probe = setting.probe().start(Tie::Fast)?.settle()?;
    let bare = |framework| Service::bare(framework, &probe);
    let services = [
        ("star-probe", setting.probe()),
        ("star-collect", setting.collector(&probe)),
        ("hyper", bare(Framework::Hyper)?),
        ("axum", bare(Framework::Axum)?),
    ];
    let idle = Duration::from_secs(setting.unless_quick(5, 1));
    let [probe, collector, hyper, axum] = in_turns("idle memory", setting.unless_quick(3, 1), services, |service| {
        let server = service.start(Tie::Fast)?;
        sleep(idle);
        server.process.memory()
    })?;
    let theirs = format!("hyper {}; axum {}", told(&hyper), told(&axum));
    let row = |(name, turns): (&str, &[Memory])| Row {
        measure: format!("idle memory, {name}"),
        ours: told(turns),
        theirs: theirs.clone(),
        ratio: Some(Figure::ratio(turns, &axum, |memory| memory.resident)),
        goal: Goal::at_most(GOAL_MB, "MB", &Figure::of(turns, |memory| memory.resident / 1e6)),
    };
    Ok([("star-probe", &*probe), ("star-collect", &*collector)].map(row).into())
}

fn told(turns: &[Memory]) -> String {
    let megabytes = |value: fn(&Memory) -> f64| Figure::of(turns, |memory| value(memory) / 1e6);
    format!(
        "{} MB, {} MB of it heap and stacks",
        megabytes(|memory| memory.resident),
        megabytes(|memory| memory.anonymous)
    )
}
