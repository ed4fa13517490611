//! HTTP to anybody, within bounds, so that nobody can keep the others waiting.

mod body;
mod pace;

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::header::{RETRY_AFTER, SERVER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

use self::body::{Sent, UnderWay};
use self::pace::{Pace, Paced};
use crate::capability::with_bind_service;
use crate::room::Room;

/// What a server bears.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are served at most. For a further one the longest idle one is closed, or one of the address
    /// that has the most; else it is answered 503, but at `/healthz` and `/readyz`.
    pub connections: usize,
    /// How many connections beyond them are told so at once.
    pub reserve: usize,
    /// How many bytes of long bodies may wait for clients to take them; the newest two may always.
    pub bodies: usize,
    /// How long a client may take to send a request's head, from its first byte.
    pub head: Duration,
    /// How long a connection may stay open after a response, or before the first request.
    pub idle: Duration,
    /// How long a client may take nothing of an answer.
    pub write: Duration,
    /// How long requests under way may take when the process is to end.
    pub drain: Duration,
}

impl Default for Limits {
    /// What the process's limits of open files and of memory have room for; 8,192 connections at most.
    fn default() -> Self {
        let Room { connections, reserve, bodies, checks: _ } = Room::of_this_process();
        Self {
            connections,
            reserve,
            bodies,
            head: Duration::from_secs(10),
            // Load balancers reuse a connection that was idle for 60 s.
            idle: Duration::from_secs(75),
            write: Duration::from_secs(10),
            drain: Duration::from_millis(1500),
        }
    }
}

/// A longer head is answered 431. Cookies of a login in front of us take 16 KiB and more.
const MAX_HEAD: usize = 32 * 1024;

/// After an accept failed (out of files, say): time for a connection to end. It is told once a minute.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(20);
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How long sent bytes may stay unacknowledged: else a client that vanished would keep its event stream for ever.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// How many bytes wait in the kernel until the client has room for them: else each that reads slowly costs megabytes.
const UNSENT: u32 = 64 * 1024;

/// How long a connection beyond the limit may take in all.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// How long a connection that begins at the end may stay silent.
const LATE_HEAD: Duration = Duration::from_millis(100);

/// Connections that wait to be accepted, as tokio and std have it.
const BACKLOG: u32 = 1024;

/// Listens on `address`, also on a port below 1024 where this process is permitted to. `::` is every address of both
/// families, whatever the system's default is, and of IPv4 where there is no IPv6.
///
/// # Errors
///
/// When that cannot be done; names the flags and the cure.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    with_bind_service(|| match listen(address) {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && is_without_ipv6(&error) => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        listening => listening,
    })
    .map_err(|error| not_listening(address, error))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket2::SockRef::from(&socket).set_only_v6(false)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether the kernel has no IPv6, or a sandbox keeps it from us.
fn is_without_ipv6(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::PROTONOSUPPORT))
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

/// What star's daemons call themselves in each answer.
const NAME: &str = concat!("star/", env!("CARGO_PKG_VERSION"));

/// Whether an answer with these headers is one of star's: such a peer does not mind a connection that is kept.
pub fn is_star(headers: &axum::http::HeaderMap) -> bool {
    headers.get(SERVER).is_some_and(|name| name.as_bytes().starts_with(b"star/"))
}

/// Serves `app` until `shutdown`, then ends event streams and idle connections, and waits for the rest, bounded by
/// [`Limits::drain`]. New requests are answered all that time, so that `/readyz` can tell.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, shutdown: CancellationToken) {
    let app = app.merge(health(shutdown.clone()));
    let busy = health(shutdown.clone()).fallback(async || {
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], "too many connections: try again in a second\n")
    });
    let (connections, under_way) = (JoinSet::new(), UnderWay::new(limits.bodies));
    let (open, reserve) = (HashMap::new(), VecDeque::new());
    let shutting_down = shutdown.clone();
    let mut server =
        Server { listener, app, busy, limits, shutdown, connections, open, reserve, under_way, told: None };
    let serving = async {
        loop {
            server.step().await;
        }
    };
    tokio::select! {
        () = serving => {}
        () = shutting_down.cancelled() => {}
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
    /// What is served beyond the limit.
    busy: Router,
    limits: Limits,
    shutdown: CancellationToken,
    connections: JoinSet<()>,
    /// Those that count.
    open: HashMap<Id, Open>,
    /// Those beyond the limit, the oldest first.
    reserve: VecDeque<AbortHandle>,
    under_way: Arc<UnderWay>,
    /// When it was last told that no connection can be accepted.
    told: Option<Instant>,
}

/// A connection that counts.
struct Open {
    client: IpAddr,
    since: Instant,
    pace: Arc<Pace>,
}

