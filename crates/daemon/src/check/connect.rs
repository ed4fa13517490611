//! Attempts to reach a target that neither a lost packet nor one silent address of several can spoil.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use star_wire::observation::Reason;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::resolve::Addresses;
use super::{Failure, Guard, Millis, Phases};

/// The time over which the attempts are spread: what is left of a second is for the last one's answer.
///
/// With four addresses or fewer this is an attempt every 200 ms, with eight or more one every 100 ms, below which RFC 8305
/// advises not to go. The kernel would repeat a lost SYN only after a second, which is our whole deadline.
const SPREAD: Duration = Duration::from_millis(800);

/// How long the name servers have for addresses of the other kind when all addresses that are known have refused. A lost
/// packet is asked again within it.
const GRACE: Duration = Duration::from_millis(200);

/// How many attempts may be silent: so many, and one for each address, up to so many.
const ATTEMPTS: (usize, usize) = (4, 8);

/// How many addresses are looked at. A name server can send thousands.
const MAX_ADDRESSES: usize = 64;

/// How many addresses a sentence names.
const MAX_NAMED: usize = 4;

/// Connects to a server that has one address.
pub(super) async fn to(address: SocketAddr) -> io::Result<TcpStream> {
    let mut race = Race::new(Guard::Open, address.port(), Over::Tcp);
    race.tried.push(Tried::new(address));
    let connected = race.run(Addresses::only(Vec::new()), &mut Phases::default(), connection).await;
    connected
        .ok_or_else(|| race.tried.pop().and_then(|tried| tried.error).unwrap_or_else(|| io::ErrorKind::Other.into()))
}

/// What attempts go over, and so what their silence means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Over {
    /// A connection answers, or a refusal.
    Tcp,
    /// An echo answers, or a refusal; else nobody knows.
    Udp,
}

impl Over {
    fn silence(self) -> Reason {
        match self {
            Self::Tcp => Reason::ConnectTimeout,
            Self::Udp => Reason::NoAnswer,
        }
    }
}

/// Attempts at the addresses of a target.
pub(super) struct Race {
    guard: Guard,
    port: u16,
    over: Over,
    tried: Vec<Tried>,
    /// Why some were not tried.
    guarded: Option<Failure>,
}

/// An address, and what came of it.
struct Tried {
    address: SocketAddr,
    attempts: usize,
    error: Option<io::Error>,
}

impl Tried {
    fn new(address: SocketAddr) -> Self {
        Self { address, attempts: 0, error: None }
    }

    /// What is known; `None` before the first attempt.
    fn reason(&self, over: Over) -> Option<Reason> {
        match &self.error {
            Some(error) => Some(reason_of(error)),
            None => (self.attempts > 0).then_some(over.silence()),
        }
    }
}

impl Race {
    /// Nothing tried yet, at `port` of those addresses that `guard` lets pass.
    pub(super) fn new(guard: Guard, port: u16, over: Over) -> Self {
        Self { guard, port, over, tried: Vec::new(), guarded: None }
    }

