//! One poller for each resource: fetches its status, held by the peer until there is news where the peer can.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use serde_json::value::RawValue;
use star_daemon::check::{Answer, Ask, Check, Checker, Failure};
use star_daemon::poll::{Next, Subject};
use star_daemon::target::TargetUrl;
use star_wire::observation::{Observation, Reason};
use star_wire::response::Response;
use star_wire::status::{StatusBody, Target};
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long a peer is asked to hold its answer, as the header says.
const WAIT: Duration = Duration::from_secs(1);

/// A status of 10,000 targets with their reasons is 3 MB.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;

/// As many as a probe takes.
const MAX_TARGETS: usize = 10_000;

/// A URL, an id or a message that is longer would be kept with each transition, and sent to each page.
const MAX_TEXT: usize = 2048;

/// How often the whole status is fetched although nothing changed in it: for the latencies.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);

/// What a fetch gave.
pub(crate) struct Report {
    /// Whose: one number for each poller, so that a late report of a removed resource is known as such.
    pub(crate) poller: u64,
    pub(crate) check: Check,
    pub(crate) content: Content,
}

/// What an answer held.
pub(crate) enum Content {
    /// There was none.
    Nothing,
    /// The same as the last time.
    Unchanged,
    /// A body: the response, if it is JSON; and the targets, if it is a status.
    Fetched { response: Option<Arc<Response>>, targets: Result<Vec<(Arc<Listed>, Observation)>, Failure> },
}

/// A target as probes list it.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(crate) struct Listed {
    pub(crate) url: String,
    pub(crate) id: Option<String>,
    /// Its URL in normal form, for comparison: two that mean the same are the same. What is not a URL stays as it is.
    pub(crate) key: Arc<str>,
}

impl Listed {
    pub(crate) fn new(url: String, id: Option<String>) -> Self {
        let key = match TargetUrl::parse(&url) {
            Ok(url) => Arc::clone(url.normal()),
            Err(_) if url.contains("://") => url.as_str().into(),
            Err(_) => format!("http://{url}").into(),
        };
        Self { url, id, key }
    }
}

/// All targets that any probe lists, by URL and id, each once: most probes list the same. Also, parsing a thousand URLs
/// costs more than all the rest, and a probe's list hardly ever changes.
#[derive(Default)]
pub(crate) struct Directory(HashMap<(String, Option<String>), Arc<Listed>>);

impl Directory {
    fn find(&mut self, url: String, id: Option<String>) -> Arc<Listed> {
        let (all, name) = (&mut self.0, (url, id));
        if let Some(known) = all.get(&name) {
            return Arc::clone(known);
        }
        if all.len() == all.capacity() {
            // Before it grows: what nobody lists any more.
            all.retain(|_, listed| Arc::strong_count(listed) > 1);
        }
        let listed = Arc::new(Listed::new(name.0.clone(), name.1.clone()));
        all.insert(name, Arc::clone(&listed));
        listed
    }
}

/// Polls one resource.
pub(crate) struct Peer {
    poller: u64,
    url: TargetUrl,
    timeout: Duration,
    checker: Arc<Checker>,
    reports: Sender<Report>,
    /// Names what is known of a peer that holds its answers.
    etag: Option<HeaderValue>,
    sampled: Instant,
    /// Shared by all pollers; locked for as long as it takes to read one list.
    directory: Arc<Mutex<Directory>>,
    /// How long a body may be now: what there is room for is shared by all.
    body_limit: Arc<AtomicUsize>,
}

impl Peer {
    pub(crate) fn new(
        poller: u64,
        url: TargetUrl,
        timeout: Duration,
        checker: Arc<Checker>,
        reports: Sender<Report>,
        directory: Arc<Mutex<Directory>>,
        body_limit: Arc<AtomicUsize>,
    ) -> Self {
        Self { poller, url, timeout, checker, reports, etag: None, sampled: Instant::now(), directory, body_limit }
    }

