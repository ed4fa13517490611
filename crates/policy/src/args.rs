//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use star_netpol::evaluator;

/// Who may reach whom, and which NetworkPolicy says so: from manifests alone, no cluster needed.
#[derive(Debug, Parser)]
#[command(name = "star-policy", version, max_term_width = 120)]
#[command(after_help = "Example:\n  star-policy explain -f manifests/ client/client http://backend.stars:6379/status")]
pub struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Every pair of workloads, and the world outside: what may pass between them.
    #[command(
        after_help = "Example:\n  star-policy eval -f manifests/ -o json | jq '.pairs[] | select(.verdict == \"denied\")'"
    )]
    Eval(EvalArgs),
    /// The whole reasoning for one edge.
    #[command(after_help = "\
Examples:
  star-policy explain -f manifests/ client/client stars/backend:6379
  star-policy explain -f manifests/ client/client http://backend.stars:6379/status
  star-policy explain -f manifests/ 203.0.113.7 stars/frontend:80/TCP
  star-policy explain -f manifests/ '*' stars/frontend:80        any pod at all
  star-policy explain -f manifests/ 'stars/*' 10.0.0.0/8         any pod that stars may get, and a block of addresses")]
    Explain(ExplainArgs),
    /// Which edges a change of manifests opens and closes; exit code 1 if any.
    #[command(
        after_help = "Example:\n  git worktree add /tmp/before main && star-policy diff /tmp/before/manifests manifests"
    )]
    Diff(DiffArgs),
    /// Whether an API server would take the policies; exit code 1 if not.
    #[command(after_help = "Example:\n  kubectl kustomize overlays/prod | star-policy check -f -")]
    Check(CheckArgs),
    /// The mistakes that people make in policies, each with its cure; exit code 1 if there are any.
    #[command(after_help = "\
Examples:
  star-policy lint -f manifests/
  kubectl get -A -o json ns,pods,svc,deploy,sts,ds,netpol | star-policy lint -f -")]
    Lint(LintArgs),
    /// Prints what a shell needs to complete this program's arguments.
    #[command(
        after_help = "Example:\n  star-policy completions bash > ~/.local/share/bash-completion/completions/star-policy"
    )]
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalArgs {
    /// A manifest, a folder of them (read to its depth), or - for standard input; several are one cluster.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required_unless_present = "misplaced", num_args = 1..)]
    pub(crate) file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// How to print it [default: table, or summary for more than 40 workloads].
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<Output>,
    #[arg(hide = true, value_name = "FILE")]
    pub(crate) misplaced: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// A manifest, a folder of them (read to its depth), or - for standard input; can be repeated.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required_unless_present = "misplaced")]
    pub(crate) file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: TextOutput,
    /// NAMESPACE/WORKLOAD, an ADDRESS or block of them outside, '*' for any pod, or 'NAMESPACE/*' for any that it may get.
    #[arg(value_name = "SRC")]
    pub(crate) source: String,
    /// The same with a port, as in NAMESPACE/WORKLOAD[:PORT[/PROTOCOL]], or SERVICE.NAMESPACE[:PORT], or a URL.
    #[arg(value_name = "DST[:PORT[/PROTO]]")]
    pub(crate) destination: String,
    #[arg(hide = true, value_name = "FILE")]
    pub(crate) misplaced: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The manifests before: a file, a folder, or - for standard input.
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// The manifests after.
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: ChangeOutput,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// A manifest, a folder of them (read to its depth), or - for standard input; several are one cluster.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required_unless_present = "misplaced", num_args = 1..)]
    pub(crate) file: Vec<PathBuf>,
    /// The namespace of what gives none.
    #[arg(short, long, value_name = "NS", default_value = "default", value_parser = namespace)]
    pub(crate) namespace: String,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: TextOutput,
    #[arg(hide = true, value_name = "FILE")]
    pub(crate) misplaced: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LintArgs {
    /// A manifest, a folder of them (read to its depth), or - for standard input; several are one cluster.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-", required_unless_present = "misplaced", num_args = 1..)]
    pub(crate) file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// How to print it.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: LintOutput,
    #[arg(hide = true, value_name = "FILE")]
    pub(crate) misplaced: Vec<PathBuf>,
}

/// How manifests are taken.
#[derive(Debug, clap::Args)]
pub(crate) struct Reading {
    /// The namespace of what gives none.
    #[arg(short, long, value_name = "NS", default_value = "default", value_parser = namespace)]
    pub(crate) namespace: String,
    /// Whether an ipBlock applies to pods' addresses; networks differ.
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(crate) ipblock_pods: IpBlockPods,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Output {
    /// Every pair, a line each.
    Table,
    /// A line for each pair of namespaces.
    Summary,
    /// For programs.
    Json,
    /// A table for a comment or a page.
    Markdown,
    /// A graph for Graphviz.
    Dot,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub(crate) enum ChangeOutput {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For a comment on a pull request.
    Markdown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub(crate) enum TextOutput {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub(crate) enum LintOutput {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For a pipeline's list of tests.
    Junit,
    /// Annotations of a GitHub workflow.
    Github,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum IpBlockPods {
    /// A block admits the pods whose addresses it holds.
    Match,
    /// A block admits no pod.
    Ignore,
    /// What hangs on it is undecided.
    #[default]
    Undecided,
}

fn namespace(text: &str) -> Result<String, &'static str> {
    match star_netpol::selector::is_namespace_name(text) {
        true => Ok(text.into()),
        false => Err("a namespace's name is at most 63 lower-case letters, digits and '-'"),
    }
}

impl From<IpBlockPods> for evaluator::Options {
    fn from(given: IpBlockPods) -> Self {
        let ip_block_pods = match given {
            IpBlockPods::Match => evaluator::IpBlockPods::Match,
            IpBlockPods::Ignore => evaluator::IpBlockPods::Ignore,
            IpBlockPods::Undecided => evaluator::IpBlockPods::Undecided,
        };
        Self { ip_block_pods }
    }
}
