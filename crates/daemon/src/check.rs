//! One check of a target: name, connection, TLS, request, response; and if there is no response, why.
//!
//! Each check resolves the name anew and opens a connection of its own, because most networks let an established flow
//! outlive a policy that now denies it. Nothing is kept between two checks.

mod connect;
mod exchange;
mod guard;
mod resolve;
mod tls;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use star_wire::observation::{Observation, Reason, State};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::room::Room;
use crate::target::{Host, TargetUrl};
use resolve::Problem;

pub use guard::Guard;
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
    /// How far it got, and how long each phase took.
    pub phases: Phases,
    /// The response, or why there is none.
    pub outcome: Result<Answer, Failure>,
}

impl Check {
    /// What the check tells of its target, not dated.
    pub fn observation(&self) -> Observation {
        match &self.outcome {
            Ok(answer) => Observation {
                state: State::Reachable,
                status_code: Some(answer.status.as_u16()),
                latency_ms: self.phases.latency().map(|latency| (latency.as_secs_f64() * 1e5).round() / 100.0),
                ..Observation::default()
            },
            Err(failure) => Observation {
                state: State::Unreachable,
                reason: Some(failure.reason),
                message: Some(failure.message.as_str().into()),
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
    /// The address that was tried last.
    pub address: Option<SocketAddr>,
    /// How many connection attempts were made to that address.
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
pub struct Failure {
    /// The reason, of a closed set.
    pub reason: Reason,
    /// The same in a sentence that a person can act on.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(reason: Reason, message: impl fmt::Display) -> Self {
        Self { reason, message: message.to_string() }
    }
}

/// Checks targets.
pub struct Checker {
    resolver: Resolver,
    guard: Guard,
    tls: tls::Tls,
    /// How many more checks may run: each needs files, and serving needs the others.
    room: Semaphore,
}

impl Checker {
    /// A checker that asks `resolver` for addresses and connects to those that `guard` lets pass.
    pub fn new(resolver: Resolver, guard: Guard) -> Self {
        let room = Semaphore::new(Room::of_this_process().checks);
        Self { resolver, guard, tls: tls::Tls::default(), room }
    }

    /// Checks `target` once. A failed check is data: this never fails, and it ends in time.
    ///
    /// Dropping the future cancels everything that the check began.
    pub async fn check(&self, target: &TargetUrl, ask: &Ask) -> Check {
        let mut phases = Phases::default();
        let outcome = self.run(target, ask, &mut phases).await;
        Check { phases, outcome }
    }

    async fn run(&self, target: &TargetUrl, ask: &Ask, phases: &mut Phases) -> Result<Answer, Failure> {
        // Not a matter of the target's, and so before its time begins.
        let _room = match timeout(ask.timeout, self.room.acquire()).await {
            Ok(room) => room,
            Err(_) => return Err(Failure::new(Reason::LocalError, FULL)),
        };
        let tls = if target.tls { Some(self.tls.connector().await?) } else { None };
        let mut lap = Instant::now();
        let deadline = lap + ask.timeout;
        let response_deadline = deadline + ask.wait;
        let time = Millis(ask.timeout);
        let mut take_lap = || {
            let now = Instant::now();
            now - std::mem::replace(&mut lap, now)
        };

        let addresses = match &target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let mut problem = Problem::Silence;
                let resolved = within(deadline, self.resolver.resolve(name, &mut problem)).await;
                let addresses = match resolved {
                    Ok(resolved) => resolved.map_err(|problem| problem.at(name, time))?,
                    Err(late) => return Err(late.means(|| problem.at(name, time))),
                };
                phases.dns = Some(take_lap());
                addresses
            }
        };
        let addresses = self.guard.admit(addresses)?;

        let connected = within(deadline, connect::connect(&addresses, target.port, phases)).await;
        let stream = connected.map_err(|late| late.means(|| connect::no_answer(phases, time)))??;
        phases.connect = Some(take_lap());

        let (head_at, answer) = if let Some(connector) = tls {
            let handshake = within(deadline, tls::handshake(&connector, &target.host, stream)).await;
            let stream = handshake.map_err(|late| late.means(|| tls::no_answer(phases, time)))??;
            phases.tls = Some(take_lap());
            exchange::exchange(stream, target, ask, response_deadline).await?
        } else {
            exchange::exchange(stream, target, ask, response_deadline).await?
        };
        phases.response = Some(head_at - lap);
        Ok(answer)
    }
}

const FULL: &str =
    "as many checks run as this machine's limit of open files has room for: raise it, or check less often";

/// How late a time-out may be noticed. If it is later, this machine stood still, and that is not a verdict on the target.
const STALL: Duration = Duration::from_millis(100);

/// That something did not end in time.
struct Late {
    noticed_after: Duration,
}

impl Late {
    /// The peer's `silence`, or else our own fault.
    fn means(self, silence: impl FnOnce() -> Failure) -> Failure {
        if self.noticed_after < STALL {
            return silence();
        }
        Failure::new(Reason::LocalError, "this machine stood still while the check ran; give it more CPU")
    }
}

/// What `work` gives, if it ends before `deadline`.
async fn within<F: Future>(deadline: Instant, work: F) -> Result<F::Output, Late> {
    timeout_at(deadline, work).await.map_err(|_| Late { noticed_after: deadline.elapsed() })
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