    fn ask(&self) -> Ask {
        let mut headers = vec![(PREFER, HeaderValue::from_static("wait=1"))];
        // Without a known answer there is nothing to wait for.
        let mut wait = Duration::ZERO;
        if let Some(etag) = &self.etag {
            headers.push((IF_NONE_MATCH, etag.clone()));
            wait = WAIT;
        }
        Ask { timeout: self.timeout, wait, headers, body_limit: Some(self.body_limit.load(Ordering::Relaxed)) }
    }

    fn content(&mut self, answer: &Answer) -> Content {
        if answer.status == StatusCode::NOT_MODIFIED && self.etag.is_some() {
            return Content::Unchanged;
        }
        self.sampled = Instant::now();
        let body = match &answer.body {
            Ok(body) => body,
            Err(failure) => return Content::Fetched { response: None, targets: Err(failure.clone()) },
        };
        let json = serde_json::from_slice::<Box<RawValue>>(body).ok().map(Arc::from);
        let (status_code, url) = (answer.status.as_u16(), self.url.as_str().to_owned());
        let response = json.map(|json| Arc::new(Response { json, status_code, url }));
        Content::Fetched { response, targets: self.targets(answer.status, body) }
    }

    fn targets(&self, code: StatusCode, body: &Bytes) -> Result<Vec<(Arc<Listed>, Observation)>, Failure> {
        let invalid = |message: String| Failure { reason: Reason::InvalidResponse, message };
        let StatusBody { status } = serde_json::from_slice(body).map_err(|error| {
            invalid(format!(
                "it answers HTTP {code}, but with no probe's status ({error}); does the URL end in /status?"
            ))
        })?;
        let count = status.targets.len();
        let texts = |target: &Target| {
            let message = target.observation.message.as_ref().map_or(0, |message| message.len());
            target.url.len().max(target.id.as_ref().map_or(0, String::len)).max(message)
        };
        if let Some(target) = status.targets.iter().find(|target| texts(target) > MAX_TEXT) {
            let start: String = target.url.chars().take(80).collect();
            return Err(invalid(format!("its status holds more than {MAX_TEXT} bytes of text about {start}")));
        }
        if count > MAX_TARGETS {
            return Err(invalid(format!("its status lists {count} targets; at most {MAX_TARGETS} can be shown")));
        }
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let targets = status.targets.into_iter().map(|target| {
            let Target { url, id, observation, reachable: _ } = Arc::unwrap_or_clone(target);
            (directory.find(url, id), observation)
        });
        // Anew: the vector that was parsed into is longer, and its elements were larger.
        let mut listed = Vec::with_capacity(count);
        listed.extend(targets);
        Ok(listed)
    }
}

impl Subject for Peer {
    async fn poll(&mut self) -> Next {
        if self.sampled.elapsed() >= SAMPLE_EVERY {
            self.etag = None;
        }
        let check = self.checker.check(&self.url, &self.ask()).await;
        tracing::debug!(url = %self.url, outcome = ?check.outcome.as_ref().map(|answer| answer.status), "fetched");
        let (content, held) = match &check.outcome {
            Err(_) => (Content::Nothing, None),
            Ok(answer) => {
                let content = self.content(answer);
                let held = answer.headers.contains_key(PREFERENCE_APPLIED);
                (content, held.then(|| answer.headers.get(ETAG).cloned()))
            }
        };
        let usable = !matches!(&content, Content::Fetched { targets: Err(_), .. });
        let next = if held.is_some() && usable { Next::Soon } else { Next::Slot };
        self.etag = held.flatten().filter(|_| usable);
        // The collector ends only with the process, or aborts this poller.
        let _ = self.reports.send(Report { poller: self.poller, check, content }).await;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_list_is_kept_once_and_what_nobody_lists_any_more_is_not() {
        let mut directory = Directory::default();
        let mut find = |url: &str| directory.find(url.to_owned(), None);
        let known = find("b:80/status");
        assert!(Arc::ptr_eq(&known, &find("b:80/status")));
        assert_eq!(&*known.key, "http://b/status");
        for number in 0..10_000 {
            find(&format!("http://a/{number}"));
        }
        assert!(Arc::ptr_eq(&known, &find("b:80/status")));
        assert!(directory.0.len() < 100, "{}", directory.0.len());
    }
}
