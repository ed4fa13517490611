//! Manifests into a cluster.

use std::path::PathBuf;

use anyhow::{anyhow, ensure};
use star_netpol::{
    Cluster, Evaluator, Problem,
    manifest::{self, Object},
};

use crate::args::Reading;

/// The cluster that all the files describe together, or everything that is wrong with their policies.
pub(crate) fn read(files: &[PathBuf], namespace: &str) -> anyhow::Result<Result<Cluster, Vec<Problem>>> {
    Ok(Cluster::new(&objects(files)?, namespace))
}

pub(crate) fn objects(files: &[PathBuf]) -> anyhow::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for file in files {
        objects.extend(manifest::read(file)?);
    }
    Ok(objects)
}

/// An evaluator of all the files together, and the warnings.
pub(crate) fn evaluator(files: &[PathBuf], reading: &Reading) -> anyhow::Result<(Evaluator, Vec<String>)> {
    let cluster = read(files, &reading.namespace)?.map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\nstar-policy: "))
    });
    let mut cluster = cluster?;
    let mut warnings = std::mem::take(&mut cluster.warnings);
    warnings.extend(cluster.unquoted.iter().map(ToString::to_string));
    Ok((Evaluator::new(cluster, reading.ipblock_pods.into()), warnings))
}

/// Refuses a file that stands where no file is asked for.
pub(crate) fn ensure_none(misplaced: &[PathBuf]) -> anyhow::Result<()> {
    let names: Vec<_> = misplaced.iter().map(|file| file.display().to_string()).collect();
    ensure!(names.is_empty(), "{0} stands alone: files and folders are given by -f, as in -f {0}", names.join(" "));
    Ok(())
}

/// Refuses to say nothing about nothing.
pub(crate) fn ensure_any(evaluator: &Evaluator, files: &[PathBuf]) -> anyhow::Result<()> {
    let files = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    let any = !evaluator.workloads().is_empty() || evaluator.policies().next().is_some();
    ensure!(any, "no workload and no policy in {files}: give the manifests of the pods as well as the policies");
    Ok(())
}

pub(crate) fn print_warnings(warnings: &[String]) {
    for warning in warnings {
        eprintln!("star-policy: warning: {warning}");
    }
}
