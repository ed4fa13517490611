//! `star-policy diff`: what a change of manifests opens and closes, between workloads and to the world outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use anstyle::AnsiColor;
use anyhow::ensure;
use serde::Serialize;
use star_netpol::{
    Connections, Evaluator, Matrix,
    endpoint::{Place, Pods},
    evaluator::Endpoint,
    outside::{self, Isolation, Outsiders},
    policy::Direction,
    reach::{Reach, Verdict},
};

use crate::{
    args::{ChangeOutput, DiffArgs},
    eval::ordered_pairs,
    input,
    paint::{Paint, TITLE},
};

/// One pair that changes, or one subject's side towards those outside.
#[derive(Clone, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) src: String,
    pub(crate) dst: String,
    pub(crate) before: Verdict,
    pub(crate) after: Verdict,
    /// What is surely allowed now and was not.
    pub(crate) opened: Connections,
    /// What was surely allowed and is not now.
    pub(crate) closed: Connections,
    /// What is undecided now and was not.
    pub(crate) undecided: Connections,
    /// What is surely not allowed now, and was undecided.
    pub(crate) ruled_out: Connections,
    /// Ports that are let out now by a name that pods outside may give to any port.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) opened_names: Vec<String>,
    /// Those that are not any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) closed_names: Vec<String>,
    /// Why what is allowed now is.
    pub(crate) reasons: Vec<String>,
}

/// A change towards the world outside.
pub(crate) struct OutsideChange {
    pub(crate) change: Change,
    /// Whose side it is, and which.
    subject: String,
    direction: Direction,
    /// Pods of labels that a workload at hand bears: its own pair says the same.
    is_told: bool,
}

#[derive(Serialize)]
struct Document<'c> {
    changes: &'c [Change],
    outside: Vec<&'c Change>,
    warnings: &'c [String],
}

/// Everything that a change changes.
pub(crate) struct Changes {
    pub(crate) pairs: Vec<Change>,
    pub(crate) outside: Vec<OutsideChange>,
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

    fn endpoint(&self, name: &str) -> Option<Endpoint<'_>> {
        self.places.get(name).map(|place| Endpoint::Workload(*place))
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
    let changes = changes(before, after);
    let code = if changes.is_none() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    let mut out = BufWriter::new(out);
    match output {
        ChangeOutput::Json => {
            let outside = changes.outside.iter().map(|outside| &outside.change).collect();
            serde_json::to_writer(&mut out, &Document { changes: &changes.pairs, outside, warnings: &warnings })?;
            writeln!(out)?;
        }
        ChangeOutput::Markdown => {
            input::print_warnings(&warnings);
            crate::markdown::changes(&changes, &mut out)?;
        }
        ChangeOutput::Table => {
            input::print_warnings(&warnings);
            changes.lines().iter().try_for_each(|(title, change)| print(title, change, paint, &mut out))?;
        }
    }
    out.flush()?;
    Ok(code)
}

impl Changes {
    fn is_none(&self) -> bool {
        self.pairs.is_empty() && self.outside.is_empty()
    }

    /// For people: each change once, subjects that fare alike together, and nothing that a pair says already.
    pub(crate) fn lines(&self) -> Vec<(String, Change)> {
        let mut lines: Vec<_> =
            self.pairs.iter().map(|change| (format!("{} -> {}", change.src, change.dst), change.clone())).collect();
        let mut alike: Vec<(&OutsideChange, Vec<&str>)> = Vec::new();
        for own in self.outside.iter().filter(|outside| !outside.is_told) {
            let same = |(other, _): &&mut (&OutsideChange, Vec<&str>)| own.fares_like(other);
            match alike.iter_mut().find(same) {
                Some((_, subjects)) => subjects.push(&own.subject),
                None => alike.push((own, vec![&own.subject])),
            }
        }
        for (own, subjects) in alike {
            let (named, more) = subjects.split_at(subjects.len().min(3));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            let subjects = format!("{}{more}", named.join(", "));
            let title = match own.direction {
                Direction::Ingress => format!("{} -> {subjects}", own.change.src),
                Direction::Egress => format!("{subjects} -> {}", own.change.dst),
            };
            lines.push((title, own.change.clone()));
        }
        lines
    }
}

