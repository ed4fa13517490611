//! Whatever some clients do, everybody else is answered; and the server ends in time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::pending;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use star_daemon::room::raise_open_file_limit;
use star_daemon::serve::{Limits, serve};
use star_fixture::server::{p99, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    /// That the request at `/held` has come, and that it may end.
    held: Arc<(Notify, Notify)>,
    /// How many bodies of `/big` and `/shared` are in memory.
    bodies: Arc<()>,
}

/// A body, counted while it is in memory.
struct Big(Vec<u8>, #[expect(dead_code, reason = "it counts")] Arc<()>);

impl AsRef<[u8]> for Big {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// More than sockets take of an answer that nobody reads.
const BIG: usize = 16 << 20;

fn big(count: &Arc<()>) -> Bytes {
    Bytes::from_owner(Big(vec![b'x'; BIG], Arc::clone(count)))
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let held = Arc::new((Notify::new(), Notify::new()));
        let (hold, bodies) = (Arc::clone(&held), Arc::new(()));
        let (count, shared) = (Arc::clone(&bodies), big(&Arc::default()));
        let app = Router::new().route("/", get(async || "ok")).route("/endless", get(pending::<&str>)).route(
            "/held",
            get(async move || {
                hold.0.notify_one();
                hold.1.notified().await;
                "done"
            }),
        );
        let app = app.route("/big", get(async move || big(&count))).route("/shared", get(async move || shared.clone()));
        let serving = tokio::spawn(serve(listener, app, limits, shutdown.clone()));
        Self { address, shutdown, serving, held, bodies }
    }

    /// The status code of an answer on a new connection, and how long it took.
    async fn get(&self, path: &str) -> (u16, Duration) {
        let started = Instant::now();
        let response = reqwest::get(format!("http://{}{path}", self.address)).await.unwrap();
        (response.status().as_u16(), started.elapsed())
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// An open connection that has had an answer.
    async fn idle(&self) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = [0; 4096];
        assert!(stream.read(&mut answer).await.unwrap() > 0);
        stream
    }

    /// A connection that has asked for `path`.
    async fn asking(&self, path: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        stream
    }

    /// How long a shutdown takes.
    async fn stop(self) -> Duration {
        let started = Instant::now();
        self.shutdown.cancel();
        timeout(Duration::from_secs(5), self.serving).await.expect("it does not end").unwrap();
        started.elapsed()
    }
}

/// Waits until the server closes the connection.
async fn closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // By reset is as good.
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("it stays open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_dribble_are_cut_off_and_delay_nobody() {
    let head = Duration::from_secs(1);
    let server = Server::start(Limits { head, ..Limits::default() }).await;
    let mut dribbling = JoinSet::new();
    for _ in 0..100 {
        let started = Instant::now();
        let mut stream = server.connect().await;
        dribbling.spawn(async move {
            let mut pause = interval(Duration::from_millis(50));
            let (mut reader, mut writer) = stream.split();
            let dribble = async {
                for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: ".iter().chain(&[b'x'; 1000]) {
                    pause.tick().await;
                    let _ = writer.write_all(&[*byte]).await;
                }
            };
            let mut answer = Vec::new();
            tokio::select! {
                () = dribble => panic!("it was never cut off"),
                _ = reader.read_to_end(&mut answer) => started.elapsed(),
            }
        });
    }
    let mut took = Vec::new();
    while !dribbling.is_empty() {
        let (code, time) = server.get("/").await;
        assert_eq!(code, 200);
        took.push(time);
        while let Some(ended) = dribbling.try_join_next() {
            let after = ended.unwrap();
            assert!(after >= head && after < head * 2, "cut off after {after:?}");
        }
    }
    let p99 = p99(took);
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_idle_connections_delay_nobody() {
    raise_open_file_limit();
    let server = Server::start(Limits::default()).await;
    let mut open = Vec::new();
    for _ in 0..1000 {
        open.push(server.connect().await);
        open.push(server.idle().await);
    }
    for _ in 0..20 {
        let (code, took) = server.get("/").await;
        assert!(code == 200 && took < Duration::from_millis(500), "{code} after {took:?}");
    }
}

#[tokio::test]
async fn a_head_beyond_32_kib_is_told_so() {
    let server = Server::start(Limits::default()).await;
    for (size, code) in [(31, "200"), (33, "431")] {
        let mut stream = server.connect().await;
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: {}\r\n\r\n", "x".repeat(size * 1024));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {code}"), "{size} KiB");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time() {
    let server = Server::start(Limits { idle: Duration::from_millis(200), ..Limits::default() }).await;
    closed(server.connect().await).await;
    closed(server.idle().await).await;
}

#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    assert!(Limits::default().idle > Duration::from_secs(60), "load balancers reuse them for as long");
    let server = Server::start(Limits { head: Duration::from_millis(300), ..Limits::default() }).await;
    let (mut idle, mut fresh) = (server.idle().await, server.connect().await);
    let mut slow = server.idle().await;
    slow.write_all(b"G").await.unwrap();
    // By now the others have been idle for longer than that, too.
    closed(slow).await;
    for stream in [&mut idle, &mut fresh] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = [0; 15];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
}

