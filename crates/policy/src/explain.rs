//! `star-policy explain`: the whole reasoning for one edge.

use std::{io::Write, process::ExitCode};

use star_netpol::edge::{Destination, Named};

use crate::{
    args::ExplainArgs,
    input,
    paint::{TITLE, paint, style},
};

pub(crate) fn run(args: ExplainArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let ExplainArgs { file, reading, source, destination } = args;
    let from: Destination = source.parse()?;
    let to: Destination = destination.parse()?;
    anyhow::ensure!(
        from.port.is_none() && !matches!(from.host, Named::Dns(_)),
        "{source:?} is not a source: write NAMESPACE/WORKLOAD or an address, without a port"
    );
    let (evaluator, warnings) = input::evaluator(&file, &reading)?;
    input::print_warnings(&warnings);
    let source = evaluator.endpoint(&from.host, &reading.namespace)?;
    let edge = evaluator.edge(source, &to, &reading.namespace)?;
    let explanation = evaluator.explain(format!("{} -> {destination}", evaluator.name(source)), &edge);

    let verdict = explanation.verdict;
    writeln!(out, "{}: {}", paint(TITLE, &explanation.edge), paint(style(verdict), verdict))?;
    for reason in &explanation.reasons {
        writeln!(out, "  {reason}")?;
    }
    for (side, policies) in &explanation.sides {
        writeln!(out, "\n{}", paint(TITLE, side))?;
        for line in policies {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
