//! One poller for each resource: fetches its status, held by the peer until there is news where the peer can.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use serde_json::value::RawValue;
use star_daemon::check::{Answer, Ask, Check, Checker, Failure, Reached, Reminder};
use star_daemon::poll::{Next, Subject};
use star_daemon::target::{MAX_URL, TargetUrl};
use star_daemon::text::plain;
use star_wire::observation::Reason;
use star_wire::response::Response;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use crate::statement::{self, Statement};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long a peer is asked to hold its answer, as the header says.
const WAIT: Duration = Duration::from_secs(1);

/// A status of 10,000 targets with their reasons is 3 MB.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;

/// How much is told of why a body is no status: the advice behind it has room, too.
const MAX_CAUSE: usize = 300;

/// How often the whole status is fetched although nothing changed in it: for the latencies.
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_secs(10);

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
    /// A body: the response, if it is JSON; and what it says, if it is a status.
    Fetched { response: Option<Arc<Response>>, status: Result<Statement, Failure> },
}

/// A target as probes list it.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(crate) struct Listed {
    /// Its URL, as it can be shown.
    pub(crate) url: String,
    pub(crate) id: Option<String>,
    /// Its URL in normal form, for comparison: two that mean the same are the same. What is not a URL stays as it is.
    pub(crate) key: Arc<str>,
}

impl Listed {
    pub(crate) fn new(url: String, id: Option<String>) -> Self {
        let parsed = TargetUrl::parse(&url);
        let url = plain(url, MAX_URL);
        let key = match parsed {
            Ok(parsed) => Arc::clone(parsed.normal()),
            Err(_) if url.contains("://") => url.as_str().into(),
            Err(_) => format!("http://{url}").into(),
        };
        Self { url, id, key }
    }
}

/// A target as a probe spells it: its URL and its id.
type Spelling = (String, Option<String>);

/// All targets that any probe lists, by URL and id, each once: most probes list the same. Also, parsing a thousand URLs
/// costs more than all the rest, and a probe's list hardly ever changes.
pub(crate) struct Directory {
    /// Shared by all pollers; locked for one look-up at a time.
    listed: Mutex<HashMap<Spelling, Arc<Listed>>>,
    /// How many more large bodies may be read at once.
    large: Arc<Semaphore>,
}

impl Default for Directory {
    fn default() -> Self {
        Self { listed: Mutex::default(), large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) }
    }
}

impl Directory {
    fn find(&self, url: String, id: Option<String>) -> Arc<Listed> {
        let mut all = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (url, id);
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

/// A body of more bytes is read beside the workers that all pollers and requests share.
const LARGE: usize = 100 * 1024;
const LARGE_AT_ONCE: usize = 2;

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
    /// Stands for the list of targets that it told last.
    list: Option<u64>,
    directory: Arc<Directory>,
    /// How long a body may be now: what there is room for is shared by all.
    body_limit: Arc<AtomicUsize>,
    reminder: Reminder,
}

impl Peer {
    pub(crate) fn new(
        poller: u64,
        url: TargetUrl,
        timeout: Duration,
        checker: Arc<Checker>,
        reports: Sender<Report>,
        directory: Arc<Directory>,
        body_limit: Arc<AtomicUsize>,
    ) -> Self {
        let (etag, sampled, list) = (None, Instant::now(), None);
        Self {
            poller,
            url,
            timeout,
            checker,
            reports,
            etag,
            sampled,
            list,
            directory,
            body_limit,
            reminder: Reminder::default(),
        }
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

    async fn content(&mut self, answer: &Answer) -> Content {
        if answer.status == StatusCode::NOT_MODIFIED && self.etag.is_some() {
            return Content::Unchanged;
        }
        self.sampled = Instant::now();
        let body = match &answer.body {
            Ok(body) => body.clone(),
            Err(failure) => return Content::Fetched { response: None, status: Err(failure.clone()) },
        };
        let (code, url, directory) = (answer.status, self.url.as_str().to_owned(), Arc::clone(&self.directory));
        if body.len() <= LARGE {
            return read(code, url, &body, &directory);
        }
        let room = Arc::clone(&directory.large).acquire_owned().await;
        let reading = tokio::task::spawn_blocking(move || {
            // Until it is read, even if nobody waits for it any more.
            let _room = room;
            read(code, url, &body, &directory)
        });
        match reading.await {
            Ok(content) => content,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_) => Content::Nothing,
            },
        }
    }

