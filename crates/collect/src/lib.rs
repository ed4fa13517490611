//! The collector: fetches the probes' status and serves it as a live graph.
//!
//! ```text
//! peer (one poller for each resource) ──reports──▶ collector ──snapshots──▶ http, event streams
//!                                   http ──commands──▶  (owns roster, graph and history)
//! ```

mod args;
mod collector;
mod example;
mod graph;
mod history;
mod http;
mod journal;
mod keeper;
mod peer;
mod resource;
mod roster;
mod statement;
mod wanted;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use star_daemon::check::{Checker, Resolver};
use star_daemon::serve::{self, Limits};
use star_daemon::{cli, process, supervise};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::Args;
use crate::collector::{Collector, Command, Polling};
use crate::history::Bounds;
use crate::keeper::Keeper;

pub use crate::args::Config;
pub use crate::http::base_path::BasePath;
pub use crate::journal::StateFile;
#[cfg(feature = "fuzzing")]
pub use crate::peer::read_status;
pub use crate::resource::{Entry, Invalid};

/// Commands that wait: each has a request of its own, which waits too.
const COMMANDS: usize = 16;

/// Parses `argv`, runs, and tells how it ended.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::main(argv, start)
}

async fn start(args: Args) -> anyhow::Result<ExitCode> {
    let (config, guard, listen, logs) = args.resolve()?;
    let daemon = async |listener, shutdown| {
        let checker = Checker::new(Resolver::from_system(), guard);
        run(config, checker, listener, shutdown).await
    };
    process::run(listen, logs, daemon).await
}

/// Fetches and serves until `shutdown`.
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
    let Config { resources, resources_file, state_file, interval, timeout, admin_token_file, base_path } = config;
    let pulse = checker.pulse();
    checker.prepare(resources.iter().map(|entry| &entry.url)).await;
    let checker = Arc::new(checker);
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let mut tasks = JoinSet::new();
    let past = match state_file {
        None => (None, Vec::new()),
        Some(StateFile { journal, records, set_aside }) => {
            if let Some(problem) = set_aside {
                tracing::warn!(problem, "the state file was set aside");
            }
            (Some(Keeper::start(journal, &mut tasks)), records)
        }
    };
    let polling = Polling { checker, interval, timeout };
    let (collector, latest) = Collector::new(polling, Bounds::default(), resources, past);
    tasks.spawn(async move { pulse.run().await });
    tasks.spawn(collector.run(inbox));
    if let Some(mut file) = resources_file {
        let commands = commands.clone();
        tasks.spawn(async move {
            // The collector ends only with the process.
            while commands.send(Command::Follow(file.changed(resource::read_again).await)).await.is_ok() {}
        });
    }
    let limits = Limits::default();
    let app = http::router(latest, commands, admin_token_file, base_path, &limits, shutdown.clone());
    supervise::supervise(tasks, serve::serve(listener, app, limits, shutdown)).await
}
