//! One check of a target: name, connection, TLS, request, response; or as much of it as its scheme has; or why not.
//!
//! Each check resolves the name anew and opens a connection of its own, because most networks let an established flow
//! outlive a policy that now denies it. Nothing is kept between two checks.

mod bounded;
mod connect;
mod exchange;
mod expiry;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod kept;
mod resolve;
mod tls;
mod udp;

use std::fmt;
use std::future::Future;
use std::io;
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
use crate::target::{Host, Scheme, TargetUrl};
use crate::text::{MAX_MESSAGE, plain};
use bounded::Bounded;
use connect::{Over, Race};
use resolve::Addresses;

pub use expiry::Reminder;
pub use guard::Guard;
pub use kept::Kept;
pub use resolve::Resolver;
pub use tls::{Tls, TlsArgs};

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
    /// How the target was reached, or why it was not.
    pub outcome: Result<Reached, Failure>,
}

impl Check {
    /// From the start of the check until the target was reached; `None` if it was not, or if that time is not known.
    pub fn latency(&self) -> Option<Duration> {
        let Phases { dns, connect, tls, response, .. } = self.phases;
        match self.outcome.as_ref().ok()? {
            Reached::Connection => connect,
            Reached::Echo | Reached::Answer(_) => response,
        }?;
        Some([dns, connect, tls, response].into_iter().flatten().sum())
    }

