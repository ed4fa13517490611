//! HTTP to anybody, within bounds, so that nobody can keep the others waiting.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::capability::with_bind_service;

/// What a server bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are open at most; a further one is answered 503 and closed.
    pub connections: usize,
    /// How long a client may take to send a request's head; an idle connection is closed after it, too.
    pub head: Duration,
    /// How long requests under way may take when the process is to end.
    pub drain: Duration,
}

impl Default for Limits {
    /// 8,192 connections, or as many as half of the files that may be open: checks need the others.
    fn default() -> Self {
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files / 2).ok());
        let connections = files.unwrap_or(usize::MAX).min(8192);
        Self { connections, head: Duration::from_secs(10), drain: Duration::from_millis(1500) }
    }
}

/// A longer head is answered 431. Else heads that never end could hold 400 KB each.
const MAX_HEAD: usize = 16 * 1024;

/// After an accept failed (out of files, say): time for a connection to end.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// How long sent bytes may stay unacknowledged: else a client that vanished would keep its event stream for ever.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// How many connections beyond the limit are told so, and how long each may take to ask; further ones are just closed.
const REFUSED: usize = 64;
const REFUSED_FOR: Duration = Duration::from_secs(1);

/// How long a connection that begins at the end may stay silent.
const LATE_HEAD: Duration = Duration::from_millis(100);

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
content-type: text/plain; charset=utf-8\r\ncontent-length: 44\r\n\r\ntoo many connections: try again in a second\n";

/// Connections that wait to be accepted, as tokio and std have it.
const BACKLOG: u32 = 1024;

/// Listens on `address`, also on a port below 1024 where this process is permitted to.
///
/// # Errors
///
/// When that cannot be done; names the flags and the cure.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    with_bind_service(|| {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    })
    .map_err(|error| not_listening(address, error))
}

fn not_listening(address: SocketAddr, error: io::Error) -> anyhow::Error {
    let cure = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "a port this low needs one of: the capability NET_BIND_SERVICE (in a pod, securityContext.capabilities.add; \
             elsewhere, setcap cap_net_bind_service+p on the program); the sysctl \
             net.ipv4.ip_unprivileged_port_start=0; a higher --http-port, which the Service names as its targetPort"
        }
        _ => "choose another port or address",
    };
    let (ip, port) = (address.ip(), address.port());
    anyhow!("cannot listen on --http-address={ip} --http-port={port}: {error}; {cure}")
}

/// Serves `app` until `shutdown`, then ends event streams and idle connections, and waits for the rest, bounded by
/// [`Limits::drain`]. New requests are answered all that time, so that `/readyz` can tell.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, shutdown: CancellationToken) {
    let app = app.merge(health(shutdown.clone()));
    let mut server = Server { listener, app, limits, shutdown: shutdown.clone(), connections: JoinSet::new() };
    let serving = async {
        loop {
            server.step().await;
        }
    };
    tokio::select! {
        () = serving => {}
        () = shutdown.cancelled() => {}
    }
    let draining = async {
        while !server.connections.is_empty() {
            server.step().await;
        }
    };
    if timeout(limits.drain, draining).await.is_err() {
        tracing::warn!(connections = server.connections.len(), "requests were still under way at the end");
    }
}

struct Server {
    listener: TcpListener,
    app: Router,
    limits: Limits,
    shutdown: CancellationToken,
    connections: JoinSet<()>,
}

impl Server {
    /// Waits for a connection to begin or to end.
    async fn step(&mut self) {
        tokio::select! {
            accepted = self.listener.accept() => match accepted {
                Ok((stream, _)) if self.connections.len() >= self.limits.connections => {
                    tracing::debug!("too many connections");
                    if self.connections.len() < self.limits.connections + REFUSED {
                        self.connections.spawn(refuse(stream));
                    }
                }
                Ok((stream, peer)) => {
                    let serving = connection(stream, peer, self.app.clone(), self.limits.head, self.shutdown.clone());
                    self.connections.spawn(serving);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_AGAIN_AFTER).await;
                }
            },
            Some(ended) = self.connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task died");
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, head: Duration, shutdown: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().call(request)
    });
    // One that begins while the others end has its one request answered, if that comes soon; a graceful shutdown would
    // close it unread.
    let late = shutdown.is_cancelled();
    let head = if late { head.min(LATE_HEAD) } else { head };
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_buf_size(MAX_HEAD)
            .keep_alive(!late)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        biased;
        ended = &mut serving => ended,
        () = shutdown.cancelled(), if !late => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// Tells a client that there are too many. Not before it asked: many take an answer that comes first for nonsense.
async fn refuse(mut stream: TcpStream) {
    let asked = timeout(REFUSED_FOR, stream.read(&mut [0; 4096])).await;
    if let Ok(Ok(1..)) = asked {
        let _ = stream.try_write(BUSY);
    }
}

/// `/healthz`: the process serves. `/readyz`: and is not about to end.
fn health(shutdown: CancellationToken) -> Router {
    let ready = move || {
        let shutdown = shutdown.clone();
        async move {
            match shutdown.is_cancelled() {
                false => (StatusCode::OK, "ready\n").into_response(),
                true => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response(),
            }
        }
    };
    Router::new().route("/healthz", get(|| async { Ok::<_, Infallible>("ok\n") })).route("/readyz", get(ready))
}

/// Raises the limit of open files as far as it may be: each check and each client needs one.
pub fn raise_open_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_needs_a_privilege_names_the_three_cures() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let told = not_listening(SocketAddr::from(([0, 0, 0, 0], 80)), denied).to_string();
        for cure in ["--http-port=80: ", "NET_BIND_SERVICE", "ip_unprivileged_port_start=0", "targetPort"] {
            assert!(told.contains(cure), "{cure} is not in: {told}");
        }
        assert_eq!(told.lines().count(), 1);
    }
}
