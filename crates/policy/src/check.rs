//! `star-policy check`: whether an API server would take the policies.

use std::{io::Write, process::ExitCode};

use crate::{args::CheckArgs, input};

pub(crate) fn run(args: CheckArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let CheckArgs { file, namespace } = args;
    match input::read(&file, &namespace)? {
        Ok(cluster) => {
            input::print_warnings(&cluster.warnings);
            let (policies, workloads) = (cluster.policies.len(), cluster.workloads.len());
            let foreign: Vec<_> = cluster.foreign.iter().map(|foreign| foreign.name.as_str()).collect();
            let foreign = match foreign.as_slice() {
                [] => String::new(),
                names => format!("; not checked, of other kinds: {}", names.join(", ")),
            };
            writeln!(out, "valid: NetworkPolicies {policies}, workloads {workloads}{foreign}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
            Ok(ExitCode::from(1))
        }
    }
}
