//! `star-policy eval`: every ordered pair of workloads, and what each of them shares with the world outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufWriter, Write},
    process::ExitCode,
};

use serde::{Serialize, Serializer, ser::SerializeSeq};
use star_netpol::{
    Connections, Evaluator, Matrix,
    endpoint::{Place, Pods},
    evaluator::Endpoint,
    outside::{self, Outsiders, Passage},
    policy::Direction,
    reach::Verdict,
};

use crate::{
    args::{EvalArgs, Output},
    document::Edge,
    input, markdown,
    paint::{Paint, TITLE},
};

/// More workloads than these are summed up for people.
const MOST_LISTED: usize = 40;

/// Everything, its pairs written as they are evaluated: a thousand workloads have a million.
#[derive(Serialize)]
struct Document<'e> {
    pairs: Pairs<'e>,
    outside: Vec<Row>,
    warnings: &'e [String],
}

struct Pairs<'e>(&'e Evaluator, &'e [String]);

/// What passes between a workload, or any pod that a namespace may get, and those outside who fare alike.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) src: String,
    pub(crate) dst: String,
    pub(crate) verdict: Verdict,
    connections: Connections,
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<Connections>,
    /// Ports that are let out by a name that pods outside may give to any port.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
    /// The connections as people read them.
    #[serde(skip)]
    pub(crate) text: String,
}

impl Row {
    fn new(subject: &str, direction: Direction, who: &Outsiders, passage: &Passage) -> Self {
        let (subject, who) = (subject.to_owned(), who.to_string());
        let (src, dst) = if direction == Direction::Ingress { (who, subject) } else { (subject, who) };
        let Passage { reach, named } = passage;
        Self {
            src,
            dst,
            verdict: passage.verdict(),
            connections: reach.sure.clone(),
            possible: (!reach.is_decided()).then(|| reach.possible.clone()),
            names: named.iter().map(|(protocol, name)| format!("{protocol} {name}")).collect(),
            text: passage.to_string(),
        }
    }
}

/// What every workload lets in from outside and out to it, and what each namespace's policies say of pods to come.
pub(crate) fn outside_rows(evaluator: &Evaluator, names: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name: &str, subject: Endpoint<'_>| {
        for direction in Direction::ALL {
            let exposure = outside::exposure(evaluator, subject, direction);
            rows.extend(exposure.iter().map(|(who, passage)| Row::new(name, direction, who, passage)));
        }
    };
    for (index, name) in names.iter().enumerate() {
        add(name, Endpoint::Workload(index));
    }
    for pods in pods_to_come(evaluator) {
        add(&pods.to_string(), Endpoint::Pods(&pods));
    }
    rows
}

/// Any pod that a namespace may get, where its policies say of it what no workload's lines tell; those that each policy
/// selects, where no workload is there at all.
fn pods_to_come(evaluator: &Evaluator) -> Vec<Pods> {
    let mut pods: Vec<Pods> = Vec::new();
    for policy in evaluator.policies() {
        let any = Pods::of(&policy.namespace);
        let own = Pods { labels: policy.pod_selector.clone(), ..any.clone() };
        let own = if evaluator.workloads().is_empty() { vec![any, own] } else { vec![any] };
        pods.extend(own.into_iter().filter(|own| !pods.contains(own)).collect::<Vec<_>>());
    }
    let workloads = evaluator.workloads().iter().enumerate();
    let told: BTreeSet<_> = workloads
        .filter_map(|(index, workload)| {
            Some((&workload.namespace, outside::isolation(evaluator, Endpoint::Workload(index))?))
        })
        .collect();
    pods.retain(|pods| match &pods.place {
        Place::Namespace(name) => {
            let own = outside::isolation(evaluator, Endpoint::Pods(pods));
            own.is_none_or(|own| !told.contains(&(name, own)))
        }
        Place::Namespaces(_) => true,
    });
    pods
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(evaluator, names) = self;
        let mut sequence = serializer.serialize_seq(None)?;
        for (source, destination) in ordered_pairs(names.len()) {
            let pair = evaluator.pair(Endpoint::Workload(source), Endpoint::Workload(destination));
            sequence.serialize_element(&Edge::of_pair(evaluator, &names[source], &names[destination], &pair))?;
        }
        sequence.end()
    }
}

