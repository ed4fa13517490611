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
//! | `isolation` | leaves the machine's network for one of our own, and shuts pods in |
//! | `family` | IPv4 and IPv6, and their addresses |
//! | `fabric` | the wires |
//! | `nft` | speaks nftables to the kernel |
//! | `service`, `enforce` | what Services and policies mean as rules |
//! | `cluster` | what the cluster is to hold: an index, and what follows from it |
//! | `image`, `expansion` | what images run, by which arguments |
//! | `pod`, `process`, `parent` | what runs, and how it is started |
//! | `dns` | the cluster's DNS |
//! | `publish` | a Service on the machine's loopback |
//! | `folder` | a folder of manifests that is followed |
//! | `lab` | keeps all that as it is wanted; `lab::request` does what is asked for |
//! | `loopback` | the lab for a machine that gives no namespaces |
//! | `args` | the command line |
//! | `control` | what a second terminal says to a running lab |
//! | `client` | the second terminal |
//! | `query` | what a command is about |
//! | `listing`, `yaml`, `describe` | how objects are shown |
//! | `walk` | the five steps |

mod args;
mod client;
mod cluster;
mod control;
mod describe;
mod dns;
mod enforce;
mod expansion;
mod fabric;
mod family;
mod folder;
mod image;
mod isolation;
mod lab;
mod listing;
mod loopback;
mod nft;
mod parent;
mod pod;
mod process;
mod publish;
mod query;
mod service;
mod walk;
mod yaml;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use star_daemon::check::{Ask, Checker, Guard, Resolver};
use star_daemon::target::TargetUrl;
use star_daemon::{cli, room, supervise};
use star_netpol::manifest;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::args::{Args, Command, UpArgs};
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

/// Parses `argv`, runs, and tells how it ended. A pod's process comes in by here, too.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut argv: Vec<_> = argv.into_iter().collect();
    match parent::program(&argv) {
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
    let UpArgs { filenames, policies, ip_family, established, loss, loopback, port } =
        match command.unwrap_or(Command::Up(up)) {
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
    let config = Config { objects, port, policies, families: ip_family, established, loss };
    Ok(Job::Up(Box::new(Prepared::new(config)?)))
}

async fn start(job: Job) -> anyhow::Result<ExitCode> {
    let shutdown = CancellationToken::new();
    match job {
        Job::Up(prepared) => supervise::until_signal(shutdown.clone(), up(*prepared, shutdown)).await?,
        Job::UpOnLoopback(port) => supervise::until_signal(shutdown.clone(), on_loopback(port, shutdown)).await?,
        Job::Ask(command) => return tokio::task::spawn_blocking(|| client::ask(command)).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn up(prepared: Prepared, shutdown: CancellationToken) -> anyhow::Result<()> {
    room::raise_open_file_limit();
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
