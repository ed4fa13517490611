//! What the probe found: one task owns it, everybody else reads snapshots.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use star_daemon::target::TargetUrl;
use star_daemon::verdict::{Judge, Verdict};
use star_wire::gap::Gap;
use star_wire::observation::{Observation, State};
use star_wire::status::{Status, StatusBody, Target};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::poller::Finding;

/// How long latencies alone wait for others at most.
const LATENCIES_AFTER: Duration = Duration::from_millis(100);

/// The state of all targets at one moment.
pub(crate) struct Snapshot {
    targets: Vec<Arc<Target>>,
    gaps: Vec<Gap>,
    etag: HeaderValue,
    body: OnceLock<Bytes>,
}

impl Snapshot {
    /// Names this process and what it found of each target: url, state, reason, status code, kept connection; and its gaps.
    /// It is weak, because latency, address and time of a check change all the time and are not in it.
    pub(crate) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// The body of `GET /status`, made when it is first asked for.
    pub(crate) fn body(&self) -> Bytes {
        let body = self.body.get_or_init(|| {
            let body = StatusBody { status: Status { targets: self.targets.clone(), gaps: self.gaps.clone() } };
            serde_json::to_vec(&body).expect("a status has no keys but strings").into()
        });
        body.clone()
    }
}

/// Owns the state.
pub(crate) struct Board {
    instance: u64,
    targets: Vec<Arc<Target>>,
    /// When each target had its last verdict.
    verdicts: Vec<Verdict>,
    judge: Judge,
    gaps: Vec<Gap>,
    etag: HeaderValue,
}

impl Board {
    /// A board of targets that are checked once in `interval`.
    pub(crate) fn new(targets: &[TargetUrl], interval: Duration) -> Self {
        let pending = |target: &TargetUrl| Arc::new(Target::new(target.as_str(), Observation::default()));
        let targets = targets.iter().map(pending).collect::<Vec<_>>();
        let instance = RandomState::new().hash_one(());
        let (verdicts, judge) = (vec![Verdict::default(); targets.len()], Judge::new(interval));
        Self { instance, etag: etag(instance, &targets, &[]), targets, verdicts, judge, gaps: Vec::new() }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let (targets, gaps, etag) = (self.targets.clone(), self.gaps.clone(), self.etag.clone());
        Arc::new(Snapshot { targets, gaps, etag, body: OnceLock::new() })
    }

    /// Takes what the pollers find, all that is there at once, and what the pulse tells, and publishes. Ends when no poller
    /// is left.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Finding>,
        mut gaps: watch::Receiver<Vec<Gap>>,
        snapshots: watch::Sender<Arc<Snapshot>>,
    ) {
        let (mut findings, mut published) = (Vec::new(), Instant::now());
        loop {
            let mut changed = false;
            tokio::select! {
                count = inbox.recv_many(&mut findings, 1024) => {
                    if count == 0 {
                        return;
                    }
                    for finding in findings.drain(..) {
                        changed |= self.take(finding);
                    }
                }
                Ok(()) = gaps.changed() => {
                    self.gaps.clone_from(&gaps.borrow_and_update());
                    changed = true;
                }
            }
            if changed {
                self.etag = etag(self.instance, &self.targets, &self.gaps);
            }
            // A transition is shown at once. Latencies of many targets would make a snapshot for each of them.
            if changed || published.elapsed() >= LATENCIES_AFTER {
                published = Instant::now();
                snapshots.send_replace(self.snapshot());
            }
        }
    }

    /// Whether it is a transition.
    fn take(&mut self, (index, check): Finding) -> bool {
        let Some(target) = self.targets.get_mut(index) else { return false };
        let Some(found) = self.judge.judge(&mut self.verdicts[index], check.observation()) else { return false };
        let before = &target.observation;
        let observation = found.after(Some(before), star_wire::now());
        let changed = observation.since != before.since || !observation.agrees(before);
        if changed {
            let (url, code) = (&target.url, observation.status_code);
            match (observation.state, observation.reason, &observation.message) {
                (State::Reachable, ..) => tracing::info!(url, code, "reachable"),
                (state, reason, why) => {
                    let reason = reason.map(tracing::field::display);
                    let why = why.as_deref();
                    match state {
                        State::Unknown => tracing::info!(url, reason, why, "not known"),
                        _ => tracing::info!(url, reason, why, "unreachable"),
                    }
                }
            }
        }
        *target = Arc::new(Target::new(target.url.as_str(), observation));
        changed
    }
}

fn etag(instance: u64, targets: &[Arc<Target>], gaps: &[Gap]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    for target in targets {
        let Observation { state, reason, status_code, kept, .. } = &target.observation;
        (&target.url, state, reason, status_code, kept.map(|kept| kept.state)).hash(&mut hasher);
    }
    for gap in gaps {
        (gap.from, gap.until).hash(&mut hasher);
    }
    let tag = format!("W/\"{instance:016x}-{:016x}\"", hasher.finish());
    HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are a header value")
}
