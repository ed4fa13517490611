//! Sample data, through the same roster as the real: what the page shows with `?example=true`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::Value;
use star_daemon::check::{Answer, Check, Failure, Phases};
use star_wire::observation::Reason;
use star_wire::resource::Resource;
use star_wire::response::{EXAMPLE, Response, ResponsesBody};
use star_wire::status::{StatusBody, Target};
use tracing::subscriber::{NoSubscriber, with_default};

use crate::graph::{Snapshot, render};
use crate::peer::{Content, Listed, Report};
use crate::resource::Entry;
use crate::roster::Roster;
use crate::statement::Statement;

/// What `GET /responses/example` answers.
pub(crate) fn responses_body() -> Bytes {
    let compact: Value = serde_json::from_str(EXAMPLE).expect("the sample is valid: a test reads it");
    render(&compact)
}

/// The state that a collector of the sample's resources would be in.
pub(crate) fn snapshot() -> Snapshot {
    // It is nobody's transition, and no line of the log.
    with_default(NoSubscriber::default(), build)
}

fn build() -> Snapshot {
    // Nobody waits for it.
    let mut roster = Roster::new(Duration::MAX);
    let sample: ResponsesBody = serde_json::from_str(EXAMPLE).expect("the sample is valid: a test reads it");
    for (poller, (id, response)) in (1..).zip(sample.responses) {
        let url = format!("http://{}/status", id.to_lowercase());
        let entry = Entry::try_from(Resource { id, url }).expect("the sample's ids are valid");
        roster.put(entry, poller);
        roster.relink();
        roster.take(report(poller, response));
        roster.relink();
    }
    roster.state().clone()
}

fn report(poller: u64, response: Option<Response>) -> Report {
    let (outcome, content) = match response {
        None => {
            let failure = Failure::new(Reason::ConnectionRefused, "this is sample data: nobody is there");
            (Err(failure), Content::Nothing)
        }
        Some(response) => {
            let StatusBody { status } = serde_json::from_str(response.json.get()).expect("the sample holds statuses");
            let listed = |target: Arc<Target>| {
                let Target { url, id, observation, reachable: _ } = Arc::unwrap_or_clone(target);
                (Arc::new(Listed::new(url, id)), observation)
            };
            let targets = status.targets.into_iter().map(listed).collect();
            let status = Ok(Statement { targets, ..Statement::default() });
            let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: Ok(Bytes::new()) };
            (Ok(answer), Content::Fetched { response: Some(Arc::new(response)), status })
        }
    };
    Report { poller, check: Check { began: star_wire::now(), phases: Phases::default(), outcome }, content }
}
