//! `star-policy explain`: the whole reasoning for one edge.

use std::{io::Write, process::ExitCode};

use serde::Serialize;
use star_netpol::destination::{Destination, Named};

use crate::{
    args::{ExplainArgs, TextOutput},
    document::{self, Edge},
    input,
    paint::{Paint, TITLE},
};

#[derive(Serialize)]
struct Document<'e> {
    #[serde(flatten)]
    edge: Edge<'e>,
    /// For each isolated side, what every policy that isolates it says.
    sides: Vec<Side<'e>>,
    warnings: &'e [String],
}

#[derive(Serialize)]
struct Side<'e> {
    title: &'e str,
    policies: &'e [String],
}

pub(crate) fn run(args: ExplainArgs, paint: Paint, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let ExplainArgs { file, reading, output, source, destination, misplaced } = args;
    input::ensure_none(&misplaced)?;
    let from: Destination = source.parse()?;
    let to: Destination = destination.parse()?;
    anyhow::ensure!(
        from.port.is_none() && !matches!(from.host, Named::Dns(_)),
        "{source:?} is not a source: write NAMESPACE/WORKLOAD or an address, without a port"
    );
    let (evaluator, warnings) = input::evaluator(&file, &reading)?;
    input::ensure_any(&evaluator, &file)?;
    let source = evaluator.endpoint(&from.host, &reading.namespace)?;
    let edge = evaluator.edge(source, &to, &reading.namespace)?;
    let source = evaluator.name(source);
    let explanation = evaluator.explain(format!("{source} -> {destination}"), &edge);
    match output {
        TextOutput::Json => {
            let (hangs_on, rules) = document::grounds(edge.pairs.iter().map(|(pair, about)| (pair, *about)));
            let (src, dst, verdict, reasons) = (&source, &destination, edge.verdict, edge.reasons.clone());
            let edge = Edge { src, dst, verdict, passes: None, reasons, hangs_on, rules };
            let sides = explanation.sides.iter().map(|(title, policies)| Side { title, policies }).collect();
            serde_json::to_writer(&mut *out, &Document { edge, sides, warnings: &warnings })?;
            writeln!(out)?;
        }
        TextOutput::Text => {
            input::print_warnings(&warnings);
            let text = explanation.to_string();
            let (_, rest) = text.split_once('\n').unwrap_or_default();
            let verdict = paint.verdict(explanation.verdict, explanation.verdict);
            write!(out, "{}: {verdict}\n{rest}", paint.text(TITLE, &explanation.edge))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
