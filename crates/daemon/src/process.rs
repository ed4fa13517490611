//! A daemon's process: its log, its listener, its signals.

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{self, LogArgs};
use crate::{serve, supervise};

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
    serve::raise_open_file_limit();
    let listener = serve::bind(listen)?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let shutdown = CancellationToken::new();
    supervise::until_signal(shutdown.clone(), daemon(listener, shutdown)).await?;
    Ok(ExitCode::SUCCESS)
}
