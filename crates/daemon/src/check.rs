//! One check of a target: name, connection, TLS, request, response; and if there is no response, why.
//!
//! Each check resolves the name anew and opens a connection of its own, because most networks let an established flow
//! outlive a policy that now denies it. Nothing is kept between two checks.

mod bounded;
mod connect;
mod exchange;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod kept;
mod resolve;
mod tls;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use star_wire::Timestamp;
use star_wire::observation::{Observation, Reason, State};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::pulse::Pulse;
use crate::room::Room;
use crate::target::{Host, TargetUrl};
use crate::text::{MAX_MESSAGE, plain};
use bounded::Bounded;
use connect::Race;
use resolve::Addresses;

pub use guard::Guard;
pub use kept::Kept;
pub use resolve::Resolver;

/// What a check asks for, and how long it may take.
#[derive(Clone, Debug)]
pub struct Ask {
    /// For everything from the name to the response.
    pub timeout: Duration,
    /// How much longer the response alone may take, because the peer was asked to hold it.
    pub wait: Duration,
    /// Request headers beyond those that every check sends.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How many bytes of the body to read at most; `None` leaves it unread.
    pub body_limit: Option<usize>,
}

impl Ask {
    /// Asks whether there is a response at all, within `timeout`.
    pub fn head(timeout: Duration) -> Self {
        Self { timeout, wait: Duration::ZERO, headers: Vec::new(), body_limit: None }
    }
}

/// What came of a check.
#[derive(Debug)]
pub struct Check {
    /// When it began.
    pub began: Timestamp,
    /// How far it got, and how long each phase took.
    pub phases: Phases,
    /// The response, or why there is none.
    pub outcome: Result<Answer, Failure>,
}

impl Check {
    /// What the check tells of its target, not dated.
    pub fn observation(&self) -> Observation {
        let (address, checked_at) = (self.phases.address, Some(self.began));
        match &self.outcome {
            Ok(answer) => Observation {
                state: State::Reachable,
                status_code: Some(answer.status.as_u16()),
                latency_ms: self.phases.latency().map(|latency| (latency.as_secs_f64() * 1e5).round() / 100.0),
                address,
                checked_at,
                ..Observation::default()
            },
            Err(failure) => Observation {
                state: State::Unreachable,
                reason: Some(failure.reason),
                message: Some(failure.message.as_str().into()),
                address,
                checked_at,
                ..Observation::default()
            },
        }
    }
}

/// The phases of a check. One that did not happen, or did not end, has no time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phases {
    /// From the name to its addresses.
    pub dns: Option<Duration>,
    /// From the first connection attempt to the connection.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the connection to the head of the response.
    pub response: Option<Duration>,
    /// The address that was connected to, or else tried last.
    pub address: Option<SocketAddr>,
    /// How many connection attempts were made, to all addresses.
    pub attempts: u32,
}

impl Phases {
    /// From the start of the check to the head of the response; `None` if none came.
    pub fn latency(&self) -> Option<Duration> {
        self.response
            .map(|response| [self.dns, self.connect, self.tls].into_iter().flatten().sum::<Duration>() + response)
    }
}

/// An HTTP response.
#[derive(Debug)]
pub struct Answer {
    /// Its status code; any means that the target is reachable.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body: empty when not asked for; or why it cannot be had.
    pub body: Result<Bytes, Failure>,
}

/// Why there is no response.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// The reason, of a closed set.
    pub reason: Reason,
    /// The same in a sentence that a person can act on: [`MAX_MESSAGE`] bytes at most, and nothing invisible in it.
    pub message: String,
}

impl Failure {
    /// A failure for `reason`. The message may quote the peer: it is cut and made [`plain`] here.
    pub fn new(reason: Reason, message: impl fmt::Display) -> Self {
        Self { reason, message: plain(message, MAX_MESSAGE) }
    }

    /// That the check was not done as it should have been.
    fn stood_still() -> Self {
        Self::new(Reason::LocalError, "this machine stood still while the check ran; give it more CPU")
    }

    /// Whether the peer, or its silence, may be an answer to our own silence.
    fn may_be_ours(&self) -> bool {
        use Reason::{ConnectTimeout, ConnectionReset, DnsTimeout, NoAnswer, ResponseTimeout, TlsFailed};
        matches!(self.reason, DnsTimeout | ConnectTimeout | ConnectionReset | NoAnswer | TlsFailed | ResponseTimeout)
    }
}

/// Checks targets.
pub struct Checker {
    resolver: Resolver,
    guard: Guard,
    tls: tls::Tls,
    pulse: Arc<Pulse>,
    /// How many more checks may run: each needs files, and serving needs the others.
    room: Semaphore,
}

impl Checker {
    /// A checker that asks `resolver` for addresses and connects to those that `guard` lets pass.
    pub fn new(resolver: Resolver, guard: Guard) -> Self {
        let room = Semaphore::new(Room::of_this_process().checks);
        Self { resolver, guard, tls: tls::Tls::default(), pulse: Arc::default(), room }
    }

    /// What tells whether this process ran during a check. Without [`Pulse::run`] only lateness at a check's end does.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Reads what the checks of `targets` need, so that what is wrong with it is said at the start.
    pub async fn prepare(&self, targets: impl IntoIterator<Item = &TargetUrl>) {
        if targets.into_iter().any(|target| target.tls) {
            // Each check tries again.
            let _ = self.tls.connector().await;
        }
    }

    /// What is wrong with the CA certificates that https targets are checked with, if any of them was.
    pub fn problem(&self) -> Option<&str> {
        self.tls.problem()
    }

