//! A peer's bytes, within bounds.
//!
//! It lies below TLS, so that nothing that a peer sends goes uncounted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::time::Instant;

/// How many bytes a peer may send before its part is over (the TLS handshake, the head of the response), and how many
/// more than a body itself the framing of that body may take.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// How many bytes are read in one turn: what they cost to parse delays the other tasks, and an interim response of 27
/// bytes costs as much as one of 1,000.
const MAX_READ: usize = 4 * 1024;

/// The same for a body, which costs little to read.
const MAX_BODY_READ: usize = 64 * 1024;

/// How much a peer may still send: the socket counts it, and who knows what it is for grants it.
#[derive(Debug)]
pub(super) struct Allowance {
    left: AtomicUsize,
    read: AtomicUsize,
}

impl Allowance {
    /// From now on another [`MAX_BYTES`].
    pub(super) fn renew(&self) {
        self.left.store(MAX_BYTES, Relaxed);
    }

    /// No more.
    pub(super) fn end(&self) {
        self.left.store(0, Relaxed);
    }

    /// From now on a body of `limit` bytes, and its framing.
    pub(super) fn grant_body(&self, limit: usize) {
        self.left.store(limit.saturating_add(MAX_BYTES), Relaxed);
        self.read.store(MAX_BODY_READ, Relaxed);
    }
}

/// The peer sent all that it may, and its part was not over.
#[derive(Debug, thiserror::Error)]
#[error("more than {} KiB came before it was over", MAX_BYTES / 1024)]
pub(super) struct Flood;

/// A connection whose peer can neither hold up other tasks nor send without end, and whose answer counts though the
/// request could not be sent.
#[derive(Debug)]
pub(super) struct Bounded<S> {
    stream: Take<S>,
    allowance: Arc<Allowance>,
    deadline: Instant,
    turn: Turn,
    /// Why nothing can be sent any more: it matters only if nothing came.
    unsent: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    /// Nothing has come yet.
    First,
    /// The other tasks had theirs.
    Ours,
    /// Something was read: now the other tasks, and the deadline.
    Others,
    /// The deadline had passed before the last read.
    Over,
}

impl<S: AsyncRead> Bounded<S> {
    /// `stream` until `deadline`, with [`MAX_BYTES`] to come; and what grants more.
    pub(super) fn new(stream: S, deadline: Instant) -> (Self, Arc<Allowance>) {
        let allowance = Arc::new(Allowance { left: MAX_BYTES.into(), read: MAX_READ.into() });
        let stream = stream.take(0);
        (Self { stream, allowance: Arc::clone(&allowance), deadline, turn: Turn::First, unsent: None }, allowance)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.turn {
            Turn::First | Turn::Ours => {}
            Turn::Others => {
                // What reads in a loop (hyper over interim responses, rustls over empty records) pauses here.
                this.turn = Turn::Ours;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // The timer wakes us.
            Turn::Over => return Poll::Pending,
        }
        let left = this.allowance.left.load(Relaxed);
        if left == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Flood)));
        }
        let limit = left.min(this.allowance.read.load(Relaxed)) as u64;
        this.stream.set_limit(limit);
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let count = (limit - this.stream.limit()) as usize;
        if count == 0
            && this.turn == Turn::First
            && let Some(error) = this.unsent.take()
        {
            return Poll::Ready(Err(error));
        }
        this.allowance.left.store(left - count, Relaxed);
        // One read after the deadline: what had come by then counts.
        this.turn = if Instant::now() < this.deadline { Turn::Others } else { Turn::Over };
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(this.stream.get_mut()).poll_write(cx, buf));
        Poll::Ready(written.or_else(|error| {
            // The peer may have answered before it closed: what is there to be read decides.
            this.unsent = Some(error);
            Ok(buf.len())
        }))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().stream.get_mut()).poll_shutdown(cx)
    }
}
