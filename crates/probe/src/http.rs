//! `GET /status`, also held until there is news.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use star_daemon::serve::Limits;
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::board::Snapshot;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// No answer is held longer, whatever is preferred.
const MAX_WAIT_SECONDS: u64 = 60;

#[derive(Clone)]
struct App {
    latest: watch::Receiver<Arc<Snapshot>>,
    /// How many more answers may be held.
    holding: Arc<Semaphore>,
    shutdown: CancellationToken,
}

/// The probe's routes.
pub(crate) fn router(latest: watch::Receiver<Arc<Snapshot>>, limits: &Limits, shutdown: CancellationToken) -> Router {
    // Who is answered at once needs a connection, too.
    let holding = Arc::new(Semaphore::new((limits.connections / 2).max(1)));
    Router::new().route("/status", get(status)).with_state(App { latest, holding, shutdown })
}

async fn status(State(App { mut latest, holding, shutdown }): State<App>, headers: HeaderMap) -> Response {
    let known = |snapshot: &Arc<Snapshot>| matches(&headers, snapshot.etag());
    let held = wait(&headers).and_then(|seconds| Some((seconds, holding.try_acquire().ok()?)));
    let wait = held.as_ref().map(|(seconds, _)| *seconds);
    if let Some(seconds) = wait {
        tokio::select! {
            biased;
            _ = latest.wait_for(|snapshot| !known(snapshot)) => {}
            () = sleep(Duration::from_secs(seconds)) => {}
            () = shutdown.cancelled() => {}
        }
    }
    drop(held);
    let snapshot = Arc::clone(&latest.borrow());
    let mut response = match known(&snapshot) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
            ([(CONTENT_TYPE, JSON)], snapshot.body()).into_response()
        }
    };
    let fields = response.headers_mut();
    fields.insert(ETAG, snapshot.etag().clone());
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(seconds) = wait.and_then(|seconds| HeaderValue::try_from(format!("wait={seconds}")).ok()) {
        fields.insert(PREFERENCE_APPLIED, seconds);
    }
    response
}

/// Whether the client has this representation already: by weak comparison (RFC 9110, 8.8.3.2 and 13.1.2).
fn matches(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let listed = headers.get_all(IF_NONE_MATCH).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut tags = listed.map(<[u8]>::trim_ascii);
    tags.any(|tag| tag == b"*" || opaque(tag) == opaque(etag.as_bytes()))
}

/// A tag without the mark of weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// How many seconds the client prefers to wait for news (RFC 7240, 4.3).
fn wait(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';']));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"').parse().ok())?
    });
    seconds.map(|seconds: u64| seconds.min(MAX_WAIT_SECONDS))
}
