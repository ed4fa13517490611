//! What a check found: the part that status, graph and stream have in common.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether somebody can be reached.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// An HTTP response came, whatever its status code; over TCP alone a connection, over UDP an echo.
    Reachable,
    /// Nothing of that came; [`Observation::reason`] says why.
    Unreachable,
    /// Not checked yet.
    #[default]
    Pending,
    /// Nobody is there to check it.
    NotMeasured,
    /// Cannot be known now, because the one who checks cannot be asked. A state that only a newer peer knows reads as this.
    #[serde(other)]
    Unknown,
}

/// Why somebody was not reached: a closed set.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The name servers answered that there is no such name, or could not be asked.
    DnsFailed,
    /// No name server answered in time.
    DnsTimeout,
    /// No answer to any connection attempt: what a policy that drops looks like, and a dead address too.
    ConnectTimeout,
    /// An RST came, or ICMP's "port unreachable": nobody listens there, or a policy rejects in the host's name.
    ConnectionRefused,
    /// The connection was closed before a whole response head had come.
    ConnectionReset,
    /// Somebody on the way reports that the host cannot be reached: a route is gone, or a policy rejects.
    HostUnreachable,
    /// No way to the address is known here, or somebody on the way says so: no route, or a policy rejects, here or there.
    NetworkUnreachable,
    /// No echo over UDP, which cannot tell a drop from nobody there.
    NoAnswer,
    /// The TLS handshake failed, or did not end in time.
    TlsFailed,
    /// Connected, but no response head, or no whole body, in time.
    ResponseTimeout,
    /// Something answered, and it was not HTTP, or no body that can be used.
    InvalidResponse,
    /// Our own guard: a link-local or metadata address, not allowed by flag.
    AddressRefused,
    /// This machine could not even try (out of sockets, say): it says nothing about the peer.
    LocalError,
    /// A reason that only a newer peer knows.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for KeptState {
    /// The name as on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Reason {
    /// The name as on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What a check found, and since when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Whether it was reached.
    #[serde(default)]
    pub state: State,
    /// Since when the state and its reason are what they are (RFC 3339); the original does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The HTTP status code of the last response, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Why there was no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The reason in a sentence, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// From the start of the last check to the head of the response, in milliseconds. Sampled: it is not a transition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// The address that the last check connected to, or tried last. Sampled, like the latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// When the last check began: what it found held somewhere between then and its end. Sampled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// When the certificate ends that the target showed to the last check, be it trusted or not (RFC 5280, notAfter). Sampled.
    /// In a box, for most of a million edges have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_expires: Option<Box<Timestamp>>,
    /// What a connection that is kept open does, beside the new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// A kept connection, and since when it is as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What it does.
    pub state: KeptState,
    /// Since when (RFC 3339).
    pub since: Timestamp,
}

/// What a kept connection does.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptState {
    /// The last request on it was answered in time.
    Flowing,
    /// The last request on it was not: what a policy that cuts looks like.
    Silent,
    /// It was closed, or silent for too long.
    Ended,
    /// There is none: the peer keeps none open, or was never reached. Also what only a newer peer knows.
    #[serde(other)]
    None,
}

impl Observation {
    /// An observation of `state` since `since`, and no more.
    pub fn new(state: State, since: Timestamp) -> Self {
        Self { state, since: Some(since), ..Self::default() }
    }

    /// The same, dated: for as long as `before` has said the same state and reason, or else since `now`.
    pub fn after(self, before: Option<&Self>, now: Timestamp) -> Self {
        let same = before.filter(|before| (before.state, before.reason) == (self.state, self.reason));
        Self { since: same.and_then(|before| before.since).or(Some(now)), ..self }
    }

    /// Whether both say the same of the peer: all but when, where and how fast.
    pub fn agrees(&self, other: &Self) -> bool {
        (self.state, self.reason, self.status_code, self.kept)
            == (other.state, other.reason, other.status_code, other.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_peer_adds_reads_as_unknown() {
        let observation: Observation =
            serde_json::from_str(r#"{"state":"throttled","reason":"quic_failed","colour":"red"}"#).unwrap();
        assert_eq!(observation.state, State::Unknown);
        assert_eq!(observation.reason, Some(Reason::Unknown));
    }

    #[test]
    fn an_observation_dates_from_the_first_of_its_state_and_reason() {
        let (then, now) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let before = Observation { reason: Some(Reason::DnsFailed), ..Observation::new(State::Unreachable, then) };
        let since = |new: Observation| new.after(Some(&before), now).since;
        assert_eq!(since(Observation { message: Some("again".into()), since: None, ..before.clone() }), Some(then));
        assert_eq!(since(Observation { reason: Some(Reason::DnsTimeout), ..before.clone() }), Some(now));
        assert_eq!(since(Observation { state: State::Reachable, ..before.clone() }), Some(now));
        assert_eq!(before.clone().after(None, now).since, Some(now));
    }

    #[test]
    fn a_reason_is_displayed_as_on_the_wire() {
        assert_eq!(Reason::ConnectTimeout.to_string(), "connect_timeout");
    }
}
