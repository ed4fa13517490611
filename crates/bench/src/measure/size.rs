//! How large the binaries are.

use std::fs;

use super::{Row, Setting};
use crate::figure::Figure;
use crate::table::Goal;

/// An image holds little beside its binary.
const GOAL_MB: f64 = 12.0;

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let row = |name: &str| {
        let bytes = fs::metadata(setting.folder.join(name))?.len();
        let figure = Figure::of(&[bytes], |bytes| *bytes as f64 / 1e6);
        Ok(Row {
            measure: format!("size, {name}"),
            ours: format!("{figure} MB"),
            theirs: String::new(),
            ratio: None,
            goal: Goal::at_most(GOAL_MB, "MB", &figure),
        })
    };
    ["star-probe", "star-collect"].map(row).into_iter().collect()
}
