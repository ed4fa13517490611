//! The one request on a connection, and its response.

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use star_wire::observation::Reason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::rustls;

use super::{Answer, Ask, Failure, Millis, within};
use crate::target::TargetUrl;

/// A response head that is longer is not sensible HTTP.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 1000;

/// Sends a GET and waits for the response until `deadline`. Says when its head had come.
pub(super) async fn exchange<S>(
    stream: S,
    target: &TargetUrl,
    ask: &Ask,
    deadline: Instant,
) -> Result<(Instant, Answer), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let late = |what: &str| {
        let time = Millis(ask.timeout + ask.wait);
        Failure::new(Reason::ResponseTimeout, format!("connected, but no {what} came within {time}"))
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        // It is a response all the same, and so the target is reachable.
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake::<_, Empty<Bytes>>(NoShutdown(TokioIo::new(stream)))
        .await
        .map_err(|error| failure(&error))?;
    // The connection makes progress only while it is polled; it lives and ends with this function.
    let mut connection = pin!(connection);

    let mut responding = pin!(sender.send_request(request(target, ask)));
    let response = async {
        tokio::select! {
            biased;
            response = &mut responding => response,
            _ = &mut connection => responding.await,
        }
        .map_err(|error| failure(&error))
    };
    let response = within(deadline, response).await.map_err(|silence| silence.means(|| late("response")))??;
    let head_at = Instant::now();

    let (head, body) = Response::into_parts(response);
    let body = match ask.body_limit {
        None => Ok(Bytes::new()),
        Some(limit) => {
            let mut reading = pin!(read(body, limit));
            let reading = async {
                tokio::select! {
                    biased;
                    body = &mut reading => body,
                    _ = &mut connection => reading.await,
                }
            };
            within(deadline, reading).await.unwrap_or_else(|silence| Err(silence.means(|| late("whole body"))))
        }
    };
    Ok((head_at, Answer { status: head.status, headers: head.headers, body }))
}

/// hyper would shut the connection down when the whole response has come. If the peer has done so already, the peer is
/// left in TIME_WAIT; but dropped without that, the connection is closed by reset (see `connect`).
struct NoShutdown<S>(TokioIo<S>);

impl<S: AsyncRead + Unpin> Read for NoShutdown<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> Write for NoShutdown<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn request(target: &TargetUrl, ask: &Ask) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = target.path.clone().into();
    let headers = request.headers_mut();
    headers.insert(HOST, target.host_header.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("star/", env!("CARGO_PKG_VERSION"))));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.extend(ask.headers.iter().cloned());
    request
}

async fn read(body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Failure::new(Reason::InvalidResponse, format!("the body is longer than {limit} bytes")))
        }
        Err(error) => Err(match error.downcast_ref::<hyper::Error>() {
            Some(error) => failure(error),
            None => Failure::new(Reason::InvalidResponse, format!("the body could not be read: {error}")),
        }),
    }
}

/// What an error of the HTTP layer says about the peer.
fn failure(error: &hyper::Error) -> Failure {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if let Some(tls) = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Failure::new(Reason::TlsFailed, format!("the peer refused after the TLS handshake: {tls}"));
    }
    let ended = io.is_some_and(|io| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
        matches!(io.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof)
    });
    if ended || error.is_incomplete_message() || error.is_canceled() {
        let how = io.map_or_else(|| "closed by the peer".to_owned(), ToString::to_string);
        let message = format!("connected, but the connection ended before a whole response had come: {how}");
        return Failure::new(Reason::ConnectionReset, message);
    }
    let problem = match (error.is_parse_too_large(), io) {
        (true, _) => format!("the head of the response is longer than {} KiB", MAX_HEAD / 1024),
        (false, None) => format!("what came is not HTTP: {error}"),
        (false, Some(io)) => format!("the response cannot be used: {io}"),
    };
    Failure::new(Reason::InvalidResponse, format!("connected, but {problem}"))
}
