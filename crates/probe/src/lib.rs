//! The probe: polls URLs and serves what it found at `GET /status`.
//!
//! ```text
//! poller (one for each URL) ──findings──▶ board (owns the state) ──snapshots──▶ http
//! ```

mod args;
mod board;
mod check;
mod http;
mod poller;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use star_daemon::check::{Checker, Guard, Resolver};
use star_daemon::serve::{self, Limits};
use star_daemon::{cli, process, supervise};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::{Args, Command};
use crate::board::Board;
use crate::poller::Polling;

pub use crate::args::{Config, Keep};

/// What was found and waits for the board. It takes all there are at once, so that this fills only if the machine is starved;
/// the pollers then wait, and nothing is lost.
const FINDINGS: usize = 1024;

/// Parses `argv`, runs, and tells how it ended.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::main(argv, start)
}

async fn start(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(Command::Check(args)) = args.command {
        return check::run(args).await;
    }
    let (config, listen, logs) = args.resolve()?;
    let daemon = async |listener, shutdown| {
        let checker = Checker::new(Resolver::from_system(), Guard::Open);
        run(config, checker, listener, shutdown).await
    };
    process::run(listen, logs, daemon).await
}

/// Checks and serves until `shutdown`.
///
/// # Errors
///
/// When a task dies.
pub async fn run(
    config: Config,
    checker: Checker,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Config { targets, urls_file, interval, timeout, kept } = config;
    checker.prepare(&targets).await;
    let checker = Arc::new(checker);
    let (findings, inbox) = mpsc::channel(FINDINGS);
    // A list that waits is older than the next one.
    let (lists, follow) = mpsc::channel(1);
    let pulse = checker.pulse();
    let board = Board::new(targets, Polling { checker, interval, timeout, kept, findings });
    let (snapshots, latest) = watch::channel(board.snapshot());
    let mut tasks = JoinSet::new();
    tasks.spawn(board.run(inbox, follow, pulse.gaps(), snapshots));
    tasks.spawn(async move { pulse.run().await });
    if let Some(mut file) = urls_file {
        // The board ends only with the process.
        tasks.spawn(async move { while lists.send(file.changed(args::read).await).await.is_ok() {} });
    }
    let limits = Limits::default();
    let app = http::router(latest, &limits, shutdown.clone());
    supervise::supervise(tasks, serve::serve(listener, app, limits, shutdown)).await
}