    /// What the first `attempt` gives that succeeds; `None` when every address has refused.
    ///
    /// Attempts go round the addresses, families in turn (RFC 8305, section 4), another one whenever those before are
    /// silent for a while. An address that refuses gives way to the next at once, and is not tried again.
    pub(super) async fn run<F, T>(
        &mut self,
        addresses: Addresses<'_>,
        phases: &mut Phases,
        attempt: impl Fn(SocketAddr) -> F,
    ) -> Option<T>
    where
        F: Future<Output = io::Result<T>>,
    {
        let Addresses { first, mut later } = addresses;
        self.add(first);
        let mut racing = FuturesUnordered::new();
        loop {
            if let Some(index) = self.next(phases.address) {
                let tried = &mut self.tried[index];
                let address = tried.address;
                tried.attempts += 1;
                phases.address = Some(address);
                phases.attempts += 1;
                let attempt = attempt(address);
                racing.push(async move { (index, attempt.await) });
            } else if later.is_none() && !self.tried.iter().any(|tried| tried.error.is_none()) {
                return None;
            }
            let pace = sleep(SPREAD / self.most() as u32);
            let grace = sleep(GRACE);
            tokio::pin!(pace, grace);
            loop {
                tokio::select! {
                    biased;
                    Some((index, ended)) = racing.next() => match ended {
                        Ok(reached) => {
                            phases.address = Some(self.tried[index].address);
                            return Some(reached);
                        }
                        // A further attempt that could not even start says nothing of those still under way.
                        Err(error) if is_local(&error) && self.tried[index].attempts > 1 => {}
                        Err(error) => {
                            self.tried[index].error = Some(error);
                            let open = |tried: &Tried| tried.error.is_none();
                            let untried = |tried: &Tried| open(tried) && tried.attempts == 0;
                            if self.tried.iter().any(untried) || !self.tried.iter().any(open) {
                                break;
                            }
                        }
                    },
                    more = async { later.as_mut().expect("asked for only if there").await }, if later.is_some() => {
                        later = None;
                        let waiting = self.tried.iter().any(|tried| tried.error.is_none());
                        self.add(more);
                        if !waiting {
                            break;
                        }
                    }
                    () = &mut grace, if self.is_refused() => return None,
                    () = &mut pace, if self.next(None).is_some() => break,
                }
            }
        }
    }

    fn add(&mut self, addresses: Vec<IpAddr>) {
        match self.guard.admit(addresses) {
            Err(failure) => self.guarded = Some(failure),
            Ok(addresses) => {
                for address in addresses {
                    // An IPv4-mapped address is the IPv4 address; not every machine has IPv6 sockets.
                    let address = SocketAddr::new(address.to_canonical(), self.port);
                    if self.tried.len() < MAX_ADDRESSES && !self.tried.iter().any(|tried| tried.address == address) {
                        self.tried.push(Tried::new(address));
                    }
                }
            }
        }
    }

    /// How many attempts may be silent.
    fn most(&self) -> usize {
        self.open().count().clamp(ATTEMPTS.0, ATTEMPTS.1)
    }

    fn open(&self) -> impl Iterator<Item = (usize, &Tried)> {
        self.tried.iter().enumerate().filter(|(_, tried)| tried.error.is_none())
    }

    /// Whether no address is left, and one has answered for itself: the verdict would be the same without the others.
    fn is_refused(&self) -> bool {
        let answered = |tried: &Tried| {
            matches!(tried.reason(self.over), Some(Reason::ConnectionRefused | Reason::ConnectionReset))
        };
        self.open().next().is_none() && self.tried.iter().any(answered)
    }

    /// Whom to try after `last`: an address that was tried least, of the other family if there is one.
    fn next(&self, last: Option<SocketAddr>) -> Option<usize> {
        if self.open().map(|(_, tried)| tried.attempts).sum::<usize>() >= self.most() {
            return None;
        }
        let same = |address: SocketAddr| last.is_some_and(|last| last.is_ipv4() == address.is_ipv4());
        self.open().min_by_key(|(_, tried)| (tried.attempts, same(tried.address))).map(|(index, _)| index)
    }

