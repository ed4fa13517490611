//! From the start of a process to its first answer.

use std::time::Instant;

use super::{Row, Setting, in_turns};
use crate::figure::Figure;
use crate::program::{Service, Tie};
use crate::role::Framework;
use crate::table::Goal;

const GOAL_MS: f64 = 5.0;

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let probe = setting.probe().start(Tie::Fast)?;
    let rows = [("star-probe", setting.probe()), ("star-collect", setting.collector(&probe))];
    rows.iter().map(|(name, service)| row(setting, name, service)).collect()
}

fn row(setting: &Setting, name: &str, ours: &Service) -> anyhow::Result<Row> {
    let bare = Service::bare(Framework::Hyper, &ours.start(Tie::Fast)?)?;
    let what = format!("start to first answer, {name}");
    let contenders = [("star", ours), ("hyper", &bare)];
    let [ours, bare] = in_turns(&what, setting.unless_quick(40, 3), contenders, |service| {
        let begun = Instant::now();
        service.start(Tie::Loose)?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    })?;
    let figure = Figure::of(&ours, |ms| *ms);
    Ok(Row {
        measure: what,
        ours: format!("{figure} ms"),
        theirs: format!("hyper {} ms", Figure::of(&bare, |ms| *ms)),
        ratio: Some(Figure::ratio(&ours, &bare, |ms| *ms)),
        goal: Goal::at_most(GOAL_MS, "ms", &figure),
    })
}
