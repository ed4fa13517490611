//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

use crate::control::Output;
use crate::enforce::Established;
use crate::family::Families;

/// The stars lab on this machine: a small cluster whose NetworkPolicies drop real packets. Without a command: `up`.
#[derive(Debug, Parser)]
#[command(
    name = "star-lab",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        star-lab                                        start the lab; Ctrl-C ends it\n  \
        star-lab walk                                   in a second terminal: take its five steps\n  \
        star-lab apply -n stars -f default-deny.yaml    or go your own way, as with kubectl\n  \
        star-lab get pods -A -o wide"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) up: UpArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the lab and stay until Ctrl-C (as without a command)
    Up(UpArgs),
    /// Create or change what manifests say, NetworkPolicies above all
    Apply(ApplyArgs),
    /// Delete what manifests name, or objects by name
    Delete(DeleteArgs),
    /// List objects: pods, svc, netpol, ns, and what makes pods
    Get(GetArgs),
    /// Tell all of a NetworkPolicy
    Describe(DescribeArgs),
    /// Print the log of a pod
    Logs(LogArgs),
    /// Run a program of a pod's image in it: probe check URL, say
    Exec(ExecArgs),
    /// Take the lab's five steps, one policy after the other
    Walk(WalkArgs),
    /// Kill a pod's processes; they stay down until they are started
    Kill(PodArgs),
    /// Start a pod that was killed
    Start(PodArgs),
    /// End a running lab
    Down(WhichArgs),
}

#[derive(ClapArgs, Debug)]
pub(crate) struct UpArgs {
    /// What to run: manifests, a folder of them or - for stdin [default: the stars lab]
    #[arg(short, long = "filename", value_name = "FILE")]
    pub(crate) filenames: Vec<PathBuf>,
    /// Apply the manifests in this folder, and follow its changes
    #[arg(long, value_name = "DIR", conflicts_with = "loopback")]
    pub(crate) policies: Option<PathBuf>,
    /// Which addresses pods and Services have
    #[arg(long, value_name = "FAMILY", default_value = "ipv4", conflicts_with = "loopback")]
    pub(crate) ip_family: Families,
    /// What becomes of connections that are established when a policy comes that denies them
    #[arg(long, default_value = "cut", conflicts_with = "loopback")]
    pub(crate) established: Established,
    /// Lose this percentage of all packets between pods, at random
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent, conflicts_with = "loopback")]
    pub(crate) loss: u32,
    /// Run on the machine's loopback: for a machine that gives no namespaces; no policy holds there
    #[arg(long, conflicts_with = "filenames")]
    pub(crate) loopback: bool,
    /// Port of the page on 127.0.0.1 [default: 9001, or the next one that is free]
    #[arg(long, value_name = "PORT", env = "STAR_LAB_PORT_NUMBER")]
    pub(crate) port: Option<u16>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct WhichArgs {
    /// Which lab, by its process id, when more than one runs
    #[arg(long, value_name = "PID", global = true)]
    pub(crate) lab: Option<u32>,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct ApplyArgs {
    /// Manifests, a folder of them or - for stdin
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    pub(crate) filenames: Vec<PathBuf>,
    /// The namespace of objects that give none [default: default]
    #[arg(short, long)]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct DeleteArgs {
    /// TYPE NAME…, TYPE/NAME… or, with -l or --all, TYPE[,TYPE…], if not by manifests
    #[arg(value_name = "TYPE", required_unless_present = "filenames", conflicts_with = "filenames")]
    pub(crate) args: Vec<String>,
    /// Manifests, a folder of them or - for stdin
    #[arg(short, long = "filename", value_name = "FILE")]
    pub(crate) filenames: Vec<PathBuf>,
    /// Those with such labels: role=frontend,tier in (a,b),!legacy
    #[arg(short = 'l', long, conflicts_with = "filenames")]
    pub(crate) selector: Option<String>,
    /// All of the namespace
    #[arg(long, conflicts_with_all = ["filenames", "selector"])]
    pub(crate) all: bool,
    /// Say nothing of what is not there
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
    /// Where they are [default: default]
    #[arg(short, long)]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct GetArgs {
    /// TYPE[,TYPE…] [NAME…] or TYPE/NAME…: pods, svc, netpol, ns, deploy, sts, ds, rs, rc, jobs, cj
    #[arg(value_name = "TYPE", required = true)]
    pub(crate) args: Vec<String>,
    /// Those with such labels: role=frontend,tier in (a,b),!legacy
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// Where they are
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    /// In every namespace
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,
    /// How they are shown
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<Output>,
    /// Say nothing of what is not there
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct DescribeArgs {
    /// netpol [NAME…] or netpol/NAME…
    #[arg(value_name = "TYPE", required = true)]
    pub(crate) args: Vec<String>,
    /// Those with such labels: role=frontend,tier in (a,b),!legacy
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// Where they are
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct LogArgs {
    /// The pod's name, as `get pods` tells it, or that of what it is of: deploy/client
    pub(crate) pod: String,
    /// Which of its containers, if it has several
    #[arg(short, long)]
    pub(crate) container: Option<String>,
    /// Where it is
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    /// Go on as the log grows
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct ExecArgs {
    /// The pod's name, as `get pods` tells it, or a workload's: deploy/client
    pub(crate) pod: String,
    /// Where it is
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    /// What to run: the image's own program
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<String>,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct WalkArgs {
    /// Do not wait for Enter between the steps
    #[arg(long)]
    pub(crate) no_pause: bool,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
pub(crate) struct PodArgs {
    /// A pod, or the workload that it is of
    pub(crate) pod: String,
    #[command(flatten)]
    pub(crate) which: WhichArgs,
}

/// Parses a percentage, fractions allowed, into millionths.
fn percent(text: &str) -> Result<u32, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok((percent * 10_000.0).round() as u32),
        _ => Err("give a percentage from 0 to 100".to_owned()),
    }
}
