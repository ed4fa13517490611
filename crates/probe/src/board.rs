//! What the probe found: one task owns it, everybody else reads snapshots.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use star_daemon::poll::{self, phase};
use star_daemon::target::TargetUrl;
use star_daemon::verdict::{Judge, Verdict};
use star_wire::gap::Gap;
use star_wire::observation::{Kept, KeptState, Observation, State};
use star_wire::status::{Status, StatusBody, Target};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::poller::{Finding, Found, Poller, Polling};

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
    /// In the order configured.
    rows: Vec<Row>,
    /// Where each poller's row is.
    places: HashMap<u64, usize>,
    pollers: JoinSet<()>,
    started: u64,
    polling: Polling,
    judge: Judge,
    gaps: Vec<Gap>,
    etag: HeaderValue,
}

/// A target, and who polls it.
struct Row {
    poller: u64,
    polling: AbortHandle,
    target: Arc<Target>,
    /// When it had its last verdict.
    verdict: Verdict,
}

impl Board {
    /// A board of these targets, which are polled from now on.
    pub(crate) fn new(targets: Vec<TargetUrl>, polling: Polling) -> Self {
        let (judge, etag) = (Judge::new(polling.interval), HeaderValue::from_static(""));
        let mut board = Self {
            instance: RandomState::new().hash_one(()),
            rows: Vec::new(),
            places: HashMap::new(),
            pollers: JoinSet::new(),
            started: 0,
            polling,
            judge,
            gaps: Vec::new(),
            etag,
        };
        board.follow(targets);
        board
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let targets = self.rows.iter().map(|row| Arc::clone(&row.target)).collect();
        Arc::new(Snapshot { targets, gaps: self.gaps.clone(), etag: self.etag.clone(), body: OnceLock::new() })
    }

    /// Takes what the pollers find, all that is there at once, what the pulse tells and which targets there are now, and
    /// publishes. Never ends.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Finding>,
        mut lists: mpsc::Receiver<Vec<TargetUrl>>,
        mut gaps: watch::Receiver<Vec<Gap>>,
        snapshots: watch::Sender<Arc<Snapshot>>,
    ) {
        let (mut findings, mut published) = (Vec::new(), Instant::now());
        loop {
            let mut changed = false;
            tokio::select! {
                _ = inbox.recv_many(&mut findings, 1024) => {
                    for finding in findings.drain(..) {
                        changed |= self.take(finding);
                    }
                }
                Some(targets) = lists.recv() => {
                    tracing::info!(targets = targets.len(), "the file of URLs changed");
                    self.follow(targets);
                    changed = true;
                }
                Ok(()) = gaps.changed() => {
                    self.gaps.clone_from(&gaps.borrow_and_update());
                    changed = true;
                }
                Some(ended) = self.pollers.join_next() => {
                    if let Err(error) = ended && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
            if changed {
                self.name();
            }
            // A transition is shown at once. Latencies of many targets would make a snapshot for each of them.
            if changed || published.elapsed() >= LATENCIES_AFTER {
                published = Instant::now();
                snapshots.send_replace(self.snapshot());
            }
        }
    }

    /// Polls these targets from now on, and no others. One that was polled before goes on as it was.
    fn follow(&mut self, targets: Vec<TargetUrl>) {
        let mut before: HashMap<String, Vec<Row>> = HashMap::new();
        for row in self.rows.drain(..).rev() {
            before.entry(row.target.url.clone()).or_default().push(row);
        }
        let (start, count) = (Instant::now(), targets.len());
        for (index, target) in targets.into_iter().enumerate() {
            let known = before.get_mut(target.as_str()).and_then(Vec::pop);
            let row = known.unwrap_or_else(|| {
                self.started += 1;
                let url = target.as_str().to_owned();
                let (polling, interval) = (self.polling.clone(), self.polling.interval);
                let poller = Poller::new(self.started, target, polling);
                let polling = self.pollers.spawn(poll::poll(poller, start + phase(index, count, interval), interval));
                let target = Arc::new(Target::new(url, Observation::default()));
                Row { poller: self.started, polling, target, verdict: Verdict::default() }
            });
            self.rows.push(row);
        }
        for gone in before.into_values().flatten() {
            gone.polling.abort();
        }
        self.places = self.rows.iter().enumerate().map(|(place, row)| (row.poller, place)).collect();
        self.name();
    }

    fn name(&mut self) {
        self.etag = etag(self.instance, self.rows.iter().map(|row| &*row.target), &self.gaps);
    }

    /// Whether it is a transition.
    fn take(&mut self, Finding { poller, found }: Finding) -> bool {
        // One of a target that is listed no more.
        let Some(place) = self.places.get(&poller) else { return false };
        let row = &mut self.rows[*place];
        let before = &row.target.observation;
        let observation = match found {
            Found::New(found) => match self.judge.judge(&mut row.verdict, found) {
                None => return false,
                Some(found) => Observation { kept: before.kept, ..found }.after(Some(before), star_wire::now()),
            },
            Found::Kept(state) if before.kept.is_some_and(|kept| kept.state == state) => return false,
            Found::Kept(state) => Observation { kept: Some(Kept { state, since: star_wire::now() }), ..before.clone() },
        };
        let changed = observation.since != before.since || !observation.agrees(before);
        if changed {
            log(&row.target.url, before, &observation);
        }
        row.target = Arc::new(Target::new(row.target.url.as_str(), observation));
        changed
    }
}

fn log(url: &str, before: &Observation, now: &Observation) {
    if let Some(kept) = now.kept
        && now.kept != before.kept
    {
        let state = kept.state;
        if before.kept.is_some() || state != KeptState::None {
            tracing::info!(url, %state, "kept connection");
        }
        return;
    }
    let (reason, why, code) = (now.reason.map(tracing::field::display), now.message.as_deref(), now.status_code);
    match now.state {
        State::Reachable => tracing::info!(url, code, "reachable"),
        State::Unknown => tracing::info!(url, reason, why, "not known"),
        _ => tracing::info!(url, reason, why, "unreachable"),
    }
}

fn etag<'a>(instance: u64, targets: impl Iterator<Item = &'a Target>, gaps: &[Gap]) -> HeaderValue {
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
