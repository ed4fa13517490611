//! An echo over UDP: what a check of a `udp` target asks for, and what a probe answers.
//!
//! A datagram is a mark of eight bytes and a nonce of sixteen. Request and reply bear different marks, and a reply is as
//! long as its request: two echoes cannot keep each other busy, and nobody can use one to send more than he spends.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

/// What a request begins with.
const ASKED: &[u8; MARK] = b"star?\0\0\x01";
/// What a reply begins with.
const ECHOED: &[u8; MARK] = b"star!\0\0\x01";

const MARK: usize = 8;
const LENGTH: usize = MARK + 16;

/// How many requests are answered in a second. More are passed over: whoever asks a probe once a second is far below it.
const ANSWERS: u32 = 1000;
const SECOND: Duration = Duration::from_secs(1);

/// What one check sends, and by which it knows its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nonce([u8; LENGTH - MARK]);

impl Nonce {
    /// One that nobody else has and nobody can guess.
    pub(crate) fn new() -> io::Result<Self> {
        let mut nonce = [0; LENGTH - MARK];
        rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty())?;
        Ok(Self(nonce))
    }

    /// The datagram that asks for it.
    pub(crate) fn request(self) -> [u8; LENGTH] {
        marked(ASKED, &self.0)
    }

    /// Whether `datagram` is the answer.
    pub(crate) fn is_echoed_by(self, datagram: &[u8]) -> bool {
        datagram == marked(ECHOED, &self.0)
    }
}

fn marked(mark: &[u8; MARK], nonce: &[u8]) -> [u8; LENGTH] {
    let mut datagram = [0; LENGTH];
    datagram[..MARK].copy_from_slice(mark);
    datagram[MARK..].copy_from_slice(nonce);
    datagram
}

/// Listens on `address`; where that is `::`, for IPv4 as well.
///
/// # Errors
///
/// When that cannot be done; names the flag.
pub fn bind(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    use anyhow::Context;
    let bind = || -> io::Result<UdpSocket> {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        UdpSocket::from_std(socket.into())
    };
    bind().with_context(|| format!("cannot listen on --udp-port={}; choose another port", address.port()))
}

/// Answers the requests that come to `socket`, and nothing else. Never ends.
pub async fn serve(socket: UdpSocket) {
    // Longer than a request, so that a longer datagram is known as such.
    let mut datagram = [0; LENGTH + 1];
    let (mut since, mut answered) = (Instant::now(), 0);
    loop {
        // An error is an earlier reply's, which somebody refused.
        let Ok((length, peer)) = socket.recv_from(&mut datagram).await else { continue };
        let Some(nonce) = datagram[..length].strip_prefix(ASKED).filter(|_| length == LENGTH) else { continue };
        if since.elapsed() >= SECOND {
            (since, answered) = (Instant::now(), 0);
        }
        if answered < ANSWERS {
            answered += 1;
            // A full buffer loses a reply, as a network would.
            let _ = socket.try_send_to(&marked(ECHOED, nonce), peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    async fn echo() -> SocketAddr {
        let socket = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(serve(socket));
        address
    }

    async fn client(of: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(of).await.unwrap();
        socket
    }

    async fn answer(client: &UdpSocket) -> Vec<u8> {
        let mut datagram = [0; 100];
        let length = timeout(Duration::from_secs(20), client.recv(&mut datagram)).await.expect("silence").unwrap();
        datagram[..length].to_vec()
    }

    #[tokio::test]
    async fn a_request_is_echoed_and_nothing_else_is_answered() {
        let client = client(echo().await).await;
        let (first, last) = (Nonce::new().unwrap(), Nonce::new().unwrap());
        client.send(&first.request()).await.unwrap();
        let reply = answer(&client).await;
        assert!(first.is_echoed_by(&reply) && !last.is_echoed_by(&reply));
        assert_eq!(reply.len(), first.request().len());
        let request = first.request();
        for odd in [&reply[..], b"", b"star?", &request[..LENGTH - 1], &[&request[..], b"!"].concat(), &[0; LENGTH]] {
            client.send(odd).await.unwrap();
        }
        client.send(&last.request()).await.unwrap();
        assert!(last.is_echoed_by(&answer(&client).await), "something before it was answered");
    }

    #[tokio::test]
    async fn a_flood_is_answered_in_part_and_leaves_the_echo_at_work() {
        let (address, nonce) = (echo().await, Nonce::new().unwrap());
        let client = client(address).await;
        let (started, mut answered) = (Instant::now(), 0);
        for _ in 0..10 * ANSWERS {
            let _ = client.send(&nonce.request()).await;
            while client.try_recv(&mut [0; LENGTH]).is_ok() {
                answered += 1;
            }
        }
        let seconds = u32::try_from(started.elapsed().as_secs()).unwrap() + 1;
        assert!((1..=ANSWERS * (seconds + 1)).contains(&answered), "{answered} in {seconds} s");
        assert!(answered < 10 * ANSWERS, "all {answered} in {seconds} s");
        let later = Nonce::new().unwrap();
        let answer = async {
            loop {
                client.send(&later.request()).await.unwrap();
                let mut datagram = [0; LENGTH];
                while let Ok(Ok(length)) = timeout(Duration::from_millis(50), client.recv(&mut datagram)).await {
                    if later.is_echoed_by(&datagram[..length]) {
                        return;
                    }
                }
            }
        };
        timeout(Duration::from_secs(20), answer).await.expect("it answers no more");
    }
}
