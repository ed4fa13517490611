//! Ways in for the fuzz targets: what a peer may send, without a peer.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::bounded::Bounded;
use super::{Answer, Ask, Failure, exchange, resolve};
use crate::target::TargetUrl;

/// One request to `peer`, and its response.
///
/// # Errors
///
/// As a check's.
pub async fn answer(
    peer: impl AsyncRead + AsyncWrite + Unpin,
    target: &TargetUrl,
    ask: &Ask,
) -> Result<Answer, Failure> {
    let deadline = Instant::now() + ask.timeout;
    let (stream, allowance) = Bounded::new(peer, deadline);
    exchange::exchange(stream, &allowance, target, ask, deadline).await.map(|(_, answer)| answer)
}

/// Reads what a name server sends. Whether it can be used.
pub fn dns_reply(reply: &[u8]) -> bool {
    resolve::is_reply(reply)
}