impl Server {
    /// Waits for a connection to begin or to end.
    async fn step(&mut self) {
        tokio::select! {
            accepted = self.listener.accept() => match accepted {
                Ok((stream, peer)) => self.admit(stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())),
                Err(error) => {
                    if self.told.is_none_or(|told| told.elapsed() > TOLD_AGAIN_AFTER) {
                        self.told = Some(Instant::now());
                        tracing::warn!(%error, "a connection could not be accepted");
                    }
                    sleep(ACCEPT_AGAIN_AFTER).await;
                }
            },
            Some(ended) = self.connections.join_next_with_id() => {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        if error.is_panic() {
                            tracing::error!(%error, "a connection's task died");
                        }
                        error.id()
                    }
                };
                self.open.remove(&id);
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let client = client(peer.ip());
        if self.open.len() >= self.limits.connections && !self.make_room(client) {
            return self.refuse(stream, peer);
        }
        let pace = Pace::new();
        let (limits, open) = (self.limits, Open { client, since: Instant::now(), pace: Arc::clone(&pace) });
        let connection = Connection { stream, peer, pace, limits, app: self.app.clone() };
        let serving = connection.serve(Arc::clone(&self.under_way), self.shutdown.clone());
        self.open.insert(self.connections.spawn(serving).id(), open);
    }

    /// Tells a client that there are too many connections, and whoever asks for our health how that is. The oldest of
    /// these gives way: a kubelet asks as soon as it is connected.
    fn refuse(&mut self, stream: TcpStream, peer: SocketAddr) {
        tracing::debug!(%peer, "too many connections");
        self.reserve.retain(|connection| !connection.is_finished());
        if self.reserve.len() >= self.limits.reserve
            && let Some(oldest) = self.reserve.pop_front()
        {
            oldest.abort();
        }
        let connection = Connection { stream, peer, pace: Pace::new(), limits: self.limits, app: self.busy.clone() };
        let serving = connection.serve_once(Arc::clone(&self.under_way), BUSY_FOR);
        self.reserve.push_back(self.connections.spawn(async move {
            let _ = timeout(BUSY_FOR, serving).await;
        }));
    }

    /// Ends a connection for one of `client`: the one that waits longest for a request; or, where all are being answered, the
    /// oldest of the client that has most of them, if it has more than this one would. So one that takes all there is gives
    /// way to everybody else, and where all come from one proxy, none is cut off.
    fn make_room(&mut self, client: IpAddr) -> bool {
        let waiting = self.open.iter().filter_map(|(id, open)| Some((open.pace.waiting_since()?, *id)));
        let longest = waiting.min_by_key(|(since, _)| *since).map(|(_, id)| id);
        let Some(id) = longest.or_else(|| self.greediest(client)) else { return false };
        if let Some(open) = self.open.remove(&id) {
            open.pace.cut.cancel();
        }
        true
    }

    fn greediest(&self, client: IpAddr) -> Option<Id> {
        let mut shares = HashMap::<IpAddr, usize>::new();
        for open in self.open.values() {
            *shares.entry(open.client).or_default() += 1;
        }
        let own = shares.get(&client).copied().unwrap_or_default();
        let (greediest, share) = shares.into_iter().max_by_key(|(_, share)| *share)?;
        let connections = self.open.iter().filter(|(_, open)| share > own + 1 && open.client == greediest);
        connections.min_by_key(|(_, open)| open.since).map(|(id, _)| *id)
    }
}

/// Who is behind an address: of IPv6 a whole network of 64 bits is one client's.
fn client(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    pace: Arc<Pace>,
    limits: Limits,
    app: Router,
}

impl Connection {
    async fn serve(self, under_way: Arc<UnderWay>, shutdown: CancellationToken) {
        // One that begins while the others end has its one request answered, if that comes soon; a graceful shutdown would
        // close it unread.
        if shutdown.is_cancelled() {
            return self.serve_once(under_way, LATE_HEAD).await;
        }
        self.run(true, under_way, shutdown).await;
    }

    /// Answers one request, whose head has `within` to come.
    async fn serve_once(mut self, under_way: Arc<UnderWay>, within: Duration) {
        (self.limits.idle, self.limits.head) = (within, within.min(self.limits.head));
        self.run(false, under_way, CancellationToken::new()).await;
    }

    async fn run(self, keep_alive: bool, under_way: Arc<UnderWay>, shutdown: CancellationToken) {
        let Self { stream, peer, pace, limits, app } = self;
        let _ = stream.set_nodelay(true);
        let socket = socket2::SockRef::from(&stream);
        let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        let asked = Arc::clone(&pace);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            asked.asked();
            request.extensions_mut().insert(ConnectInfo(peer));
            let (answering, under_way, pace) = (app.clone().call(request), Arc::clone(&under_way), Arc::clone(&asked));
            async {
                let mut answered = answering.await?;
                // By this, a peer knows that a connection may be kept here.
                answered.headers_mut().insert(SERVER, HeaderValue::from_static(NAME));
                Ok::<_, Infallible>(answered.map(|body| Sent::new(body, under_way, pace)))
            }
        });
        let stream = Paced { stream, pace: Arc::clone(&pace) };
        let mut serving = pin!(
            http1::Builder::new()
                .header_read_timeout(None)
                .max_buf_size(MAX_HEAD)
                .max_header_size(MAX_HEAD)
                .keep_alive(keep_alive)
                .serve_connection(TokioIo::new(stream), service)
        );
        let mut overdue = pin!(pace.overdue(&limits));
        let ended = tokio::select! {
            biased;
            () = pace.cut.cancelled() => return,
            ended = &mut serving => ended,
            () = &mut overdue => return tracing::debug!(%peer, "a connection was too slow, or idle for too long"),
            () = shutdown.cancelled() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_address_is_of_both_families_and_an_explicit_one_is_itself() {
        let reached = async |listener: &TcpListener, host: &str| {
            let port = listener.local_addr().unwrap().port();
            TcpStream::connect((host, port)).await.is_ok()
        };
        let any = bind((Ipv6Addr::UNSPECIFIED, 0).into()).unwrap();
        assert!(reached(&any, "127.0.0.1").await);
        if any.local_addr().unwrap().is_ipv4() {
            return eprintln!("skipped: this machine has no IPv6");
        }
        assert!(reached(&any, "::1").await);
        let v4 = bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        assert!(reached(&v4, "127.0.0.1").await && !reached(&v4, "::1").await);
    }

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
