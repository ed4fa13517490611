//! The lab: its pods as processes on this machine's loopback, supervised.
//!
//! ```text
//! star-lab ──runs itself as──▶ probe (frontend, backend, client), collect (management-ui)
//!    ▲
//!    └──control socket── star-lab kill POD, star-lab start POD
//! ```
//!
//! | module | its one job |
//! | --- | --- |
//! | `pod` | what a pod runs, and the process that does |
//! | `lab` | which pods there are, and that they run |
//! | `control` | what a second terminal says to a running lab |

mod control;
mod lab;
mod pod;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use star_daemon::{cli, supervise};
use tokio_util::sync::CancellationToken;

use crate::control::{Verb, find};
use crate::lab::Lab;

/// The stars lab on this machine: frontend, backend, client and management-ui, each a process on loopback.
#[derive(Debug, Parser)]
#[command(
    name = "star-lab",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  star-lab                start the lab; Ctrl-C ends it\n  star-lab kill backend   in a second terminal: its edges die\n  star-lab start backend  and come back"
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
    /// Kill a pod of the running lab; it stays down until it is started
    Kill(PodArgs),
    /// Start a pod that was killed
    Start(PodArgs),
}

#[derive(Debug, Parser)]
struct UpArgs {
    /// Port of the page on 127.0.0.1 [default: 9001, or the next one that is free]
    #[arg(long, value_name = "PORT", env = "STAR_LAB_PORT_NUMBER")]
    port: Option<u16>,
}

#[derive(Debug, Parser)]
struct PodArgs {
    /// frontend, backend, client or management-ui
    pod: String,
    /// Which lab, by its process id, when more than one runs
    #[arg(long, value_name = "PID")]
    lab: Option<u32>,
}

/// Parses `argv`, runs, and tells how it ended. A pod's process comes in by here, too.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut argv: Vec<_> = argv.into_iter().collect();
    match pod::program(&argv) {
        Some(main) => main(argv.split_off(1)),
        None => cli::main(argv, start),
    }
}

async fn start(Args { command, up }: Args) -> anyhow::Result<ExitCode> {
    match command.unwrap_or(Command::Up(up)) {
        Command::Up(UpArgs { port }) => {
            let shutdown = CancellationToken::new();
            supervise::until_signal(shutdown.clone(), run(port, shutdown)).await?;
        }
        Command::Kill(PodArgs { pod, lab }) => say(Verb::Kill, &pod, lab)?,
        Command::Start(PodArgs { pod, lab }) => say(Verb::Start, &pod, lab)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(port: Option<u16>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut lab = Lab::start(port).await?;
    let url = lab.url().to_owned();
    tokio::select! {
        ready = lab::answers(&url) => ready?,
        ended = lab.supervise(shutdown.clone()) => return ended,
    }
    lab::tell(&lab.welcome());
    lab.supervise(shutdown).await
}

fn say(verb: Verb, pod: &str, lab: Option<u32>) -> anyhow::Result<()> {
    let socket = find(lab)?;
    let answer = control::say(&socket, verb, pod).with_context(|| format!("the lab at {}", socket.display()))?;
    println!("{answer}");
    Ok(())
}
