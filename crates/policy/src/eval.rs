//! `star-policy eval`: every ordered pair of workloads.

use std::{
    io::{BufWriter, Write},
    process::ExitCode,
};

use serde::{Serialize, Serializer, ser::SerializeSeq};
use star_netpol::{Connections, Evaluator, Matrix, evaluator::Endpoint, reach::Verdict};

use crate::{
    args::{EvalArgs, Output},
    input,
    paint::{Paint, TITLE},
};

/// One pair as `-o json` prints it.
#[derive(Serialize)]
struct Pair<'e> {
    src: &'e str,
    dst: &'e str,
    verdict: Verdict,
    /// What surely goes through; ingress and egress alike.
    connections: Connections,
    ingress: Connections,
    egress: Connections,
    /// What may go through besides, where the verdict is undecided.
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<Connections>,
    reasons: Vec<String>,
}

/// Everything, its pairs written as they are evaluated: a thousand workloads have a million.
#[derive(Serialize)]
struct Document<'e> {
    pairs: Pairs<'e>,
    warnings: &'e [String],
}

struct Pairs<'e>(&'e Evaluator, &'e [String]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(evaluator, names) = self;
        let mut sequence = serializer.serialize_seq(None)?;
        for (source, destination) in ordered_pairs(names.len()) {
            let pair = evaluator.pair(Endpoint::Workload(source), Endpoint::Workload(destination));
            sequence.serialize_element(&Pair {
                src: &names[source],
                dst: &names[destination],
                verdict: pair.reach.overall(),
                reasons: evaluator.reasons(&pair, None),
                possible: (!pair.reach.is_decided()).then_some(pair.reach.possible),
                connections: pair.reach.sure,
                ingress: pair.ingress.reach.sure,
                egress: pair.egress.reach.sure,
            })?;
        }
        sequence.end()
    }
}

pub(crate) fn ordered_pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |source| (0..count).map(move |destination| (source, destination))).filter(|(s, d)| s != d)
}

pub(crate) fn run(args: EvalArgs, paint: Paint, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let EvalArgs { file, reading, output } = args;
    let (evaluator, warnings) = input::evaluator(&file, &reading)?;
    input::ensure_workloads(&evaluator, &file)?;
    let names: Vec<_> = evaluator.workloads().iter().map(ToString::to_string).collect();
    let mut out = BufWriter::new(out);
    match output {
        Output::Json => {
            serde_json::to_writer(&mut out, &Document { pairs: Pairs(&evaluator, &names), warnings: &warnings })?;
            writeln!(out)?;
        }
        Output::Table => {
            input::print_warnings(&warnings);
            table(&evaluator, &names, paint, &mut out)?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn table(evaluator: &Evaluator, names: &[String], paint: Paint, out: &mut impl Write) -> anyhow::Result<()> {
    let matrix = Matrix::new(evaluator);
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("DESTINATION".len());
    let title = format!("{:width$}  {:width$}  {:9}  CONNECTIONS", "SOURCE", "DESTINATION", "VERDICT");
    writeln!(out, "{}", paint.text(TITLE, title))?;
    let mut undecided = 0;
    for (source, destination) in ordered_pairs(names.len()) {
        let reach = matrix.reach(source, destination);
        let verdict = reach.overall();
        let perhaps = match reach.is_decided() {
            true => String::new(),
            false => format!(", perhaps {}", reach.possible),
        };
        undecided += usize::from(verdict == Verdict::Undecided);
        let painted = paint.verdict(verdict, format_args!("{verdict:9}"));
        let (source, destination) = (&names[source], &names[destination]);
        writeln!(out, "{source:width$}  {destination:width$}  {painted}  {}{perhaps}", reach.sure)?;
    }
    out.flush()?;
    if undecided > 0 {
        eprintln!("star-policy: undecided pairs: {undecided}; star-policy explain says what each hangs on");
    }
    Ok(())
}
