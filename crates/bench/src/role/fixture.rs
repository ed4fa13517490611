//! What is checked: many addresses, one cheap server, which knows how often and how evenly it was asked.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use star_daemon::echo;
use star_daemon::room::raise_open_file_limit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::{LocalSet, spawn_local};

use super::{INTERVAL, Scheme};
use crate::figure::Figure;

/// By target, when each connection or datagram came.
type Arrivals = Rc<RefCell<Vec<Vec<Instant>>>>;

/// Where the target of this number listens. An address of its own for each, as pods have.
pub(crate) fn address(index: usize, port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 77, (index / 250) as u8, (index % 250) as u8 + 1), port))
}

#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(port: u16, count: usize, schemes: &[Scheme]) -> anyhow::Result<()> {
    raise_open_file_limit();
    let arrivals = Arrivals::default();
    arrivals.borrow_mut().resize(count, Vec::new());
    let targets = LocalSet::new();
    for (index, scheme) in (0..count).zip(schemes.iter().cycle()) {
        let (address, arrivals) = (address(index, port), Rc::clone(&arrivals));
        if *scheme == Scheme::Udp {
            targets.spawn_local(echo(UdpSocket::bind(address).await?, index, arrivals));
            continue;
        }
        let listener = TcpListener::bind(address).await?;
        targets.spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                arrivals.borrow_mut()[index].push(Instant::now());
                spawn_local(answer(stream, "ok\n".to_owned()));
            }
        });
    }
    let control = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let reporting = async {
        loop {
            let (stream, _) = control.accept().await?;
            let report = report(&arrivals.borrow());
            arrivals.borrow_mut().iter_mut().for_each(Vec::clear);
            spawn_local(answer(stream, report));
        }
    };
    targets.run_until(reporting).await
}

/// Echoes as a probe does, and without its bound: all targets here are one process.
async fn echo(socket: UdpSocket, index: usize, arrivals: Arrivals) {
    let mut datagram = [0; 2 * echo::LENGTH];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut datagram).await else { continue };
        arrivals.borrow_mut()[index].push(Instant::now());
        if let Some(reply) = echo::reply(&datagram[..length]) {
            let _ = socket.try_send_to(&reply, peer);
        }
    }
}

/// Reads a request and answers `body`. A client that leaves early is its own affair.
async fn answer(mut stream: TcpStream, body: String) {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read_buf(&mut head).await, Ok(1..)) {}
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// How many connections came since the last report, and how many seconds late 99 % of them were at most.
fn report(arrivals: &[Vec<Instant>]) -> String {
    let late: Vec<_> = arrivals.iter().flat_map(|arrivals| lateness(arrivals)).collect();
    let p99 = if late.is_empty() { 0.0 } else { Figure::of(&late, |seconds| *seconds).quantile(0.99) };
    format!("{} {p99}", late.len())
}

/// By how many seconds each came later in its interval than the earliest did in its own.
fn lateness(arrivals: &[Instant]) -> Vec<f64> {
    let Some(first) = arrivals.first() else { return Vec::new() };
    let intervals = arrivals.iter().map(|arrival| (*arrival - *first).as_secs_f64() / INTERVAL.as_secs_f64());
    let offsets: Vec<_> = intervals.map(|intervals| intervals - intervals.round()).collect();
    let earliest = offsets.iter().copied().fold(f64::INFINITY, f64::min);
    offsets.iter().map(|offset| (offset - earliest) * INTERVAL.as_secs_f64()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lateness_counts_from_the_earliest_even_when_the_first_was_late() {
        let start = Instant::now();
        let arrivals = [120, 1000, 2050, 4000].map(|millis| start + Duration::from_millis(millis));
        let late: Vec<_> = lateness(&arrivals).iter().map(|late| (late * 1e3).round()).collect();
        assert_eq!(late, [120.0, 0.0, 50.0, 0.0]);
    }
}
