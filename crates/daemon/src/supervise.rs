//! Signals, and what the end of a task means.

use std::future::Future;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs `running`, which ends soon after `shutdown` is cancelled; SIGTERM and SIGINT cancel it.
///
/// # Errors
///
/// Those of `running`, and when the signals cannot be listened for.
pub async fn until_signal<T>(
    shutdown: CancellationToken,
    running: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
    let mut running = std::pin::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("shutting down");
    shutdown.cancel();
    running.await
}

/// Runs until `server` ends, which it does after a shutdown. The tasks beside it must not end before.
///
/// # Errors
///
/// When a task ends: the reason, for the process's last line.
pub async fn supervise(mut tasks: JoinSet<()>, server: impl Future<Output = ()>) -> anyhow::Result<()> {
    tokio::select! {
        () = server => Ok(()),
        Some(ended) = tasks.join_next() => Err(match ended {
            Ok(()) => anyhow!("a task ended that should never end"),
            Err(error) => anyhow!(error).context("a task died"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_task_that_dies_ends_the_process_with_its_reason() {
        let mut tasks = JoinSet::new();
        tasks.spawn(pending());
        tasks.spawn(async { panic!("the moon is down") });
        let error = supervise(tasks, pending()).await.unwrap_err();
        assert!(format!("{error:#}").contains("the moon is down"), "{error:#}");
    }

    #[tokio::test]
    async fn the_servers_end_is_the_end() {
        let mut tasks = JoinSet::new();
        tasks.spawn(pending());
        supervise(tasks, async {}).await.unwrap();
    }
}
