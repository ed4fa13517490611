//! `star-policy check`: whether an API server would take the policies.

use std::{io::Write, path::Path, process::ExitCode};

use serde::Serialize;
use star_netpol::{Cluster, Location, Problem};

use crate::{
    args::{CheckArgs, TextOutput},
    document::Place,
    input,
};

#[derive(Default, Serialize)]
struct Document<'c> {
    valid: bool,
    policies: usize,
    workloads: usize,
    /// Policies of other kinds, which are not checked.
    foreign: Vec<&'c str>,
    problems: Vec<Wrong<'c>>,
    warnings: &'c [String],
}

#[derive(Serialize)]
struct Wrong<'c> {
    #[serde(flatten)]
    at: Place<'c>,
    message: &'c str,
}

pub(crate) fn run(args: CheckArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let CheckArgs { file, namespace, output, misplaced } = args;
    input::ensure_none(&misplaced)?;
    let objects = input::objects(&file)?;
    let read = match Cluster::new(&objects, &namespace) {
        Ok(cluster) if !cluster.unquoted.is_empty() => Err(cluster.unquoted),
        // kubectl has nothing to send, and fails: an empty file is mostly a mistake of whatever wrote it.
        Ok(_) if objects.is_empty() => Err(file.iter().map(|file| nothing_in(file)).collect()),
        read => read,
    };
    let document = match &read {
        Ok(cluster) => Document {
            valid: true,
            policies: cluster.policies.len(),
            workloads: cluster.workloads.len(),
            foreign: cluster.foreign.iter().map(|foreign| foreign.name.as_str()).collect(),
            warnings: &cluster.warnings,
            ..Document::default()
        },
        Err(problems) => Document { problems: problems.iter().map(Wrong::from).collect(), ..Document::default() },
    };
    match (output, &read) {
        (TextOutput::Json, _) => {
            serde_json::to_writer(&mut *out, &document)?;
            writeln!(out)?;
        }
        (TextOutput::Text, Ok(_)) => {
            input::print_warnings(document.warnings);
            let Document { policies, workloads, foreign, .. } = &document;
            let foreign = match foreign.as_slice() {
                [] => String::new(),
                names => format!("; not checked, of other kinds: {}", names.join(", ")),
            };
            writeln!(out, "valid: NetworkPolicies {policies}, workloads {workloads}{foreign}")?;
        }
        (TextOutput::Text, Err(problems)) => problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?,
    }
    Ok(if document.valid { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn nothing_in(file: &Path) -> Problem {
    let at = Location { file: file.display().to_string().into(), line: 1, column: 1 };
    Problem { at, message: "no object: kubectl would have nothing to send".into() }
}

impl<'c> From<&'c Problem> for Wrong<'c> {
    fn from(Problem { at, message }: &'c Problem) -> Self {
        Self { at: at.into(), message }
    }
}
