//! The one table, as Markdown.

use std::fmt::{self, Display};
use std::fs;

use crate::figure::Figure;

/// What was measured, on what.
pub(crate) struct Table {
    /// What a reader must know to judge the figures.
    pub(crate) circumstances: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// One measure.
pub(crate) struct Row {
    pub(crate) measure: String,
    pub(crate) ours: String,
    /// The same of others, in the same run.
    pub(crate) theirs: String,
    /// Ours to theirs.
    pub(crate) ratio: Option<Figure>,
    pub(crate) goal: Goal,
}

/// What was set as a goal, and whether the median meets it.
pub(crate) struct Goal {
    text: String,
    met: bool,
}

impl Goal {
    pub(crate) fn at_least(goal: f64, figure: &Figure) -> Self {
        Self { text: format!("≥ {goal}"), met: figure.median() >= goal }
    }

    pub(crate) fn at_most(goal: f64, unit: &str, figure: &Figure) -> Self {
        Self { text: format!("≤ {goal} {unit}"), met: figure.median() <= goal }
    }
}

impl Table {
    /// Without rows yet: today, on this machine, and what else matters.
    pub(crate) fn new(circumstances: impl IntoIterator<Item = String>) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let cpu = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let machine = [
            jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            cpu.map_or("unknown CPU", |(_, cpu)| cpu.trim()).to_owned(),
            format!("{cores} cores"),
            format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            format!("load {} before", read("/proc/loadavg").split(' ').next().unwrap_or_default()),
        ];
        Self { circumstances: machine.into_iter().chain(circumstances).collect(), rows: Vec::new() }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}. Medians; in brackets the least and the most.\n", self.circumstances.join(", "))?;
        writeln!(f, "| measure | star | beside it, in turns | ratio | goal |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        for Row { measure, ours, theirs, ratio, goal: Goal { text, met } } in &self.rows {
            let ratio = ratio.as_ref().map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let met = if *met { "met" } else { "**missed**" };
            writeln!(f, "| {measure} | {ours} | {theirs} | {ratio} | {text}: {met} |")?;
        }
        Ok(())
    }
}
