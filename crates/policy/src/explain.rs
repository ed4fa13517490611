//! `star-policy explain`: the whole reasoning for one edge.

use std::{io::Write, process::ExitCode};

use star_netpol::destination::{Destination, Named};

use crate::{
    args::ExplainArgs,
    input,
    paint::{Paint, TITLE},
};

pub(crate) fn run(args: ExplainArgs, paint: Paint, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let ExplainArgs { file, reading, source, destination } = args;
    let from: Destination = source.parse()?;
    let to: Destination = destination.parse()?;
    anyhow::ensure!(
        from.port.is_none() && !matches!(from.host, Named::Dns(_)),
        "{source:?} is not a source: write NAMESPACE/WORKLOAD or an address, without a port"
    );
    let (evaluator, warnings) = input::evaluator(&file, &reading)?;
    input::ensure_workloads(&evaluator, &file)?;
    input::print_warnings(&warnings);
    let source = evaluator.endpoint(&from.host, &reading.namespace)?;
    let edge = evaluator.edge(source, &to, &reading.namespace)?;
    let explanation = evaluator.explain(format!("{} -> {destination}", evaluator.name(source)), &edge);
    let text = explanation.to_string();
    let (_, rest) = text.split_once('\n').unwrap_or_default();
    let verdict = paint.verdict(explanation.verdict, explanation.verdict);
    write!(out, "{}: {verdict}\n{rest}", paint.text(TITLE, &explanation.edge))?;
    Ok(ExitCode::SUCCESS)
}
