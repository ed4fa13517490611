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

pub use jiff::Timestamp;

/// The present, in the precision of the wire: whole milliseconds.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
