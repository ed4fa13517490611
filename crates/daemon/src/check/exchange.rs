//! The one request on a connection, and its response.

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::ext::on_informational;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use star_wire::observation::Reason;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::rustls;

use super::bounded::{Allowance, Flood, MAX_BYTES};
use super::{Answer, Ask, Failure, Millis, within};
use crate::target::TargetUrl;

/// A response head with more lines is not sensible HTTP, nor is one of more than [`MAX_BYTES`].
const MAX_HEADERS: usize = 1000;

/// More interim responses are not sensible either, and each costs as much as a response.
const MAX_INTERIM: usize = 100;

/// Sends a GET and waits for the response until `deadline`. Says when its head had come.
///
/// `allowance` is that of the [`Bounded`](super::bounded::Bounded) below `stream`.
pub(super) async fn exchange<S>(
    stream: S,
    allowance: &Arc<Allowance>,
    target: &TargetUrl,
    ask: &Ask,
    deadline: Instant,
) -> Result<(Instant, Answer), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let late = |what: &str| {
        let time = Millis(ask.timeout + ask.wait);
        Failure::new(Reason::ResponseTimeout, format!("connected, but {what} came within {time}"))
    };
    allowance.renew();
    let (mut sender, connection) = open(stream).await?;
    // The connection makes progress only while it is polled; it lives and ends with this function.
    let mut connection = pin!(connection);

    let mut request = request(target, ask);
    let interim = Arc::new(AtomicUsize::new(0));
    let (counted, bound) = (Arc::clone(&interim), Arc::clone(allowance));
    on_informational(&mut request, move |_| {
        if counted.fetch_add(1, Relaxed) >= MAX_INTERIM {
            bound.end();
        }
    });
    let mut responding = pin!(sender.send_request(request));
    let response = async {
        tokio::select! {
            biased;
            response = &mut responding => response,
            _ = &mut connection => responding.await,
        }
        .map_err(|error| {
            let interim = interim.load(Relaxed);
            if interim == 0 || !is_flood(&error) {
                return failure(&error);
            }
            let problem = match interim > MAX_INTERIM {
                true => {
                    format!("the peer answers 1xx without end: more than {MAX_INTERIM} interim responses, and no other")
                }
                false => format!("{} KiB of interim responses (1xx) came, and no whole other", MAX_BYTES / 1024),
            };
            Failure::new(Reason::InvalidResponse, format!("connected, but {problem}"))
        })
    };
    let silent = || late(if interim.load(Relaxed) > 0 { "nothing but interim responses (1xx)" } else { "no response" });
    let response = within(deadline, response).await.map_err(|silence| silence.means(silent))??;
    let head_at = Instant::now();

    let (head, body) = Response::into_parts(response);
    let body = match ask.body_limit {
        None => Ok(Bytes::new()),
        Some(limit) => {
            allowance.grant_body(limit);
            let mut reading = pin!(read(body, limit));
            let reading = async {
                tokio::select! {
                    biased;
                    body = &mut reading => body,
                    _ = &mut connection => reading.await,
                }
            };
            within(deadline, reading).await.unwrap_or_else(|silence| Err(silence.means(|| late("no whole body"))))
        }
    };
    Ok((head_at, Answer { status: head.status, headers: head.headers, body }))
}

/// A connection for requests; it makes progress only while its second half is polled.
pub(super) async fn open<S>(
    stream: S,
) -> Result<(SendRequest<Empty<Bytes>>, Connection<AskFirst<S>, Empty<Bytes>>), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    http1::Builder::new()
        .max_header_size(MAX_BYTES)
        .max_headers(MAX_HEADERS)
        // It is a response all the same, and so the target is reachable.
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(AskFirst { stream: TokioIo::new(stream), asked: false })
        .await
        .map_err(|error| failure(&error))
}

/// A connection on which the request goes first, and which is dropped rather than shut down.
///
/// hyper would take an answer that came before the request for a fault. It would also shut the connection down when the
/// whole response has come: if the peer has done so already, the peer is left in TIME_WAIT; but dropped without that, the
/// connection is closed by reset (see `connect`).
pub(super) struct AskFirst<S> {
    stream: TokioIo<S>,
    asked: bool,
}

impl<S: AsyncRead + Unpin> Read for AskFirst<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.asked {
            // The first write wakes us: it is in the same task.
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> Write for AskFirst<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !std::mem::replace(&mut self.asked, true) {
            cx.waker().wake_by_ref();
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn request(target: &TargetUrl, ask: &Ask) -> Request<Empty<Bytes>> {
    let mut request = head(target);
    *request.method_mut() = Method::GET;
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    request.headers_mut().extend(ask.headers.iter().cloned());
    request
}

/// A HEAD for the target, on a connection that stays.
pub(super) fn head(target: &TargetUrl) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::HEAD;
    *request.uri_mut() = target.path.clone().into();
    let headers = request.headers_mut();
    headers.insert(HOST, target.host_header.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("star/", env!("CARGO_PKG_VERSION"))));
    request
}

/// Not with `Limited` and `collect`, which keep a chunk of one byte at the price of forty.
async fn read(mut body: Incoming, limit: usize) -> Result<Bytes, Failure> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match is_flood(&error) {
            true => Failure::new(Reason::InvalidResponse, format!("the body has no end within {limit} bytes")),
            false => failure(&error),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - whole.len() {
            return Err(Failure::new(Reason::InvalidResponse, format!("the body is longer than {limit} bytes")));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// What of an error of the HTTP layer is the connection's.
fn io(error: &hyper::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

fn is_flood(error: &hyper::Error) -> bool {
    io(error).and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<Flood>())
}

/// What an error of the HTTP layer says about the peer.
fn failure(error: &hyper::Error) -> Failure {
    let io = io(error);
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
    let problem = match io {
        _ if error.is_parse_too_large() || is_flood(error) => {
            format!("the head of the response has no end within {} KiB and {MAX_HEADERS} lines", MAX_BYTES / 1024)
        }
        None => format!("what came is not HTTP: {error}"),
        Some(io) => format!("the response cannot be used: {io}"),
    };
    Failure::new(Reason::InvalidResponse, format!("connected, but {problem}"))
}
