//! What the probe found: one task owns it, everybody else reads snapshots.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use star_daemon::target::TargetUrl;
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
    etag: HeaderValue,
    body: OnceLock<Bytes>,
}

impl Snapshot {
    /// Names this process and what it found of each target: url, reachable, reason. Latency changes all the time and is
    /// not in it.
    pub(crate) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    /// The body of `GET /status`, made when it is first asked for.
    pub(crate) fn body(&self) -> Bytes {
        let body = self.body.get_or_init(|| {
            let body = StatusBody { status: Status { targets: self.targets.clone(), gaps: Vec::new() } };
            serde_json::to_vec(&body).expect("a status has no keys but strings").into()
        });
        body.clone()
    }
}

/// Owns the state.
pub(crate) struct Board {
    instance: u64,
    targets: Vec<Arc<Target>>,
    etag: HeaderValue,
}

impl Board {
    pub(crate) fn new(targets: &[TargetUrl]) -> Self {
        let pending = |target: &TargetUrl| Arc::new(Target::new(target.as_str(), Observation::default()));
        let targets = targets.iter().map(pending).collect::<Vec<_>>();
        let instance = RandomState::new().hash_one(());
        Self { instance, etag: etag(instance, &targets), targets }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot { targets: self.targets.clone(), etag: self.etag.clone(), body: OnceLock::new() })
    }

    /// Takes what the pollers find, all that is there at once, and publishes. Ends when no poller is left.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Finding>, snapshots: watch::Sender<Arc<Snapshot>>) {
        let (mut findings, mut published) = (Vec::new(), Instant::now());
        while inbox.recv_many(&mut findings, 1024).await > 0 {
            let mut changed = false;
            for finding in findings.drain(..) {
                changed |= self.take(finding);
            }
            if changed {
                self.etag = etag(self.instance, &self.targets);
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
        let before = &target.observation;
        let observation = check.observation().after(Some(before), star_wire::now());
        let changed = observation.since != before.since;
        if changed {
            let (url, code) = (&target.url, observation.status_code);
            match (observation.state, observation.reason, &observation.message) {
                (State::Reachable, ..) => tracing::info!(url, code, "reachable"),
                (_, reason, why) => {
                    tracing::info!(
                        url,
                        reason = reason.map(tracing::field::display),
                        why = why.as_deref(),
                        "unreachable"
                    )
                }
            }
        }
        *target = Arc::new(Target::new(target.url.as_str(), observation));
        changed
    }
}

fn etag(instance: u64, targets: &[Arc<Target>]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    for target in targets {
        (&target.url, target.reachable, target.observation.reason).hash(&mut hasher);
    }
    let tag = format!("\"{instance:016x}-{:016x}\"", hasher.finish());
    HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are a header value")
}
