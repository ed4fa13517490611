//! Polls one target: a check on a new connection, and, beside it, a beat of the one that is kept.

use std::sync::Arc;
use std::time::Duration;

use star_daemon::check::{Answer, Ask, Checker, Kept};
use star_daemon::poll::{Next, Subject};
use star_daemon::serve::is_star;
use star_daemon::target::TargetUrl;
use star_wire::observation::{KeptState, Observation};
use tokio::sync::mpsc::Sender;

use crate::args::Keep;

/// What a poller found, by the poller's number.
pub(crate) struct Finding {
    pub(crate) poller: u64,
    pub(crate) found: Found,
}

/// What there is to be found.
pub(crate) enum Found {
    /// By a new connection.
    New(Observation),
    /// By the one that is kept.
    Kept(KeptState),
}

/// How targets are polled.
#[derive(Clone)]
pub(crate) struct Polling {
    pub(crate) checker: Arc<Checker>,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) kept: Keep,
    pub(crate) findings: Sender<Finding>,
}

/// Polls one target.
pub(crate) struct Poller {
    number: u64,
    target: TargetUrl,
    ask: Ask,
    polling: Polling,
    kept: Option<Kept>,
    /// Whether the last check reached one to whom a connection may be kept.
    reached: bool,
}

impl Poller {
    pub(crate) fn new(number: u64, target: TargetUrl, polling: Polling) -> Self {
        let kept = (polling.kept != Keep::None).then(Kept::default);
        Self { number, target, ask: Ask::head(polling.timeout), polling, kept, reached: false }
    }
}

impl Subject for Poller {
    async fn poll(&mut self) -> Next {
        let Self { number, target, ask, polling, kept, reached } = self;
        let Polling { checker, timeout, kept: whom, findings, .. } = polling;
        let was_reached = *reached;
        // The board ends only with the process.
        let tell = async |found| drop(findings.send(Finding { poller: *number, found }).await);
        let check = async {
            let check = checker.check(target, ask).await;
            tracing::debug!(url = target.as_str(), outcome = ?check.outcome, phases = ?check.phases, "checked");
            *reached = match (&check.outcome, whom) {
                (Ok(Answer { headers, .. }), Keep::Star) => is_star(headers),
                (outcome, _) => outcome.is_ok(),
            };
            tell(Found::New(check.observation())).await;
        };
        // Apart from the check: whichever is slow delays only what it found itself.
        let beat = async {
            if let Some(kept) = kept {
                tell(Found::Kept(kept.beat(checker, target, *timeout, was_reached).await)).await;
            }
        };
        tokio::join!(check, beat);
        Next::Slot
    }
}
