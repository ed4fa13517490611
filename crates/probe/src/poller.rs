//! One poller for each target.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use star_daemon::check::{Ask, Check, Checker, Reminder};
use star_daemon::poll::{self, Next, Subject};
use star_daemon::target::TargetUrl;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

/// A target, by its place in the configured order, and what a check of it gave.
pub(crate) type Finding = (usize, Check);

/// Pollers for all targets, spread over the interval.
pub(crate) fn pollers(
    targets: Vec<TargetUrl>,
    interval: Duration,
    timeout: Duration,
    checker: &Arc<Checker>,
    findings: &Sender<Finding>,
) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> {
    let start = Instant::now();
    let count = targets.len();
    targets.into_iter().enumerate().map(move |(index, target)| {
        let (checker, findings) = (Arc::clone(checker), findings.clone());
        let subject =
            Polled { index, target, ask: Ask::head(timeout), checker, findings, reminder: Reminder::default() };
        poll::poll(subject, start + poll::phase(index, count, interval), interval)
    })
}

struct Polled {
    index: usize,
    target: TargetUrl,
    ask: Ask,
    checker: Arc<Checker>,
    findings: Sender<Finding>,
    reminder: Reminder,
}

impl Subject for Polled {
    async fn poll(&mut self) -> Next {
        let check = self.checker.check(&self.target, &self.ask).await;
        tracing::debug!(url = self.target.as_str(), outcome = ?check.outcome, phases = ?check.phases, "checked");
        self.reminder.look(self.target.as_str(), &check);
        // The board ends only with the process.
        let _ = self.findings.send((self.index, check)).await;
        Next::Slot
    }
}
