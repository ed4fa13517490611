//! The lab: a small cluster on one Linux machine, with real packets that NetworkPolicies really drop.
//!
//! ```text
//!  star-lab get, apply, … ──control socket──▶ lab ──▶ cluster   what is to be: objects, pods, addresses
//!                                              ├────▶ fabric    a network for each pod, wired to the node's
//!                                              ├────▶ nft       rules: service (translation), enforce (policies)
//!                                              ├────▶ pod       star-lab itself, run as probe, collect or dns
//!  browser ──127.0.0.1:9001──▶ publish ────────┘
//! ```
//!
//! | module | its one job |
//! | --- | --- |
//! | `isolation` | leaves the machine's network for one of our own |
//! | `fabric` | the wires |
//! | `nft` | speaks nftables to the kernel |
//! | `service`, `enforce` | what Services and policies mean as rules |
//! | `cluster`, `image` | what the cluster is to hold, and what its images run |
//! | `pod`, `process` | what runs |
//! | `dns` | the cluster's DNS |
//! | `publish` | a Service on the machine's loopback |
//! | `folder` | a folder of manifests that is followed |
//! | `lab` | keeps all that as it is wanted |
//! | `loopback` | the lab for a machine that gives no namespaces |
//! | `control` | what a second terminal says to a running lab |
//! | `listing`, `describe` | how objects are shown |
//! | `walk` | the five steps |

mod cluster;
mod control;
mod describe;
mod dns;
mod enforce;
mod fabric;
mod folder;
mod image;
mod isolation;
mod lab;
mod listing;
mod loopback;
mod nft;
mod pod;
mod process;
mod publish;
mod service;
mod walk;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args as ClapArgs, Parser, Subcommand};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use star_daemon::check::{Ask, Checker, Guard, Resolver};
use star_daemon::target::TargetUrl;
use star_daemon::{cli, serve, supervise};
use star_netpol::manifest;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::control::{Answer, Kind, Output, Request};
use crate::enforce::Established;
use crate::lab::{Config, Lab, Prepared};
use crate::process::{me, tell};

/// The lab without arguments.
const LAB: [(&str, &str); 5] = [
    ("manifests/lab/namespace.yaml", include_str!("../../../manifests/lab/namespace.yaml")),
    ("manifests/lab/management-ui.yaml", include_str!("../../../manifests/lab/management-ui.yaml")),
    ("manifests/lab/frontend.yaml", include_str!("../../../manifests/lab/frontend.yaml")),
    ("manifests/lab/backend.yaml", include_str!("../../../manifests/lab/backend.yaml")),
    ("manifests/lab/client.yaml", include_str!("../../../manifests/lab/client.yaml")),
];

/// How long the page may take to answer at first.
const START: Duration = Duration::from_secs(10);

/// Between two looks at whether something happened.
const AGAIN: Duration = Duration::from_millis(10);

/// How long a lab may take to end.
const END: Duration = Duration::from_secs(10);

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
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: UpArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the lab and stay until Ctrl-C (as without a command)
    Up(UpArgs),
    /// Create or change what manifests say, NetworkPolicies above all
    Apply(ApplyArgs),
    /// Delete what manifests name, or objects by name
    Delete(DeleteArgs),
    /// List pods, svc, netpol or ns
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
struct UpArgs {
    /// What to run: manifests, a folder of them or - for stdin [default: the stars lab]
    #[arg(short, long = "filename", value_name = "FILE")]
    filenames: Vec<PathBuf>,
    /// Apply the manifests in this folder, and follow its changes
    #[arg(long, value_name = "DIR", conflicts_with = "loopback")]
    policies: Option<PathBuf>,
    /// What becomes of connections that are established when a policy comes that denies them
    #[arg(long, default_value = "cut", conflicts_with = "loopback")]
    established: Established,
    /// Lose this percentage of all packets between pods, at random
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent, conflicts_with = "loopback")]
    loss: u32,
    /// Run on the machine's loopback: for a machine that gives no namespaces; no policy holds there
    #[arg(long, conflicts_with = "filenames")]
    loopback: bool,
    /// Port of the page on 127.0.0.1 [default: 9001, or the next one that is free]
    #[arg(long, value_name = "PORT", env = "STAR_LAB_PORT_NUMBER")]
    port: Option<u16>,
}

#[derive(ClapArgs, Debug)]
struct WhichArgs {
    /// Which lab, by its process id, when more than one runs
    #[arg(long, value_name = "PID", global = true)]
    lab: Option<u32>,
}