    /// What it means that no attempt succeeded, `within` the time that there was.
    ///
    /// Of several addresses that one decides which says most about the target: an answer of its own, then the network's word,
    /// then silence; that there is no way from here says least. But who was out of files did not try all.
    pub(super) fn failure(&self, within: Millis) -> Failure {
        const TELLING: [Reason; 7] = [
            Reason::ConnectionRefused,
            Reason::ConnectionReset,
            Reason::HostUnreachable,
            Reason::ConnectTimeout,
            Reason::NoAnswer,
            Reason::NetworkUnreachable,
            Reason::LocalError,
        ];
        let exhausted = |tried: &Tried| tried.error.as_ref().is_some_and(is_exhausted);
        let telling = |tried: &&Tried| {
            let place = TELLING.iter().position(|reason| Some(*reason) == tried.reason(self.over));
            (!exhausted(tried), place.unwrap_or(TELLING.len()))
        };
        let Some(most) = self.tried.iter().filter(|tried| tried.reason(self.over).is_some()).min_by_key(telling) else {
            let none = || Failure::new(Reason::DnsFailed, "the name has no address");
            return self.guarded.clone().unwrap_or_else(none);
        };
        let reason = most.reason(self.over).unwrap_or(self.over.silence());
        let same = self.tried.iter().filter(|tried| tried.reason(self.over) == Some(reason));
        let who = named(same.clone().map(|tried| tried.address.to_string()));
        let attempts: usize = same.map(|tried| tried.attempts).sum();
        let others = self.tried.iter().filter(|tried| tried.reason(self.over) != Some(reason));
        let others = named(others.map(|tried| match tried.reason(self.over) {
            Some(reason) => format!("{}: {reason}", tried.address),
            None => format!("{}: not tried", tried.address),
        }));
        let others = if others.is_empty() { others } else { format!(" ({others})") };
        Failure::new(reason, self.sentence(reason, &who, attempts, most.error.as_ref(), within) + &others)
    }

    fn sentence(
        &self,
        reason: Reason,
        who: &str,
        attempts: usize,
        error: Option<&io::Error>,
        within: Millis,
    ) -> String {
        match reason {
            Reason::ConnectionRefused => {
                let what = if self.over == Over::Tcp { "connections" } else { "datagrams" };
                format!("{who} refuses {what}: nobody listens there, or a policy rejects")
            }
            Reason::ConnectionReset => format!("{who} reset the connection before it was established"),
            Reason::HostUnreachable => {
                format!(
                    "somebody on the way reports that {who} cannot be reached: a route is gone, or a policy rejects"
                )
            }
            Reason::NetworkUnreachable => match error {
                Some(error) if Errno::from_io_error(error) == Some(Errno::PERM) => {
                    format!("this machine may not send to {who} ({error}): a firewall or policy here forbids it")
                }
                _ => {
                    format!(
                        "no way to {who} is known here, or somebody on the way says so: no route, or a policy rejects"
                    )
                }
            },
            Reason::ConnectTimeout => {
                let attempts = match attempts {
                    1 => "the connection attempt was".to_owned(),
                    attempts => format!("{attempts} connection attempts were"),
                };
                format!("{attempts} not answered by {who} within {within}: a policy drops them, or nobody is there")
            }
            Reason::NoAnswer => {
                format!("no echo from {who} within {within}: a policy drops it, or nobody is there; UDP cannot tell")
            }
            _ => {
                let what = if self.over == Over::Tcp { "connection" } else { "datagram" };
                let error = error.map_or_else(String::new, |error| format!(": {error}"));
                format!("no {what} to {who} could be tried from here{error}")
            }
        }
    }
}

/// The first few, and how many there are beyond them.
fn named(addresses: impl Iterator<Item = String>) -> String {
    let all: Vec<_> = addresses.collect();
    let mut named = all[..all.len().min(MAX_NAMED)].join(", ");
    if all.len() > MAX_NAMED {
        named += &format!(" and {} more", all.len() - MAX_NAMED);
    }
    named
}

/// A connection to `address`, which will be closed by reset.
///
/// Closing by reset leaves no TIME_WAIT, here or in the node's connection tracking, where 1,000 checks a second would
/// otherwise hold 120,000 entries (120 s each).
///
/// Not `TcpSocket::connect`, which gives up a connection that was established, answered on, and reset before we looked.
pub(super) async fn connection(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_linger(Some(Duration::ZERO))?;
    match socket.connect(&address.into()) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => return Err(error),
        _ => {}
    }
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
        _ => Ok(stream),
    }
}