#[tokio::test]
async fn the_connection_that_is_idle_for_longest_gives_way_to_a_new_one() {
    let server = Server::start(Limits { connections: 3, ..Limits::default() }).await;
    let endless = server.asking("/endless").await;
    let (first, mut second) = (server.idle().await, server.idle().await);
    assert_eq!(server.get("/").await.0, 200);
    closed(first).await;
    second.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(second.read(&mut [0; 64]).await.unwrap() > 0);
    assert!(endless.try_read(&mut [0; 1]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
}

#[tokio::test]
async fn where_all_are_being_answered_one_more_is_told_so_and_health_is_answered() {
    let server = Server::start(Limits { connections: 2, reserve: 4, ..Limits::default() }).await;
    let (first, _second) = (server.asking("/endless").await, server.asking("/endless").await);
    // Asked for is not yet being answered.
    let response = async || reqwest::get(format!("http://{}/", server.address)).await.unwrap();
    until(async || response().await.status().as_u16(), |code| *code == 503).await;
    // Silent ones beyond the limit keep nobody from asking.
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(server.connect().await);
        let response = response().await;
        assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        assert!(response.text().await.unwrap().contains("try again"));
        for path in ["/healthz", "/readyz"] {
            assert_eq!((server.get(path).await.0, path), (200, path));
        }
    }
    drop(first);
    until(async || server.get("/").await.0, |code| *code == 200).await;
}

#[tokio::test]
async fn one_client_that_takes_all_connections_gives_way_to_another() {
    let server = Server::start(Limits { connections: 4, ..Limits::default() }).await;
    let mut greedy = Vec::new();
    for _ in 0..4 {
        greedy.push(server.asking("/endless").await);
    }
    until(async || server.get("/").await.0, |code| *code == 503).await;
    let other = reqwest::Client::builder().local_address(IpAddr::from([127, 0, 0, 2])).build().unwrap();
    assert_eq!(other.get(format!("http://{}/", server.address)).send().await.unwrap().status(), 200);
    closed(greedy.remove(0)).await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_closed_and_one_that_takes_it_slowly_is_not() {
    let server = Server::start(Limits { write: Duration::from_millis(300), ..Limits::default() }).await;
    let _never = server.asking("/big").await;
    let mut slow = server.asking("/shared").await;
    until(async || Arc::strong_count(&server.bodies), |count| *count == 3).await;
    let mut answer = vec![0; 1 << 20];
    // Its body is gone before the slow one has had a part of its own.
    until(
        async || {
            slow.read_exact(&mut answer[..4096]).await.unwrap();
            Arc::strong_count(&server.bodies)
        },
        |count| *count == 2,
    )
    .await;
    slow.read_exact(&mut answer).await.unwrap();
}

#[tokio::test]
async fn bodies_that_are_not_taken_are_bounded_and_those_who_came_first_go() {
    let server = Server::start(Limits { bodies: 4 * BIG, ..Limits::default() }).await;
    let (mut readers, mut most) = (Vec::new(), 0);
    for _ in 0..20 {
        let mut reader = server.asking("/big").await;
        // Its body is under way.
        reader.read_exact(&mut [0; 4096]).await.unwrap();
        readers.push(reader);
        most = most.max(Arc::strong_count(&server.bodies));
    }
    until(async || Arc::strong_count(&server.bodies), |count| *count <= 2 + 4).await;
    assert!(most <= 2 + 4 + 4, "{most} at once");
    let last = readers.pop().unwrap();
    assert!(rest(last).await > BIG - 4096, "the last was cut off");
    assert!(rest(readers.remove(0)).await < BIG - 4096, "the first was not cut off");
}

#[tokio::test]
async fn a_body_that_many_read_counts_once() {
    let server = Server::start(Limits { bodies: BIG, ..Limits::default() }).await;
    let mut readers = JoinSet::new();
    for _ in 0..20 {
        readers.spawn(rest(server.asking("/shared").await));
    }
    while let Some(size) = readers.join_next().await {
        assert!(size.unwrap() > BIG);
    }
}

/// How many bytes come before the connection's end, or until the answer is whole.
async fn rest(mut stream: TcpStream) -> usize {
    let (mut buffer, mut count) = (vec![0; 1 << 20], 0);
    loop {
        match timeout(Duration::from_millis(1000), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) | Err(_) => return count,
            Ok(Ok(size)) => count += size,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_end_requests_under_way_finish_and_new_ones_are_told() {
    // Which of two events is seen first is a matter of luck.
    for _ in 0..20 {
        let server = Server::start(Limits::default()).await;
        assert_eq!(server.get("/readyz").await.0, 200);
        let idle = server.idle().await;
        let (held, url) = (Arc::clone(&server.held), format!("http://{}/held", server.address));
        let under_way = tokio::spawn(async { reqwest::get(url).await.unwrap().text().await.unwrap() });
        held.0.notified().await;

        server.shutdown.cancel();
        assert_eq!(server.get("/readyz").await.0, 503);
        assert_eq!(server.get("/healthz").await.0, 200);
        closed(idle).await;
        assert!(!server.serving.is_finished());
        held.1.notify_one();
        assert_eq!(under_way.await.unwrap(), "done");
        let took = server.stop().await;
        assert!(took < Duration::from_millis(500), "{took:?}");
    }
}

#[tokio::test]
async fn a_request_without_end_holds_the_end_up_no_longer_than_the_drain() {
    let drain = Duration::from_millis(300);
    let server = Server::start(Limits { drain, ..Limits::default() }).await;
    let mut endless = server.connect().await;
    endless.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // It is under way when a later one has been answered.
    server.idle().await;
    let took = server.stop().await;
    assert!(took >= drain && took < drain + Duration::from_millis(500), "{took:?}");
    closed(endless).await;
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let server = Server::start(Limits::default()).await;
    let _open = (server.idle().await, server.connect().await);
    let took = server.stop().await;
    assert!(took < Duration::from_millis(500), "{took:?}");
}
