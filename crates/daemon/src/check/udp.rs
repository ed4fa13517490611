//! One datagram, and its echo.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::echo::{LENGTH, Nonce};

/// How many datagrams that are not the echo are looked at: what somebody sends without end delays the other checks.
const MAX_FOREIGN: usize = 100;

/// Sends a request to `address` and waits for its echo, without end.
///
/// The socket is connected, so that it hears of ICMP errors and of nobody else, and it is new: its port is a new flow for
/// every filter between here and there.
pub(super) async fn echo(address: SocketAddr) -> io::Result<()> {
    let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(address).await?;
    let nonce = Nonce::new()?;
    socket.send(&nonce.request()).await?;
    // Longer than an echo, so that a longer datagram is known as such.
    let mut datagram = [0; LENGTH + 1];
    for _ in 0..=MAX_FOREIGN {
        let length = socket.recv(&mut datagram).await?;
        if nonce.is_echoed_by(&datagram[..length]) {
            return Ok(());
        }
    }
    pending().await
}
