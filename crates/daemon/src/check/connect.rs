//! A TCP connection that a lost packet cannot prevent.

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

use super::{Failure, Millis, Phases};

/// How long an attempt stays alone. The kernel would repeat a lost SYN only after a second, which is our whole deadline.
const HEDGE_AFTER: Duration = Duration::from_millis(200);

/// How many attempts run at most, at 0, 200, 400 and 600 ms.
const MAX_ATTEMPTS: u32 = 4;

/// Connects to the first address that accepts.
///
/// An address that answers with a refusal gives way to the next. One that is silent does not: else a name with several
/// addresses would hide that one of them is dropped.
pub(super) async fn connect(addresses: &[IpAddr], port: u16, phases: &mut Phases) -> Result<TcpStream, Failure> {
    let mut first = None;
    for address in addresses {
        let address = SocketAddr::new(*address, port);
        phases.address = Some(address);
        phases.attempts = 0;
        match hedged(address, &mut phases.attempts).await {
            Ok(stream) => {
                return Ok(stream);
            }
            Err(error) => {
                let failure = refusal(address, &error);
                if first.as_ref().is_none_or(|first: &Failure| first.reason == Reason::NetworkUnreachable) {
                    first = Some(failure);
                }
            }
        }
    }
    Err(first.unwrap_or_else(|| Failure::new(Reason::DnsFailed, "the name has no address")))
}

/// What it means that no attempt was answered in time.
pub(super) fn no_answer(phases: &Phases, within: Millis) -> Failure {
    let address = phases.address.map_or_else(String::new, |address| format!(" by {address}"));
    let attempts = match phases.attempts {
        1 => "the connection attempt was".to_owned(),
        attempts => format!("{attempts} connection attempts were"),
    };
    Failure::new(
        Reason::ConnectTimeout,
        format!("{attempts} not answered{address} within {within}: a policy drops them, or nobody is there"),
    )
}

/// Starts another attempt whenever the ones before are silent for a while; the first to end decides.
pub(super) async fn hedged(address: SocketAddr, attempts: &mut u32) -> io::Result<TcpStream> {
    let mut racing = FuturesUnordered::new();
    loop {
        racing.push(attempt(address));
        *attempts += 1;
        let hedge = sleep(HEDGE_AFTER);
        tokio::pin!(hedge);
        loop {
            tokio::select! {
                biased;
                Some(ended) = racing.next() => match ended {
                    // A further attempt that could not even start says nothing of those still under way.
                    Err(error) if reason_of(&error) == Reason::LocalError && !racing.is_empty() => {}
                    ended => return ended,
                },
                () = &mut hedge, if *attempts < MAX_ATTEMPTS => break,
            }
        }
    }
}

/// Closing by reset leaves no TIME_WAIT, here or in the node's connection tracking, where 1,000 checks a second would
/// otherwise hold 120,000 entries (120 s each).
///
/// Not `TcpSocket::connect`, which gives up a connection that was established, answered on, and reset before we looked.
async fn attempt(address: SocketAddr) -> io::Result<TcpStream> {
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

/// What an error of `connect(2)` says about the peer.
fn reason_of(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectionRefused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Reason::ConnectionReset,
        io::ErrorKind::HostUnreachable => Reason::HostUnreachable,
        io::ErrorKind::NetworkUnreachable => Reason::NetworkUnreachable,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        _ => Reason::LocalError,
    }
}

fn refusal(address: SocketAddr, error: &io::Error) -> Failure {
    let reason = reason_of(error);
    let message = match reason {
        Reason::ConnectionRefused => {
            format!("{address} refuses connections: nobody listens there, or a policy rejects")
        }
        Reason::ConnectionReset => format!("{address} reset the connection before it was established"),
        Reason::HostUnreachable => format!("the network reports that it cannot reach {address}"),
        Reason::NetworkUnreachable => format!("there is no route from here to {address}"),
        Reason::ConnectTimeout => format!("{address} did not answer"),
        _ => format!("no connection to {address} could be tried from here: {error}"),
    };
    Failure::new(reason, message)
}