impl OutsideChange {
    fn fares_like(&self, other: &Self) -> bool {
        let what = |own: &Self| {
            let mut change = own.change.clone();
            change.reasons = change.reasons.iter().map(|reason| reason.replace(&own.subject, "")).collect();
            match own.direction {
                Direction::Ingress => change.dst.clear(),
                Direction::Egress => change.src.clear(),
            }
            change
        };
        self.direction == other.direction && what(self) == what(other)
    }
}

/// What the second set of manifests opens and closes.
pub(crate) fn changes(before: Evaluator, after: Evaluator) -> Changes {
    let (before, after) = (Side::new(before), Side::new(after));
    let names: BTreeSet<_> = before.places.keys().chain(after.places.keys()).map(String::as_str).collect();
    let names: Vec<_> = names.into_iter().collect();
    let pairs = ordered_pairs(names.len()).filter_map(|(source, destination)| {
        let (src, dst) = (names[source], names[destination]);
        let (old, new) = (before.reach(src, dst), after.reach(src, dst));
        (old != new).then(|| pair_change(src, dst, &old, &new, &after))
    });
    let pairs = pairs.collect();
    let mut outside = Vec::new();
    for name in &names {
        let ends = (before.endpoint(name), after.endpoint(name));
        outside_changes(name, ends, &before, &after, &mut outside);
    }
    let of = |side: &Side| side.evaluator.cluster().namespaces.keys().cloned().collect::<BTreeSet<_>>();
    // A workload that is there before and after speaks for all pods that the same policies select, both times.
    let told: BTreeSet<_> = names.iter().filter_map(|name| spoken(&before, &after, name)).collect();
    for namespace in of(&before).union(&of(&after)) {
        let mut wider: Vec<OutsideChange> = Vec::new();
        for pods in outside::subjects(&before.evaluator, &after.evaluator, namespace) {
            let end = Endpoint::Pods(&pods);
            let [was, is] = [&before, &after].map(|side| outside::isolation(&side.evaluator, end));
            if was.zip(is).is_some_and(|(was, is)| told.contains(&(namespace.as_str(), [was, is]))) {
                continue;
            }
            let mut found = Vec::new();
            outside_changes(&pods.to_string(), (Some(end), Some(end)), &before, &after, &mut found);
            // What all pods of the namespace see needs no further line for some of them.
            found.retain(|change| !wider.iter().any(|wider| change.fares_like(wider)));
            wider.extend(found);
        }
        outside.extend(wider);
    }
    Changes { pairs, outside }
}

