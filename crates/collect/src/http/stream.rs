//! `GET /api/v1/graph/events`: a snapshot, then patches, then a heartbeat whenever nothing else was sent for a while.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::Event as Sent;
use futures_util::stream::{Stream, unfold};
use star_wire::event::{Event, Heartbeat};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{App, Problem, Source};
use crate::graph::Snapshot;

/// So often that a client may take five seconds of silence for a broken connection.
const HEARTBEAT: Duration = Duration::from_secs(2);

pub(super) async fn events(
    State(app): State<App>,
    Query(source): Query<Source>,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Problem> {
    let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| Problem::TooManyStreams)?;
    let feed = Feed { latest: app.source(&source), sent: None };
    let events = unfold((feed, permit, app), async |(mut feed, permit, app)| {
        tokio::select! {
            event = feed.next() => event.map(|event| (Ok(sent(&event)), (feed, permit, app))),
            // Else this stream would hold the process up at its end.
            () = app.shutdown.cancelled() => None,
        }
    });
    Ok(Sse::new(events))
}

fn sent(event: &Event) -> Sent {
    let seq = match event {
        Event::Snapshot(snapshot) => snapshot.seq,
        Event::Patch(patch) => patch.seq,
        Event::Heartbeat(heartbeat) => heartbeat.seq,
    };
    let json = serde_json::to_string(event).expect("an event has no keys but strings");
    Sent::default().event(event.name()).id(seq.to_string()).data(json)
}

/// What one client has been told. A slow client misses no state that matters: what changed meanwhile comes as one patch.
struct Feed {
    latest: watch::Receiver<Arc<Snapshot>>,
    sent: Option<Arc<Snapshot>>,
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        let Some(before) = &mut self.sent else {
            let snapshot = Arc::clone(&self.latest.borrow_and_update());
            let event = snapshot.event();
            self.sent = Some(snapshot);
            return Some(event);
        };
        let news = async {
            loop {
                self.latest.changed().await.ok()?;
                let snapshot = Arc::clone(&self.latest.borrow_and_update());
                let event = snapshot.since(before).map(|difference| snapshot.event_of(difference));
                *before = snapshot;
                if event.is_some() {
                    return event;
                }
            }
        };
        match timeout(HEARTBEAT, news).await {
            Ok(event) => event,
            Err(_) => Some(Event::Heartbeat(Heartbeat { seq: before.seq, at: star_wire::now() })),
        }
    }
}
