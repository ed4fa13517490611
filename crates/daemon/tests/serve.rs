//! Whatever some clients do, everybody else is answered; and the server ends in time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use star_daemon::serve::{Limits, raise_open_file_limit, serve};
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
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
        let held = Arc::new((Notify::new(), Notify::new()));
        let hold = Arc::clone(&held);
        let app = Router::new().route("/", get(async || "ok")).route("/endless", get(pending::<&str>)).route(
            "/held",
            get(async move || {
                hold.0.notify_one();
                hold.1.notified().await;
                "done"
            }),
        );
        let serving = tokio::spawn(serve(listener, app, limits, shutdown.clone()));
        Self { address, shutdown, serving, held }
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
async fn a_head_beyond_16_kib_is_told_so() {
    let server = Server::start(Limits::default()).await;
    for (size, code) in [(15, "200"), (17, "431")] {
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
    let server = Server::start(Limits { head: Duration::from_millis(200), ..Limits::default() }).await;
    closed(server.connect().await).await;
    closed(server.idle().await).await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_until_another_ends() {
    let server = Server::start(Limits { connections: 2, ..Limits::default() }).await;
    let (first, _second) = (server.idle().await, server.idle().await);
    for _ in 0..20 {
        let response = reqwest::get(format!("http://{}/", server.address)).await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        assert!(response.text().await.unwrap().contains("try again"));
    }
    drop(first);
    until(async || server.get("/").await.0, |code| *code == 200).await;
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
