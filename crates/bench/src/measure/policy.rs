//! Policies: all pairs, and what one change costs.

use std::process::Command;

use anyhow::ensure;

use super::{Row, Setting, in_turns};
use crate::figure::Figure;
use crate::role::Turn;
use crate::table::Goal;

const ALL_PAIRS_MS: f64 = 1_000.0;
const CHANGE_MS: f64 = 50.0;
const GOAL_MB: f64 = 200.0;

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let [turns] = in_turns("policies", setting.unless_quick(9, 1), [("star-netpol", ())], |()| {
        let output = Command::new(std::env::current_exe()?).arg("policies").output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice::<Turn>(&output.stdout)?)
    })?;
    let milliseconds = |value: fn(&Turn) -> f64| Figure::of(&turns, value);
    let all_pairs = milliseconds(|turn| turn.all_pairs_ms);
    let (change, wide) = (milliseconds(|turn| turn.change_ms), milliseconds(|turn| turn.wide_change_ms));
    let one_by_one = milliseconds(|turn| turn.one_by_one_ms);
    let ratios: Vec<_> = turns.iter().map(|turn| turn.all_pairs_ms / turn.one_by_one_ms).collect();
    let memory = Figure::of(&turns, |turn| turn.resident / 1e6);
    let row = |measure: &str, ours: String, goal| Row {
        measure: format!("{measure}, 1,000 workloads and 500 policies"),
        ours,
        theirs: String::new(),
        ratio: None,
        goal,
    };
    Ok(vec![
        Row {
            theirs: format!("each pair asked by itself {one_by_one} ms"),
            ratio: Some(Figure::of(&ratios, |ratio| *ratio)),
            ..row(
                "all pairs on one core",
                format!("{all_pairs} ms, after reading them in {} ms", milliseconds(|turn| turn.read_ms)),
                Goal::at_most(ALL_PAIRS_MS, "ms", &all_pairs),
            )
        },
        row("one app's policy changed", format!("{change} ms"), Goal::at_most(CHANGE_MS, "ms", &change)),
        row("a whole namespace's policy changed", format!("{wide} ms"), Goal::at_most(CHANGE_MS, "ms", &wide)),
        row("memory with all pairs held", format!("{memory} MB"), Goal::at_most(GOAL_MB, "MB", &memory)),
    ])
}