    /// Checks `target` once. A failed check is data: this never fails, and it ends in time.
    ///
    /// Dropping the future cancels everything that the check began.
    pub async fn check(&self, target: &TargetUrl, ask: &Ask) -> Check {
        let (began, lost) = (star_wire::now(), self.pulse.lost());
        let mut phases = Phases::default();
        let mut outcome = self.run(target, ask, &mut phases).await;
        if self.pulse.lost().saturating_sub(lost) >= STALL {
            match &mut outcome {
                Err(failure) | Ok(Answer { body: Err(failure), .. }) if failure.may_be_ours() => {
                    *failure = Failure::stood_still();
                }
                // It has answered; how fast is not known.
                _ => phases.response = None,
            }
        }
        Check { began, phases, outcome }
    }

    async fn run(&self, target: &TargetUrl, ask: &Ask, phases: &mut Phases) -> Result<Answer, Failure> {
        // Not a matter of the target's, and so before its time begins.
        let _room = match timeout(ask.timeout, self.room.acquire()).await {
            Ok(room) => room,
            Err(_) => return Err(Failure::new(Reason::LocalError, FULL)),
        };
        let tls = if target.tls { Some(self.tls.connector().await?) } else { None };
        let deadline = Instant::now() + ask.timeout;
        let response_deadline = deadline + ask.wait;
        let time = Millis(ask.timeout);
        let stream = self.connect(target, deadline, time, phases).await?;
        let mut lap = Instant::now();
        let (stream, allowance) = Bounded::new(stream, response_deadline);

        let (head_at, answer) = if let Some(connector) = tls {
            let handshake = within(deadline, tls::handshake(&self.tls, &connector, &target.host, stream)).await;
            let stream = handshake.map_err(|late| late.means(|| tls::no_answer(phases, time)))??;
            let handshaken = Instant::now();
            phases.tls = Some(handshaken - lap);
            lap = handshaken;
            exchange::exchange(stream, &allowance, target, ask, response_deadline).await?
        } else {
            exchange::exchange(stream, &allowance, target, ask, response_deadline).await?
        };
        phases.response = Some(head_at - lap);
        Ok(answer)
    }

    /// A connection of its own to `target`, before any TLS.
    async fn connect(
        &self,
        target: &TargetUrl,
        deadline: Instant,
        time: Millis,
        phases: &mut Phases,
    ) -> Result<TcpStream, Failure> {
        let mut began = Instant::now();
        let lookup;
        let addresses = match &target.host {
            Host::Address(address) => Addresses::only(vec![*address]),
            Host::Name(name) => {
                lookup = self.resolver.look_up(name);
                let addresses = match within(deadline, lookup.addresses()).await {
                    Ok(resolved) => resolved.map_err(|problem| problem.at(name, time))?,
                    Err(late) => return Err(late.means(|| lookup.problem().at(name, time))),
                };
                phases.dns = Some(began.elapsed());
                began = Instant::now();
                addresses
            }
        };

        let mut race = Race::new(self.guard, target.port);
        let connected = within(deadline, race.run(addresses, phases)).await;
        let connected = connected.map_err(|late| late.means(|| race.failure(time)))?;
        let stream = connected.ok_or_else(|| race.failure(time))?;
        phases.connect = Some(began.elapsed());
        Ok(stream)
    }
}

const FULL: &str =
    "as many checks run as this machine's limit of open files has room for: raise it, or check less often";

/// For how long this process may stand still in a check, and how late it may notice the end of one. Longer, and a time-out
/// is no verdict on the target.
const STALL: Duration = Duration::from_millis(100);

/// How long an answer that lies in a socket is given to be noticed. Time passes by the clock; what has come is known only
/// after a turn of the I/O driver, and a process that was stopped sees its timers first.
const TURN: Duration = Duration::from_millis(2);

/// That something did not end in time.
struct Late {
    noticed_after: Duration,
}

impl Late {
    /// The peer's `silence`, or else our own fault.
    fn means(self, silence: impl FnOnce() -> Failure) -> Failure {
        if self.is_ours() { Failure::stood_still() } else { silence() }
    }

    fn is_ours(&self) -> bool {
        self.noticed_after >= STALL
    }
}

/// What `work` gives, if it ends before `deadline`, or has what it needs by then.
async fn within<F: Future>(deadline: Instant, work: F) -> Result<F::Output, Late> {
    let mut work = pin!(work);
    if let Ok(done) = timeout_at(deadline, &mut work).await {
        return Ok(done);
    }
    let noticed_after = deadline.elapsed();
    // The timer behind this fires in a later turn of the driver, which looks at the sockets before it looks at timers.
    timeout(TURN, work).await.map_err(|_| Late { noticed_after })
}

/// A duration as people read it: `1 s`, `250 ms`, `0.4 ms`.
#[derive(Clone, Copy, Debug)]
pub struct Millis(pub Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            1.0.. => write!(f, "{} s", (seconds * 100.0).round() / 100.0),
            0.01.. => write!(f, "{} ms", (seconds * 1e3).round()),
            _ => write!(f, "{} ms", (seconds * 1e5).round() / 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failures_message_is_bounded_whatever_it_is_made_of() {
        // As rustls lists the names of a certificate, and serde what came.
        let names = (0..100).map(|number| format!("a{number}.example.com\n\u{1b}[31m")).collect::<Vec<_>>();
        let failure = Failure::new(
            Reason::TlsFailed,
            format_args!("not valid for b.example.com; only for {names:?}{}", names[0]),
        );
        assert!(failure.message.len() <= MAX_MESSAGE && failure.message.ends_with('…'), "{}", failure.message);
        let short = Failure::new(Reason::TlsFailed, &names[0]);
        assert_eq!(short.message, r"a0.example.com\n\u{1b}[31m");
    }
}
