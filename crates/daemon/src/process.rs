//! A daemon's process: its log, its listener, its signals.

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{self, LogArgs};
use crate::{room, serve, supervise};

/// Starts logging, listens on `listen`, and runs `daemon` there until SIGTERM or SIGINT.
///
/// # Errors
///
/// When the log or the address cannot be used, and those of `daemon`.
pub async fn run(
    listen: SocketAddr,
    logs: LogArgs,
    daemon: impl AsyncFnOnce(TcpListener, CancellationToken) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    telemetry::start(logs)?;
    room::raise_open_file_limit();
    let shutdown = CancellationToken::new();
    // Signals are heard before anybody can tell that the process is up: the first in a container ignores those that it does not listen
    // for, and would take 30 s to stop.
    let running = async {
        let listener = serve::bind(listen)?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        daemon(listener, shutdown.clone()).await
    };
    supervise::until_signal(shutdown.clone(), running).await?;
    Ok(ExitCode::SUCCESS)
}