#[derive(ClapArgs, Debug)]
struct ApplyArgs {
    /// Manifests, a folder of them or - for stdin
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    filenames: Vec<PathBuf>,
    /// The namespace of objects that give none [default: default]
    #[arg(short, long)]
    namespace: Option<String>,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
struct DeleteArgs {
    /// pods, svc, netpol or ns, if not by manifests
    #[arg(required_unless_present = "filenames", conflicts_with = "filenames", requires = "names")]
    kind: Option<Kind>,
    /// The objects' names
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Manifests, a folder of them or - for stdin
    #[arg(short, long = "filename", value_name = "FILE")]
    filenames: Vec<PathBuf>,
    /// Where they are [default: default]
    #[arg(short, long)]
    namespace: Option<String>,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
struct GetArgs {
    /// pods, svc, netpol or ns
    kind: Kind,
    /// These alone
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Where they are
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// In every namespace
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// How they are shown
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
struct DescribeArgs {
    /// netpol
    kind: Kind,
    /// These alone
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Where they are
    #[arg(short, long, default_value = "default")]
    namespace: String,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
struct LogArgs {
    /// The pod's name, as `get pods` tells it
    pod: String,
    /// Which of its containers, if it has several
    #[arg(short, long)]
    container: Option<String>,
    /// Where it is
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Go on as the log grows
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
struct ExecArgs {
    /// The pod's name, as `get pods` tells it, or a workload's: deploy/client
    pod: String,
    /// Where it is
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// What to run: the image's own program
    #[arg(last = true, required = true)]
    command: Vec<String>,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
struct WalkArgs {
    /// Do not wait for Enter between the steps
    #[arg(long)]
    no_pause: bool,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(ClapArgs, Debug)]
struct PodArgs {
    /// A pod, or the workload that it is of
    pod: String,
    #[command(flatten)]
    which: WhichArgs,
}

/// Parses `argv`, runs, and tells how it ended. A pod's process comes in by here, too.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut argv: Vec<_> = argv.into_iter().collect();
    match process::program(&argv) {
        Ok(Some(main)) => main(argv.split_off(1)),
        Ok(None) => cli::prepared(argv, prepare, start),
        Err(error) => {
            eprintln!("star-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is left to do once the machine's network has been left, if it has to be.
enum Job {
    Up(Box<Prepared>),
    UpOnLoopback(Option<u16>),
    Ask(Command),
}

fn prepare(Args { command, up }: Args) -> anyhow::Result<Job> {
    let UpArgs { filenames, policies, established, loss, loopback, port } = match command.unwrap_or(Command::Up(up)) {
        Command::Up(up) => up,
        command => return Ok(Job::Ask(command)),
    };
    if loopback {
        return Ok(Job::UpOnLoopback(port));
    }
    let mut objects = Vec::new();
    for path in &filenames {
        objects.extend(manifest::read(path)?);
    }
    if filenames.is_empty() {
        for (file, text) in LAB {
            objects.extend(manifest::parse(&file.into(), text)?);
        }
    }
    let config = Config { objects, port, policies, established, loss };
    Ok(Job::Up(Box::new(Prepared::new(config)?)))
}

async fn start(job: Job) -> anyhow::Result<ExitCode> {
    let shutdown = CancellationToken::new();
    match job {
        Job::Up(prepared) => supervise::until_signal(shutdown.clone(), up(*prepared, shutdown)).await?,
        Job::UpOnLoopback(port) => supervise::until_signal(shutdown.clone(), on_loopback(port, shutdown)).await?,
        Job::Ask(command) => return tokio::task::spawn_blocking(|| ask(command)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn up(prepared: Prepared, shutdown: CancellationToken) -> anyhow::Result<()> {
    serve::raise_open_file_limit();
    let mut lab = Lab::start(prepared).await?;
    tokio::select! {
        // What does not listen in time has told why in its log.
        _ = timeout(START, lab.listening()) => {}
        ended = lab.supervise(shutdown.clone()) => return ended,
    }
    tell(&welcome(&lab));
    lab.supervise(shutdown).await
}

/// What a newcomer needs to know.
fn welcome(lab: &Lab) -> String {
    let me = me();
    let mut told = String::new();
    for (number, published) in lab.published().iter().enumerate() {
        let (name, address) = (published.name(), published.address);
        told += &match number {
            0 => format!(
                "Open http://{address}/ in a browser: it is Service {name}, as kubectl port-forward would show it.\n"
            ),
            _ => format!("Service {name} is at http://{address}/, too.\n"),
        };
    }
    told + &format!(
        "\nIn a second terminal, take the lab's five steps, or go your own way:\n\n  \
         {me} walk\n  {me} apply -n stars -f manifests/policies/default-deny.yaml\n  {me} get pods -A -o wide\n\n\
         Logs are in {}. Ctrl-C ends the lab.\n",
        lab.folder().path().display()
    )
}

async fn on_loopback(port: Option<u16>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut lab = loopback::Lab::start(port).await?;
    let url = lab.url().to_owned();
    tokio::select! {
        ready = answers(&url) => ready?,
        ended = lab.supervise(shutdown.clone()) => return ended,
    }
    tell(&lab.welcome());
    lab.supervise(shutdown).await
}

/// Waits until the page at `url` answers.
async fn answers(url: &str) -> anyhow::Result<()> {
    let page = TargetUrl::parse(url)?;
    let checker = Checker::new(Resolver::from_system(), Guard::Open);
    let waiting = async {
        while checker.check(&page, &Ask::head(START)).await.outcome.is_err() {
            sleep(AGAIN).await;
        }
    };
    timeout(START, waiting).await.with_context(|| format!("{url} does not answer within {START:?}"))
}

fn ask(command: Command) -> anyhow::Result<ExitCode> {
    let namespaced = |namespace: Option<String>| namespace.unwrap_or_else(|| "default".to_owned());
    let (request, which) = match command {
        Command::Apply(ApplyArgs { filenames, namespace, which }) => {
            (Request::Apply { files: texts(&filenames)?, namespace }, which)
        }
        Command::Delete(DeleteArgs { kind: Some(kind), names, filenames: _, namespace, which }) => {
            (Request::DeleteNamed { kind, names, namespace: namespaced(namespace) }, which)
        }
        Command::Delete(DeleteArgs { kind: None, names: _, filenames, namespace, which }) => {
            (Request::Delete { files: texts(&filenames)?, namespace }, which)
        }
        Command::Get(GetArgs { kind, names, namespace, all_namespaces, output, which }) => {
            let namespace = (!all_namespaces).then_some(namespace);
            (Request::Get { kind, names, namespace, output: output.unwrap_or_default() }, which)
        }
        Command::Describe(DescribeArgs { kind, names, namespace, which }) => {
            (Request::Describe { kind, names, namespace }, which)
        }
        Command::Exec(ExecArgs { pod, namespace, command, which }) => {
            (Request::Exec { pod, command, namespace }, which)
        }
        Command::Kill(PodArgs { pod, which }) => (Request::Kill(pod), which),
        Command::Start(PodArgs { pod, which }) => (Request::Start(pod), which),
        Command::Logs(args) => return logs(args),
        Command::Walk(WalkArgs { no_pause, which }) => return walk::walk(which.lab, !no_pause),
        Command::Down(which) => return down(which.lab),
        Command::Up(_) => bail!("a lab is started before its runtime"),
    };
    let Answer { told, warned, refused, code, enforced_ns: _ } = say(which.lab, &request)?;
    print!("{told}");
    for line in warned.iter().chain(&refused) {
        eprintln!("{line}");
    }
    Ok(code.map_or(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }, ExitCode::from))
}

fn say(lab: Option<u32>, request: &Request) -> anyhow::Result<Answer> {
    let (pid, socket) = control::find(lab)?;
    control::ask(&socket, request).with_context(|| format!("the lab {pid}"))
}

fn texts(paths: &[PathBuf]) -> anyhow::Result<Vec<control::File>> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(manifest::texts(path)?);
    }
    Ok(files)
}

fn logs(LogArgs { pod, container, namespace, follow, which }: LogArgs) -> anyhow::Result<ExitCode> {
    let Answer { told, refused, .. } = say(which.lab, &Request::Log { pod, container, namespace })?;
    if !refused.is_empty() {
        eprintln!("{}", refused.join("\n"));
        return Ok(ExitCode::FAILURE);
    }
    let path = Path::new(&told);
    let mut log = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut text = Vec::new();
    loop {
        text.clear();
        log.read_to_end(&mut text)?;
        std::io::stdout().write_all(&text)?;
        std::io::stdout().flush()?;
        // It is gone when the lab is.
        if !follow || !path.exists() {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(AGAIN * 10);
    }
}

/// Asks the lab to end, and waits until it has.
fn down(lab: Option<u32>) -> anyhow::Result<ExitCode> {
    let (pid, _) = control::find(lab)?;
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
    let process = pidfd_open(process, PidfdFlags::empty()).with_context(|| format!("the lab {pid} is gone"))?;
    pidfd_send_signal(&process, Signal::TERM).with_context(|| format!("the lab {pid} cannot be asked to end"))?;
    let deadline = END.try_into().context("a deadline out of range")?;
    let ended = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&deadline)).context("cannot wait for it")?;
    ensure!(ended > 0, "the lab {pid} has not ended within {END:?}");
    println!("lab {pid} ended");
    Ok(ExitCode::SUCCESS)
}

/// Parses a percentage, fractions allowed, into millionths.
fn percent(text: &str) -> Result<u32, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok((percent * 10_000.0).round() as u32),
        _ => Err("give a percentage from 0 to 100".to_owned()),
    }
}
