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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::advance;

    use super::*;

    fn noon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    fn poll<S: AsyncRead + Unpin>(stream: &mut Bounded<S>) -> Poll<io::Result<usize>> {
        let (mut bytes, mut cx) = (vec![0; 1 << 17], Context::from_waker(std::task::Waker::noop()));
        let mut buf = ReadBuf::new(&mut bytes);
        Pin::new(stream).poll_read(&mut cx, &mut buf).map_ok(|()| buf.filled().len())
    }

    #[tokio::test]
    async fn after_each_read_the_others_have_a_turn() {
        let (mut stream, allowance) = Bounded::new(&[0; MAX_BYTES][..], noon());
        for _ in 0..3 {
            assert!(matches!(poll(&mut stream), Poll::Ready(Ok(MAX_READ))));
            assert!(poll(&mut stream).is_pending());
        }
        allowance.grant_body(MAX_BODY_READ);
        assert!(matches!(poll(&mut stream), Poll::Ready(Ok(count)) if count == MAX_BYTES - 3 * MAX_READ));
        assert!(poll(&mut stream).is_pending());
    }

    #[tokio::test]
    async fn beyond_what_was_granted_nothing_is_read() {
        let endless = vec![0; 1 << 20];
        let (mut stream, allowance) = Bounded::new(&*endless, noon());
        let mut read = Vec::new();
        assert!(
            stream.read_to_end(&mut read).await.is_err_and(|error| error.get_ref().is_some_and(|e| e.is::<Flood>()))
        );
        assert_eq!(read.len(), MAX_BYTES);
        allowance.grant_body(1000);
        assert!(stream.read_to_end(&mut read).await.is_err());
        assert_eq!(read.len(), 2 * MAX_BYTES + 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_had_come_by_the_deadline_is_read_and_then_no_more() {
        let (mut stream, _) = Bounded::new(&[0; MAX_BYTES][..], noon());
        assert!(poll(&mut stream).is_ready() && poll(&mut stream).is_pending());
        advance(Duration::from_secs(2)).await;
        assert!(poll(&mut stream).is_ready());
        for _ in 0..3 {
            assert!(poll(&mut stream).is_pending());
        }
    }

    #[tokio::test]
    async fn that_a_write_failed_is_told_only_where_nothing_came() {
        for (said, expected) in [("", Err(io::ErrorKind::BrokenPipe)), ("HTTP/1.1 503", Ok(12))] {
            let (ours, mut theirs) = duplex(64);
            theirs.write_all(said.as_bytes()).await.unwrap();
            drop(theirs);
            let (mut stream, _) = Bounded::new(ours, noon());
            stream.write_all(b"GET").await.unwrap();
            let read = stream.read_to_end(&mut Vec::new()).await;
            assert_eq!(read.map_err(|error| error.kind()), expected);
        }
    }
}