pub(crate) fn ordered_pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |source| (0..count).map(move |destination| (source, destination))).filter(|(s, d)| s != d)
}

pub(crate) fn run(args: EvalArgs, paint: Paint, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let EvalArgs { file, reading, output, misplaced } = args;
    input::ensure_none(&misplaced)?;
    let (evaluator, warnings) = input::evaluator(&file, &reading)?;
    input::ensure_any(&evaluator, &file)?;
    let names: Vec<_> = evaluator.workloads().iter().map(ToString::to_string).collect();
    let mut out = BufWriter::new(out);
    let usual = if names.len() > MOST_LISTED { Output::Summary } else { Output::Table };
    if output != Some(Output::Json) {
        input::print_warnings(&warnings);
    }
    match output.unwrap_or(usual) {
        Output::Json => {
            let outside = outside_rows(&evaluator, &names);
            let document = Document { pairs: Pairs(&evaluator, &names), outside, warnings: &warnings };
            serde_json::to_writer(&mut out, &document)?;
            writeln!(out)?;
        }
        Output::Table => table(&evaluator, &names, paint, &mut out)?,
        Output::Markdown => markdown::pairs(&lines(&evaluator, &names), &mut out)?,
        Output::Dot => dot(&evaluator, &names, &mut out)?,
        Output::Summary => {
            summary(&evaluator, paint, &mut out)?;
            if output.is_none() {
                out.flush()?;
                let count = names.len();
                eprintln!("star-policy: summed up, since there are {count} workloads: -o table has every pair");
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Source, destination, verdict and connections of every pair, then of everyone outside.
fn lines(evaluator: &Evaluator, names: &[String]) -> Vec<(String, String, Verdict, String)> {
    let matrix = Matrix::new(evaluator);
    let pairs = ordered_pairs(names.len()).map(|(source, destination)| {
        let reach = matrix.reach(source, destination);
        let perhaps = match reach.is_decided() {
            true => String::new(),
            false => format!(", perhaps {}", reach.possible),
        };
        (names[source].clone(), names[destination].clone(), reach.overall(), format!("{}{perhaps}", reach.sure))
    });
    let outside = outside_rows(evaluator, names).into_iter().map(|row| (row.src, row.dst, row.verdict, row.text));
    pairs.chain(outside).collect()
}

fn table(evaluator: &Evaluator, names: &[String], paint: Paint, out: &mut impl Write) -> anyhow::Result<()> {
    let lines = lines(evaluator, names);
    let width = |text: &String| text.chars().count();
    let sources = lines.iter().map(|(source, ..)| width(source)).max().unwrap_or(0).max("SOURCE".len());
    let destinations = lines.iter().map(|(_, to, ..)| width(to)).max().unwrap_or(0).max("DESTINATION".len());
    let title = format!("{:sources$}  {:destinations$}  {:9}  CONNECTIONS", "SOURCE", "DESTINATION", "VERDICT");
    writeln!(out, "{}", paint.text(TITLE, title))?;
    for (source, destination, verdict, connections) in &lines {
        let painted = paint.verdict(*verdict, format_args!("{verdict:9}"));
        writeln!(out, "{source:sources$}  {destination:destinations$}  {painted}  {connections}")?;
    }
    out.flush()?;
    let undecided = lines.iter().filter(|(_, _, verdict, _)| *verdict == Verdict::Undecided).count();
    if undecided > 0 {
        eprintln!("star-policy: undecided pairs: {undecided}; star-policy explain says what each hangs on");
    }
    Ok(())
}

/// How many pairs of each verdict there are between two namespaces, and between one and the world outside.
fn summary(evaluator: &Evaluator, paint: Paint, out: &mut impl Write) -> anyhow::Result<()> {
    const OUTSIDE: &str = "(outside)";
    const VERDICTS: [Verdict; 4] = [Verdict::Allowed, Verdict::Partial, Verdict::Denied, Verdict::Undecided];
    let workloads = evaluator.workloads();
    let matrix = Matrix::new(evaluator);
    let mut counts: BTreeMap<(&str, &str), [usize; 4]> = BTreeMap::new();
    let mut count = |source, destination, verdict| {
        let place = VERDICTS.iter().position(|own| *own == verdict).unwrap_or_default();
        counts.entry((source, destination)).or_default()[place] += 1;
    };
    for (source, destination) in ordered_pairs(workloads.len()) {
        let verdict = matrix.reach(source, destination).overall();
        count(&workloads[source].namespace, &workloads[destination].namespace, verdict);
    }
    for (index, workload) in workloads.iter().enumerate() {
        for direction in Direction::ALL {
            let exposure = outside::exposure(evaluator, Endpoint::Workload(index), direction);
            let verdicts: Vec<_> = exposure.iter().map(|(_, passage)| passage.verdict()).collect();
            let verdict = match verdicts.as_slice() {
                verdicts if verdicts.contains(&Verdict::Undecided) => Verdict::Undecided,
                [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
                _ => Verdict::Partial,
            };
            match direction {
                Direction::Ingress => count(OUTSIDE, &workload.namespace, verdict),
                Direction::Egress => count(&workload.namespace, OUTSIDE, verdict),
            }
        }
    }
    let width = counts.keys().flat_map(|(a, b)| [a.len(), b.len()]).max().unwrap_or(0).max("DESTINATION".len());
    let title = format!("{:width$}  {:width$}  {:>8}", "SOURCE", "DESTINATION", "PAIRS");
    let heads = VERDICTS.map(|verdict| format!("{:>9}", verdict.to_string().to_uppercase())).join("  ");
    writeln!(out, "{}", paint.text(TITLE, format_args!("{title}  {heads}")))?;
    for ((source, destination), own) in &counts {
        let pairs: usize = own.iter().sum();
        let cells = VERDICTS.iter().zip(own).map(|(verdict, count)| match count {
            0 => format!("{:>9}", "-"),
            _ => paint.verdict(*verdict, format_args!("{count:>9}")),
        });
        let cells: Vec<_> = cells.collect();
        writeln!(out, "{source:width$}  {destination:width$}  {pairs:>8}  {}", cells.join("  "))?;
    }
    Ok(())
}

/// What passes as a graph, its workloads boxed by namespace; what is denied has no edge.
fn dot(evaluator: &Evaluator, names: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    writeln!(out, "digraph policies {{\n  rankdir=LR;\n  node [shape=box];")?;
    for namespace in evaluator.cluster().namespaces.keys() {
        let own = evaluator.workloads().iter().zip(names).filter(|(workload, _)| workload.namespace == *namespace);
        let own: Vec<_> = own.map(|(workload, name)| (&workload.name, name)).collect();
        if own.is_empty() {
            continue;
        }
        writeln!(out, "  subgraph {} {{\n    label={};", quoted(&format!("cluster_{namespace}")), quoted(namespace))?;
        for (label, name) in own {
            writeln!(out, "    {} [label={}];", quoted(name), quoted(label))?;
        }
        writeln!(out, "  }}")?;
    }
    for (source, destination, verdict, connections) in lines(evaluator, names) {
        let style = match verdict {
            Verdict::Denied => continue,
            Verdict::Undecided => ", style=dashed",
            Verdict::Allowed | Verdict::Partial => "",
        };
        let label = if verdict == Verdict::Allowed { String::new() } else { connections };
        writeln!(out, "  {} -> {} [label={}{style}];", quoted(&source), quoted(&destination), quoted(&label))?;
    }
    writeln!(out, "}}")?;
    Ok(())
}
