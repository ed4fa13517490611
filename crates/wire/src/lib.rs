//! The JSON contract between star's probes, its collector and its page.
//!
//! | module | contract |
//! | --- | --- |
//! | [`observation`] | what a check found: state, reason, since |
//! | [`gap`] | when nobody looked |
//! | [`status`] | what a probe serves at `GET /status` |
//! | [`resource`] | what the collector fetches: `/resources` |
//! | [`response`] | what it got: `/responses` |
//! | [`graph`] | who reaches whom: `/api/v1/graph` |
//! | [`expectation`] | what the policies say of it |
//! | [`event`] | the same, live and recorded: `/api/v1/graph/events`, `/api/v1/history` |
//!
//! Keys that a newer peer adds are ignored; what the original star lacks is optional. One golden file for each endpoint,
//! in `golden/`, is read by the tests here and by those of the page.

pub mod event;
pub mod expectation;
pub mod gap;
pub mod graph;
pub mod observation;
pub mod resource;
pub mod response;
pub mod status;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

pub use jiff::Timestamp;

/// The present, in the precision of the wire: whole milliseconds. It never runs backwards: where the system's clock is set
/// back, it goes on from where it was, until that clock overtakes it.
pub fn now() -> Timestamp {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    static AHEAD: AtomicI64 = AtomicI64::new(i64::MIN);
    let run = i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX);
    steady(Timestamp::now(), run, &AHEAD)
}

/// `wall`, or what it was once `ahead` of a clock that nobody can set, which shows `run` ms; whichever is later.
fn steady(wall: Timestamp, run: i64, ahead: &AtomicI64) -> Timestamp {
    let now = wall.as_millisecond().saturating_sub(run);
    let most = ahead.fetch_max(now, Ordering::Relaxed).max(now);
    Timestamp::from_millisecond(run.saturating_add(most)).unwrap_or(wall)
}