/// The namespace of a workload, and the policies that isolate it before and after, if it is there both times.
type Spoken<'s> = (&'s str, [Isolation<'s>; 2]);

fn spoken<'s>(before: &'s Side, after: &'s Side, name: &str) -> Option<Spoken<'s>> {
    let (was, is) = (before.endpoint(name)?, after.endpoint(name)?);
    let namespace = after.evaluator.workload(is)?.namespace.as_str();
    Some((namespace, [outside::isolation(&before.evaluator, was)?, outside::isolation(&after.evaluator, is)?]))
}

fn outside_changes(
    subject: &str,
    ends: (Option<Endpoint<'_>>, Option<Endpoint<'_>>),
    before: &Side,
    after: &Side,
    found: &mut Vec<OutsideChange>,
) {
    for direction in Direction::ALL {
        for own in outside::changes((&before.evaluator, ends.0), (&after.evaluator, ends.1), direction) {
            let outside::Change { who, before: was, after: is, because } = own;
            let is_told = is_told(&who, subject, direction, (&was.reach, &is.reach), (before, after));
            let (src, dst) = match direction {
                Direction::Ingress => (who.to_string(), subject.to_owned()),
                Direction::Egress => (subject.to_owned(), who.to_string()),
            };
            let mut change = change(src, dst, &was.reach, &is.reach, because);
            let names =
                |names: BTreeSet<_>| names.into_iter().map(|(protocol, name)| format!("{protocol} {name}")).collect();
            change.opened_names = names(is.named.difference(&was.named).cloned().collect());
            change.closed_names = names(was.named.difference(&is.named).cloned().collect());
            found.push(OutsideChange { change, subject: subject.to_owned(), direction, is_told });
        }
    }
}

/// Whether workloads at hand that bear these labels are all told the same by their own pairs.
fn is_told(
    who: &Outsiders,
    subject: &str,
    direction: Direction,
    (was, is): (&Reach, &Reach),
    (before, after): (&Side, &Side),
) -> bool {
    // Of other namespaces nothing at hand tells.
    let Outsiders::Pods(pods @ Pods { place: Place::Namespace(_), .. }) = who else { return false };
    if pods.labels.is_everything() {
        return false;
    }
    let side = |side: &Side, member: &str, wanted: &Reach| {
        let pair = side.places.get(member).zip(side.places.get(subject));
        pair.is_some_and(|(member, subject)| match direction {
            Direction::Ingress => side.matrix.ingress(*member, *subject) == wanted,
            Direction::Egress => side.matrix.egress(*subject, *member) == wanted,
        })
    };
    let members = outside::members(&after.evaluator, pods);
    let others: Vec<_> = members.iter().map(|place| after.evaluator.workloads()[*place].to_string()).collect();
    let told = |member: &String| {
        member == subject || {
            let (src, dst) = match direction {
                Direction::Ingress => (member.as_str(), subject),
                Direction::Egress => (subject, member.as_str()),
            };
            let differs = before.reach(src, dst) != after.reach(src, dst);
            differs && side(before, member, was) && side(after, member, is)
        }
    };
    others.iter().any(|member| member != subject) && others.iter().all(told)
}

fn pair_change(src: &str, dst: &str, old: &Reach, new: &Reach, after: &Side) -> Change {
    let reasons = after.pair(src, dst).map(|(source, destination)| {
        let pair = after.evaluator.pair(Endpoint::Workload(source), Endpoint::Workload(destination));
        after.evaluator.reasons(&pair, None)
    });
    let reasons = reasons.unwrap_or_else(|| vec!["one of the two is gone".into()]);
    change(src.into(), dst.into(), old, new, reasons)
}

fn change(src: String, dst: String, old: &Reach, new: &Reach, reasons: Vec<String>) -> Change {
    let open = |reach: &Reach| reach.possible.difference(&reach.sure);
    Change {
        src,
        dst,
        before: old.overall(),
        after: new.overall(),
        opened: new.sure.difference(&old.sure),
        closed: old.sure.difference(&new.sure),
        undecided: open(new).difference(&open(old)),
        ruled_out: open(old).difference(&new.possible),
        opened_names: Vec::new(),
        closed_names: Vec::new(),
        reasons,
    }
}

impl Change {
    /// What it opens, closes and leaves open, each with its sign, in words.
    pub(crate) fn effects(&self) -> Vec<(&'static str, AnsiColor, String)> {
        let by_name =
            |names: &[String]| names.iter().map(|name| format!("{name} by name")).collect::<Vec<_>>().join(", ");
        let kinds = [
            ("+ opens", AnsiColor::Green, &self.opened),
            ("- closes", AnsiColor::Red, &self.closed),
            ("- closes, having been undecided,", AnsiColor::Red, &self.ruled_out),
            ("? makes undecided", AnsiColor::Yellow, &self.undecided),
        ];
        let mut effects: Vec<_> = kinds
            .into_iter()
            .filter(|(.., connections)| !connections.is_none())
            .map(|(words, colour, connections)| (words, colour, connections.to_string()))
            .collect();
        let names =
            [("+ opens", AnsiColor::Green, &self.opened_names), ("- closes", AnsiColor::Red, &self.closed_names)];
        let names = names.into_iter().filter(|(.., names)| !names.is_empty());
        effects.extend(names.map(|(words, colour, names)| (words, colour, by_name(names))));
        effects
    }
}

fn print(title: &str, change: &Change, paint: Paint, out: &mut impl Write) -> std::io::Result<()> {
    let Change { before, after, reasons, .. } = change;
    let before = paint.verdict(*before, before);
    let after = paint.verdict(*after, after);
    writeln!(out, "{}: {before} before, {after} now", paint.text(TITLE, title))?;
    for (words, colour, connections) in change.effects() {
        writeln!(out, "  {}", paint.text(colour.on_default(), format_args!("{words} {connections}")))?;
    }
    reasons.iter().try_for_each(|reason| writeln!(out, "    {reason}"))
}