/// What an error of `connect(2)`, or of a datagram's socket, says about the peer.
fn reason_of(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectionRefused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Reason::ConnectionReset,
        io::ErrorKind::HostUnreachable => Reason::HostUnreachable,
        io::ErrorKind::NetworkUnreachable => Reason::NetworkUnreachable,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        _ if is_local(error) => Reason::LocalError,
        _ => match Errno::from_io_error(error) {
            // What Linux makes of ICMP's "host unknown", "host isolated", "protocol unreachable", "source route failed" and
            // "parameter problem" (net/ipv4/icmp.c, net/ipv6/icmp.c). The third is one that firewalls reject with.
            Some(Errno::HOSTDOWN | Errno::NONET | Errno::NOPROTOOPT | Errno::OPNOTSUPP | Errno::PROTO) => {
                Reason::HostUnreachable
            }
            // EACCES: a `prohibit` route, or ICMPv6 "administratively prohibited". EINVAL: a `blackhole` route. EPERM: a
            // firewall here. EAFNOSUPPORT: a kernel without that family. Whatever else: this connection may not be made.
            _ => Reason::NetworkUnreachable,
        },
    }
}

/// Whether this machine could not even try: it is out of files, memory or ports.
pub(super) fn is_local(error: &io::Error) -> bool {
    is_exhausted(error)
        || matches!(Errno::from_io_error(error), Some(Errno::ADDRINUSE | Errno::ADDRNOTAVAIL | Errno::AGAIN))
}

/// Whether this machine is out of what every connection needs (ENOSPC: of places in epoll).
fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::NOSPC)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_machine_is_out_of_is_an_error_of_its_own() {
        for (errno, reason) in [
            (Errno::CONNREFUSED, Reason::ConnectionRefused),
            (Errno::CONNRESET, Reason::ConnectionReset),
            (Errno::HOSTUNREACH, Reason::HostUnreachable),
            (Errno::HOSTDOWN, Reason::HostUnreachable),
            (Errno::NONET, Reason::HostUnreachable),
            (Errno::NOPROTOOPT, Reason::HostUnreachable),
            (Errno::OPNOTSUPP, Reason::HostUnreachable),
            (Errno::PROTO, Reason::HostUnreachable),
            (Errno::NETUNREACH, Reason::NetworkUnreachable),
            (Errno::ACCESS, Reason::NetworkUnreachable),
            (Errno::INVAL, Reason::NetworkUnreachable),
            (Errno::PERM, Reason::NetworkUnreachable),
            (Errno::AFNOSUPPORT, Reason::NetworkUnreachable),
            (Errno::MSGSIZE, Reason::NetworkUnreachable),
            (Errno::TIMEDOUT, Reason::ConnectTimeout),
            (Errno::MFILE, Reason::LocalError),
            (Errno::NFILE, Reason::LocalError),
            (Errno::NOMEM, Reason::LocalError),
            (Errno::NOBUFS, Reason::LocalError),
            (Errno::ADDRNOTAVAIL, Reason::LocalError),
            (Errno::AGAIN, Reason::LocalError),
        ] {
            assert_eq!(reason_of(&errno.into()), reason, "{errno:?}");
        }
    }

    #[test]
    fn the_sentence_of_a_rejection_tells_that_a_policy_may_reject() {
        let told = |errno: Errno| {
            let error = io::Error::from(errno);
            let race = Race::new(Guard::Open, 80, Over::Tcp);
            race.sentence(reason_of(&error), "10.0.0.1:80", 1, Some(&error), Millis(Duration::ZERO))
        };
        for errno in [Errno::CONNREFUSED, Errno::HOSTUNREACH, Errno::NOPROTOOPT, Errno::NETUNREACH, Errno::INVAL] {
            assert!(told(errno).ends_with("or a policy rejects"), "{}", told(errno));
        }
        let sentence = told(Errno::PERM);
        assert!(
            sentence.starts_with("this machine may not send to 10.0.0.1:80 (Operation not permitted"),
            "{sentence}"
        );
        assert!(sentence.ends_with("a firewall or policy here forbids it"), "{sentence}");
    }
}
