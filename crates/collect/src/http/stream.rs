//! `GET /api/v1/graph/events`: a snapshot, then patches, then a heartbeat whenever nothing else was sent for a while.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use star_wire::event::{Event, Heartbeat};
use tokio::sync::watch;
use tokio::time::timeout;

use super::rendering::Representation;
use super::{App, Problem, Source};
use crate::graph::Snapshot;

/// So often that a client may take five seconds of silence for a broken connection.
const HEARTBEAT: Duration = Duration::from_secs(2);

const EVENTS: &str = "text/event-stream";

/// nginx would else keep the events until it has some kilobytes of them.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(super) async fn events(State(app): State<App>, Query(source): Query<Source>) -> Result<Response, Problem> {
    let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| Problem::TooManyStreams)?;
    let latest = app.view(&source).latest.clone();
    let feed = Feed { app, source, latest, sent: None };
    let events = unfold((feed, permit), async |(mut feed, permit)| {
        let shutdown = feed.app.shutdown.clone();
        tokio::select! {
            event = feed.next() => event.map(|event| (Ok::<_, Infallible>(event), (feed, permit))),
            // Else this stream would hold the process up at its end.
            () = shutdown.cancelled() => None,
        }
    });
    let fields = [(CONTENT_TYPE, EVENTS), (CACHE_CONTROL, "no-cache"), UNBUFFERED];
    Ok((fields, Body::from_stream(events)).into_response())
}

/// An event as it is sent (HTML, 9.2.5): JSON has no line breaks.
fn sent(event: &Event) -> Bytes {
    let seq = match event {
        Event::Snapshot(snapshot) => snapshot.seq,
        Event::Patch(patch) => patch.seq,
        Event::Heartbeat(heartbeat) => heartbeat.seq,
    };
    let json = serde_json::to_string(event).expect("an event has no keys but strings");
    let mut text = String::with_capacity(json.len() + 64);
    let _ = write!(text, "event: {}\nid: {seq}\ndata: {json}\n\n", event.name());
    text.into()
}

/// What one client has been told. A slow client misses no state that matters: what changed meanwhile comes as one patch.
struct Feed {
    app: App,
    source: Source,
    latest: watch::Receiver<Arc<Snapshot>>,
    sent: Option<Arc<Snapshot>>,
}

impl Feed {
    async fn next(&mut self) -> Option<Bytes> {
        let Some(before) = &mut self.sent else {
            let (snapshot, event) = opening(&self.app, &self.source).await?;
            self.sent = Some(snapshot);
            return Some(event);
        };
        let news = async {
            loop {
                // Looked at before it is waited for: the wait may have ended in the middle of a step.
                let after = Arc::clone(&self.latest.borrow_and_update());
                if !Arc::ptr_eq(before, &after) {
                    let event = step(&self.app, &self.source, before, &after).await?;
                    *before = after;
                    if event.is_some() {
                        return event;
                    }
                }
                self.latest.changed().await.ok()?;
            }
        };
        match timeout(HEARTBEAT, news).await {
            Ok(event) => event,
            Err(_) => Some(sent(&Event::Heartbeat(Heartbeat { seq: before.seq, at: star_wire::now() }))),
        }
    }
}

/// The newest state as a whole: the same bytes for all that begin now.
async fn opening(app: &App, source: &Source) -> Option<(Arc<Snapshot>, Bytes)> {
    let view = app.view(source);
    let prepare = async |snapshot: Arc<Snapshot>| Ok(move || Representation::new(EVENTS, sent(&snapshot.event())));
    let rendered = view.opening.newest(&view.latest, &app.rendering, prepare).await.ok()?;
    Some((rendered.of, rendered.body.plain.clone()))
}

/// What leads from `before` to `after`: the same bytes for all that are at that place. `Some(None)`: nothing to be seen.
async fn step(app: &App, source: &Source, before: &Arc<Snapshot>, after: &Arc<Snapshot>) -> Option<Option<Bytes>> {
    let render = |after: &Snapshot, difference| sent(&after.event_of(difference));
    app.view(source).step.between(before, after, render).await.ok()
}
