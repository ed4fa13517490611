//! What a connection is doing, and until when it may.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Limits;

/// What a connection does since when; told by its socket and its requests, read by whoever has to end it.
///
/// hyper has one timer for a head that is slow and for a connection that is idle. A load balancer reuses connections that
/// were idle for a minute, and a head may not take that long.
#[derive(Debug)]
pub(super) struct Pace {
    started: Instant,
    /// Milliseconds since then, times four, plus what it does.
    phase: AtomicU64,
    /// Since when the client takes nothing, in milliseconds and one; 0: it does.
    stalled: AtomicU64,
    /// Ends the connection: its room is needed.
    pub(super) cut: CancellationToken,
}

/// No byte of a request has come since the last response.
const IDLE: u64 = 0;
/// The first byte of a head has come, the last one has not.
const HEAD: u64 = 1;
/// A request is being answered.
const ANSWERING: u64 = 2;

impl Pace {
    pub(super) fn new() -> Arc<Self> {
        let (started, cut) = (Instant::now(), CancellationToken::new());
        Arc::new(Self { started, phase: AtomicU64::new(IDLE), stalled: AtomicU64::new(0), cut })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX >> 3)
    }

    fn at(&self, millis: u64) -> Instant {
        self.started + Duration::from_millis(millis)
    }

    fn enter(&self, phase: u64) {
        self.phase.store(self.now() << 2 | phase, Ordering::Relaxed);
    }

    fn phase(&self) -> (u64, Instant) {
        let phase = self.phase.load(Ordering::Relaxed);
        (phase & 3, self.at(phase >> 2))
    }

    /// A request has come whole.
    pub(super) fn asked(&self) {
        self.enter(ANSWERING);
    }

    /// Its answer has been handed to the socket.
    pub(super) fn answered(&self) {
        self.enter(IDLE);
    }

    fn heard(&self) {
        if self.phase().0 == IDLE {
            self.enter(HEAD);
        }
    }

    fn stalled(&self) {
        let _ = self.stalled.compare_exchange(0, self.now() + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn taken(&self) {
        self.stalled.store(0, Ordering::Relaxed);
    }

    /// Since when it waits for a request; `None` while one is being answered.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let (phase, since) = self.phase();
        (phase != ANSWERING).then_some(since)
    }

    /// Ends when the connection is to be closed. To be polled by the connection's own task: what moves the end wakes it.
    pub(super) async fn overdue(&self, limits: &Limits) {
        let mut timer = pin!(sleep(limits.idle));
        poll_fn(|cx| {
            loop {
                let Some(due) = self.due(limits) else { return Poll::Pending };
                if due <= Instant::now() {
                    return Poll::Ready(());
                }
                if timer.is_elapsed() || due < timer.deadline() {
                    timer.as_mut().reset(due);
                }
                ready!(timer.as_mut().poll(cx));
            }
        })
        .await;
    }

    /// When it is to be closed if nothing happens; `None` while that is the request's own matter.
    fn due(&self, limits: &Limits) -> Option<Instant> {
        let due = match self.phase() {
            (IDLE, since) => Some(since + limits.idle),
            (HEAD, since) => Some(since + limits.head),
            _ => None,
        };
        let stalled = match self.stalled.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(self.at(millis - 1) + limits.write),
        };
        due.into_iter().chain(stalled).min()
    }
}

/// A socket that tells the pace.
pub(super) struct Paced {
    pub(super) stream: TcpStream,
    pub(super) pace: Arc<Pace>,
}

impl Paced {
    fn sent(&self, sent: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match sent {
            Poll::Pending => self.pace.stalled(),
            Poll::Ready(_) => self.pace.taken(),
        }
        sent
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pace.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.sent(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.sent(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
