//! Any bytes as a peer's answer, once or for ever, in pieces of any size.
#![no_main]

use std::io;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use star_daemon::check::{Ask, fuzzing};
use star_daemon::target::TargetUrl;
use star_fuzz::{bounded, longest_poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// As much as a peer sends that has no end: more than anybody takes.
const ENDLESS: usize = 4 * 1024 * 1024;

/// Its clock stands still while there is work, and goes on by itself where only time is waited for.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().start_paused(true).build().expect("it needs nothing"));
static TARGET: LazyLock<TargetUrl> = LazyLock::new(|| TargetUrl::parse("http://a/status").expect("it is one"));

fuzz_target!(|input: &[u8]| {
    let Some(([how, size], answer)) = input.split_first_chunk() else { return };
    let body_limit = (how & 1 > 0).then_some(1 << 20);
    let ask = Ask { body_limit, ..Ask::head(Duration::from_secs(1)) };
    let total = if how & 2 > 0 && !answer.is_empty() { ENDLESS } else { answer.len() };
    let piece = if *size == 0 { usize::MAX } else { usize::from(*size) };
    bounded(|| {
        let peer = Peer { answer, at: 0, total, piece, silent: how & 4 > 0, deaf: how & 8 > 0 };
        RUNTIME.block_on(longest_poll(fuzzing::answer(peer, &TARGET, &ask)))
    });
});

/// Sends `answer` again and again, up to `total` bytes.
struct Peer<'a> {
    answer: &'a [u8],
    at: usize,
    total: usize,
    piece: usize,
    /// At its end it says nothing more; else it closes.
    silent: bool,
    /// It takes no request.
    deaf: bool,
}

impl AsyncRead for Peer<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.at >= self.total && self.silent {
            return Poll::Pending;
        }
        let most = self.piece.min(self.total - self.at.min(self.total)).min(buf.remaining());
        let until = self.at + most;
        while self.at < until {
            let rest = &self.answer[self.at % self.answer.len()..];
            let part = &rest[..rest.len().min(until - self.at)];
            buf.put_slice(part);
            self.at += part.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(if self.deaf { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(buf.len()) })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
