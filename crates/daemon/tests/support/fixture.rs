//! Servers on loopback that do as a test wants, right or wrong; and waiting for what must come.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fmt::Debug;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// What the healthy answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server; it ends with the test's runtime.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

impl Fixture {
    /// A server that does `behave` on each connection.
    pub(crate) async fn start<F>(behave: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fixture = Self { address: listener.local_addr().unwrap(), arrivals: Arc::default() };
        let arrivals = Arc::clone(&fixture.arrivals);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                arrivals.lock().unwrap().push(Instant::now());
                tokio::spawn(behave(stream));
            }
        });
        fixture
    }

    /// A server that sends `answer` to every request and closes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                if head(&mut stream).await.is_some() {
                    // The client may have had enough of it.
                    let _ = stream.write_all(&answer).await;
                }
            }
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/status", self.address)
    }

    /// When each connection came.
    pub(crate) fn arrivals(&self) -> Vec<Instant> {
        self.arrivals.lock().unwrap().clone()
    }
}

/// The head of the next request, if one comes.
pub(crate) async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// The value below which 99 of 100 are.
pub(crate) fn p99(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values[(values.len() * 99).div_ceil(100) - 1]
}

/// Asks until `accept` says yes; fails with what it saw last.
pub(crate) async fn until<T: Debug>(mut ask: impl AsyncFnMut() -> T, accept: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let seen = ask().await;
        if accept(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "still {seen:#?}");
        sleep(Duration::from_millis(10)).await;
    }
}