    /// Whether the peer lists other targets than the last time.
    fn lists_others(&mut self, content: &Content) -> bool {
        let Content::Fetched { status: Ok(Statement { targets, .. }), .. } = content else { return false };
        let mut list = DefaultHasher::new();
        targets.iter().for_each(|(listed, _)| listed.hash(&mut list));
        let list = list.finish();
        self.list.replace(list).is_some_and(|before| before != list)
    }
}

/// What the body of an answer of `url` holds.
fn read(code: StatusCode, url: String, body: &Bytes, directory: &Directory) -> Content {
    let json = serde_json::from_slice::<Box<RawValue>>(body).ok().map(Arc::from);
    let response = json.map(|json| Arc::new(Response { json, status_code: code.as_u16(), url }));
    let status = statement::read(body, star_wire::now(), |url, id| directory.find(url, id)).map_err(|error| {
        // Its cause may quote all that came.
        let cause = plain(error, MAX_CAUSE);
        let message =
            format!("it answers HTTP {code}, but with no probe's status ({cause}); does the URL end in /status?");
        Failure::new(Reason::InvalidResponse, message)
    });
    Content::Fetched { response, status }
}

impl Subject for Peer {
    async fn poll(&mut self) -> Next {
        if self.sampled.elapsed() >= SAMPLE_EVERY {
            self.etag = None;
        }
        let check = self.checker.check(&self.url, &self.ask()).await;
        self.reminder.look(self.url.as_str(), &check);
        let answer = check.outcome.as_ref().map(Reached::answer);
        tracing::debug!(url = self.url.as_str(), outcome = ?answer.map(|answer| Some(answer?.status)), "fetched");
        let (content, held) = match answer {
            // Resources are http or https, and so whoever is reached has answered.
            Err(_) | Ok(None) => (Content::Nothing, None),
            Ok(Some(answer)) => {
                let content = self.content(answer).await;
                let held = answer.headers.contains_key(PREFERENCE_APPLIED);
                (content, held.then(|| answer.headers.get(ETAG).cloned()))
            }
        };
        let usable = !matches!(&content, Content::Fetched { status: Err(_), .. });
        // A list that is another each time is dear to everybody.
        let next = if !self.lists_others(&content) && held.is_some() && usable { Next::Soon } else { Next::Slot };
        self.etag = held.flatten().filter(|_| usable);
        // The collector ends only with the process, or aborts this poller.
        let _ = self.reports.send(Report { poller: self.poller, check, content }).await;
        next
    }
}

/// Reads a peer's body as a poll does; for a fuzz target.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn read_status(body: Bytes) {
    read(StatusCode::OK, "http://a/status".to_owned(), &body, &Directory::default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_at_the_end_of_a_host_is_no_other_target() {
        for (url, normal) in [
            ("http://localhost.:7001/t", "http://localhost:7001/t"),
            ("b.stars.", "http://b.stars/"),
            ("http://a/b.", "http://a/b."),
            ("http://[::1]/", "http://[::1]/"),
        ] {
            assert_eq!(&*Listed::new(url.to_owned(), None).key, normal);
        }
    }

    #[test]
    fn what_many_list_is_kept_once_and_what_nobody_lists_any_more_is_not() {
        let directory = Directory::default();
        let find = |url: &str| directory.find(url.to_owned(), None);
        let known = find("b:80/status");
        assert!(Arc::ptr_eq(&known, &find("b:80/status")));
        assert_eq!(&*known.key, "http://b/status");
        for number in 0..10_000 {
            find(&format!("http://a/{number}"));
        }
        assert!(Arc::ptr_eq(&known, &find("b:80/status")));
        assert!(directory.listed.lock().unwrap().len() < 100);
    }
}
