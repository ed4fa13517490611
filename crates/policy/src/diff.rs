//! `star-policy diff`: which edges a change opens and closes.

use std::{
    collections::BTreeMap,
    io::{BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use anstyle::AnsiColor;
use anyhow::ensure;
use serde::Serialize;
use star_netpol::{
    Connections, Evaluator, Matrix,
    evaluator::Endpoint,
    reach::{Reach, Verdict},
};

use crate::{
    args::{DiffArgs, Output},
    eval::ordered_pairs,
    input,
    paint::{Paint, TITLE},
};

/// One pair that changes.
#[derive(Serialize)]
struct Change<'e> {
    src: &'e str,
    dst: &'e str,
    before: Verdict,
    after: Verdict,
    /// What is surely allowed now and was not.
    opened: Connections,
    /// What was surely allowed and is not now.
    closed: Connections,
    /// What is undecided now and was not.
    undecided: Connections,
    /// What is surely not allowed now, and was undecided.
    ruled_out: Connections,
    /// Why what is allowed now is.
    reasons: Vec<String>,
}

#[derive(Serialize)]
struct Document<'e> {
    changes: Vec<Change<'e>>,
    warnings: Vec<String>,
}

/// One side of the comparison.
struct Side {
    evaluator: Evaluator,
    matrix: Matrix,
    places: BTreeMap<String, usize>,
}

impl Side {
    fn new(evaluator: Evaluator) -> Self {
        let names = evaluator.workloads().iter().enumerate();
        let places = names.map(|(index, workload)| (workload.to_string(), index)).collect();
        Self { matrix: Matrix::new(&evaluator), places, evaluator }
    }

    /// The places of a pair of names, if both are there.
    fn pair(&self, source: &str, destination: &str) -> Option<(usize, usize)> {
        Some((*self.places.get(source)?, *self.places.get(destination)?))
    }

    /// What goes through; nothing between what is not there.
    fn reach(&self, source: &str, destination: &str) -> Reach {
        let pair = self.pair(source, destination);
        pair.map_or_else(Reach::none, |(source, destination)| self.matrix.reach(source, destination))
    }
}

pub(crate) fn run(args: DiffArgs, paint: Paint, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let DiffArgs { before, after, reading, output } = args;
    ensure!(
        before != Path::new("-") || after != Path::new("-"),
        "standard input can be read once: give BEFORE or AFTER as a file"
    );
    let (before, mut warnings) = input::evaluator(&[before], &reading)?;
    let (after, more) = input::evaluator(&[after], &reading)?;
    warnings.extend(more.into_iter().filter(|warning| !warnings.contains(warning)).collect::<Vec<_>>());
    let (before, after) = (Side::new(before), Side::new(after));
    let mut names: Vec<_> = before.places.keys().chain(after.places.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let changes = ordered_pairs(names.len()).filter_map(|(source, destination)| {
        let (src, dst) = (names[source], names[destination]);
        let (old, new) = (before.reach(src, dst), after.reach(src, dst));
        (old != new).then(|| change(src, dst, &old, &new, &after))
    });
    let changes: Vec<_> = changes.collect();
    let code = if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    let mut out = BufWriter::new(out);
    match output {
        Output::Json => {
            serde_json::to_writer(&mut out, &Document { changes, warnings })?;
            writeln!(out)?;
        }
        Output::Table => {
            input::print_warnings(&warnings);
            changes.iter().try_for_each(|change| print(change, paint, &mut out))?;
        }
    }
    out.flush()?;
    Ok(code)
}

fn change<'e>(src: &'e str, dst: &'e str, old: &Reach, new: &Reach, after: &Side) -> Change<'e> {
    let open = |reach: &Reach| reach.possible.difference(&reach.sure);
    let reasons = after.pair(src, dst).map(|(source, destination)| {
        let pair = after.evaluator.pair(Endpoint::Workload(source), Endpoint::Workload(destination));
        after.evaluator.reasons(&pair, None)
    });
    Change {
        src,
        dst,
        before: old.overall(),
        after: new.overall(),
        opened: new.sure.difference(&old.sure),
        closed: old.sure.difference(&new.sure),
        undecided: open(new).difference(&open(old)),
        ruled_out: open(old).difference(&new.possible),
        reasons: reasons.unwrap_or_else(|| vec!["one of the two is gone".into()]),
    }
}

fn print(change: &Change<'_>, paint: Paint, out: &mut impl Write) -> std::io::Result<()> {
    let Change { src, dst, before, after, opened, closed, undecided, ruled_out, reasons } = change;
    let before = paint.verdict(*before, before);
    let after = paint.verdict(*after, after);
    writeln!(out, "{}: {before} before, {after} now", paint.text(TITLE, format_args!("{src} -> {dst}")))?;
    let kinds = [
        ("+ opens", AnsiColor::Green, opened),
        ("- closes", AnsiColor::Red, closed),
        ("- closes, having been undecided,", AnsiColor::Red, ruled_out),
        ("? makes undecided", AnsiColor::Yellow, undecided),
    ];
    for (words, colour, connections) in kinds.into_iter().filter(|(.., connections)| !connections.is_none()) {
        writeln!(out, "  {}", paint.text(colour.on_default(), format_args!("{words} {connections}")))?;
    }
    reasons.iter().try_for_each(|reason| writeln!(out, "    {reason}"))
}