    /// What the check tells of its target, not dated.
    pub fn observation(&self) -> Observation {
        let (address, checked_at) = (self.phases.address, Some(self.began));
        let certificate_expires = self.phases.certificate_expires.map(Box::new);
        match &self.outcome {
            Ok(reached) => Observation {
                state: State::Reachable,
                status_code: reached.answer().map(|answer| answer.status.as_u16()),
                latency_ms: self.latency().map(|latency| (latency.as_secs_f64() * 1e5).round() / 100.0),
                address,
                checked_at,
                certificate_expires,
                ..Observation::default()
            },
            Err(failure) => Observation {
                state: State::Unreachable,
                reason: Some(failure.reason),
                message: Some(failure.message.as_str().into()),
                address,
                checked_at,
                certificate_expires,
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
    /// When the certificate ends that the target has shown, be it trusted or not.
    pub certificate_expires: Option<Timestamp>,
    /// From the connection to the head of the response; over UDP, from the first datagram to its echo.
    pub response: Option<Duration>,
    /// The address that answered, or else was tried last.
    pub address: Option<SocketAddr>,
    /// How many attempts were made, to all addresses.
    pub attempts: u32,
}

/// What shows that a target is reachable.
#[derive(Debug)]
pub enum Reached {
    /// A TCP connection was made.
    Connection,
    /// A datagram was echoed.
    Echo,
    /// A response came.
    Answer(Answer),
}

impl Reached {
    /// The response, where the scheme has one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Connection | Self::Echo => None,
            Self::Answer(answer) => Some(answer),
        }
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

/// Why a target was not reached.
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

/// What it means that certificates are not verified; said at each start.
pub const SKIPS_VERIFICATION: &str =
    "--tls-skip-verify: certificates are not verified, so that an https target may be anybody";

/// Checks targets.
pub struct Checker {
    resolver: Resolver,
    guard: Guard,
    tls: Arc<Tls>,
    pulse: Arc<Pulse>,
    /// How many more checks may run: each needs files, and serving needs the others.
    room: Semaphore,
    /// How many more connections may be kept: files, too.
    kept: Arc<Semaphore>,
}

impl Checker {
    /// A checker that asks `resolver` for addresses and connects to those that `guard` lets pass.
    pub fn new(resolver: Resolver, guard: Guard) -> Self {
        let Room { checks, kept, .. } = Room::of_this_process();
        let (room, kept) = (Semaphore::new(checks), Arc::new(Semaphore::new(kept)));
        Self { resolver, guard, tls: Arc::default(), pulse: Arc::default(), room, kept }
    }

    /// The same, with `tls` for https targets.
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Arc::new(tls), ..self }
    }

    /// Follows the files that https needs, from now on, so that a certificate that is replaced is used; never ends. To be
    /// called before [`prepare`](Self::prepare), which reads them.
    pub fn follow(&self) -> impl Future<Output = ()> + Send + use<> {
        self.tls.follow()
    }

    /// What tells whether this process ran during a check. Without [`Pulse::run`] only lateness at a check's end does.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Reads what the checks of `targets` need, so that what is wrong with it is said at the start.
    pub async fn prepare(&self, targets: impl IntoIterator<Item = &TargetUrl>) {
        if self.skips_verification() {
            tracing::warn!("{SKIPS_VERIFICATION}");
        }
        if targets.into_iter().any(|target| target.scheme == Scheme::Https) {
            // Each check tries again.
            let _ = self.tls.connector().await;
        }
    }

    /// Whether any certificate of an https target will do: [`SKIPS_VERIFICATION`].
    pub fn skips_verification(&self) -> bool {
        self.tls.skips_verification()
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
                Err(failure) | Ok(Reached::Answer(Answer { body: Err(failure), .. })) if failure.may_be_ours() => {
                    *failure = Failure::stood_still();
                }
                // It has answered; how fast is not known.
                Ok(Reached::Connection) => phases.connect = None,
                _ => phases.response = None,
            }
        }
        Check { began, phases, outcome }
    }

    async fn run(&self, target: &TargetUrl, ask: &Ask, phases: &mut Phases) -> Result<Reached, Failure> {
        // Not a matter of the target's, and so before its time begins.
        let _room = match timeout(ask.timeout, self.room.acquire()).await {
            Ok(room) => room,
            Err(_) => return Err(Failure::new(Reason::LocalError, FULL)),
        };
        let tls = if target.scheme == Scheme::Https { Some(self.tls.connector().await?) } else { None };
        let deadline = Instant::now() + ask.timeout;
        let response_deadline = deadline + ask.wait;
        let time = Millis(ask.timeout);
        if target.scheme == Scheme::Udp {
            let (_, took) = self.race(target, deadline, time, phases, Over::Udp, udp::echo).await?;
            phases.response = Some(took);
            return Ok(Reached::Echo);
        }
        let stream = self.connect(target, deadline, time, phases).await?;
        if target.scheme == Scheme::Tcp {
            return Ok(Reached::Connection);
        }
        let mut lap = Instant::now();
        let (stream, allowance) = Bounded::new(stream, response_deadline);

        let (head_at, answer) = if let Some(connector) = tls {
            let handshake = within(deadline, tls::handshake(&self.tls, &connector, &target.host, stream)).await;
            phases.certificate_expires = connector.certificate_expires();
            let stream = handshake.map_err(|late| late.means(|| tls::no_answer(phases, time)))??;
            let handshaken = Instant::now();
            phases.tls = Some(handshaken - lap);
            lap = handshaken;
            exchange::exchange(stream, &allowance, target, ask, response_deadline).await?
        } else {
            exchange::exchange(stream, &allowance, target, ask, response_deadline).await?
        };
        phases.response = Some(head_at - lap);
        Ok(Reached::Answer(answer))
    }

    /// A connection of its own to `target`, before any TLS.
    async fn connect(
        &self,
        target: &TargetUrl,
        deadline: Instant,
        time: Millis,
        phases: &mut Phases,
    ) -> Result<TcpStream, Failure> {
        let (stream, took) = self.race(target, deadline, time, phases, Over::Tcp, connect::connection).await?;
        phases.connect = Some(took);
        Ok(stream)
    }

    /// From the name to the first `attempt` that succeeds, and how long the attempts took.
    async fn race<F, T>(
        &self,
        target: &TargetUrl,
        deadline: Instant,
        time: Millis,
        phases: &mut Phases,
        over: Over,
        attempt: impl Fn(SocketAddr) -> F,
    ) -> Result<(T, Duration), Failure>
    where
        F: Future<Output = io::Result<T>>,
    {
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

        let mut race = Race::new(self.guard, target.port, over);
        let won = within(deadline, race.run(addresses, phases, attempt)).await;
        let won = won.map_err(|late| late.means(|| race.failure(time)))?;
        let won = won.ok_or_else(|| race.failure(time))?;
        Ok((won, began.elapsed()))
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
