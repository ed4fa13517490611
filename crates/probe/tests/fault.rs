//! Whatever one target does: its reason is right, and the others stay on schedule. On real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::any::Any;
use std::collections::HashMap;
use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use star_daemon::check::{Ask, Check, Checker, Guard, Resolver};
use star_daemon::target::TargetUrl;
use star_fixture::flood::{Leave, early, flood, trickle};
use star_fixture::probe::Probe;
use star_fixture::server::{Fixture, OK, head, p99, until};
use star_wire::observation::{Reason, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, timeout};

/// One timed test at a time: two would measure each other.
static ALONE: Mutex<()> = Mutex::const_new(());

const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_secs(1);
const HEALTHY: usize = 8;
/// Of each healthy target: more than 100 in all.
const CHECKS: usize = 13;

/// A target that something is wrong with.
struct Fault {
    url: String,
    resolver: Resolver,
    server: Option<Fixture>,
    /// What has to live as long as the fault.
    _keep: Box<dyn Any + Send>,
}

impl Fault {
    fn at(url: String, keep: impl Any + Send) -> Self {
        Self { url, resolver: no_names(), server: None, _keep: Box::new(keep) }
    }

    fn of(server: Fixture) -> Self {
        Self { server: Some(server.clone()), ..Self::at(server.url(), ()) }
    }

    /// A healthy server under a name that `resolver` is asked for.
    async fn named(resolver: Resolver) -> Self {
        let server = Fixture::answering(OK).await;
        let url = format!("http://faulty.test:{}/status", server.address.port());
        Self { url, resolver, ..Self::of(server) }
    }

    /// Checks it beside healthy targets.
    async fn gives(self, expected: Result<u16, Reason>) {
        let mut healthy = Vec::new();
        for _ in 0..HEALTHY {
            healthy.push(Fixture::answering(OK).await);
        }
        let mut urls: Vec<_> = healthy.iter().map(Fixture::url).collect();
        urls.insert(HEALTHY / 2, self.url);
        let probe = Probe::start(&urls, self.resolver, INTERVAL, TIMEOUT).await;
        let places: Vec<_> = (0..=HEALTHY).filter(|place| *place != HEALTHY / 2).collect();
        on_time(&probe, &healthy, &places, HEALTHY + 1).await;

        let targets = probe.status().await.status.targets;
        let faulty = &targets[HEALTHY / 2].observation;
        let found = match faulty.state {
            State::Reachable => Ok(faulty.status_code.unwrap()),
            _ => Err(faulty.reason),
        };
        assert_eq!(found, expected.map_err(Some), "{faulty:?}");
        if let Some(server) = &self.server {
            let most = healthy.iter().map(|server| server.arrivals().len()).max().unwrap() + 1;
            let asked = server.arrivals().len();
            assert!(asked <= most, "{asked} connections in {most} checks");
        }

        let mut servers: Vec<_> = healthy.iter().map(Some).collect();
        servers.insert(HEALTHY / 2, self.server.as_ref().filter(|_| expected.is_ok()));
        for (target, server) in targets.iter().zip(servers) {
            let Some(server) = server else { continue };
            // Well before it: both are rounded.
            let second = star_wire::now() - server.arrivals()[1].elapsed() - Duration::from_millis(10);
            let found = &target.observation;
            assert!(found.state == State::Reachable && found.since.unwrap() < second, "flipped: {target:?}");
        }
        probe.stop().await;
    }
}

/// Waits until the `healthy` targets, which stand at these places of `count`, are checked on time.
async fn on_time(probe: &Probe, healthy: &[Fixture], places: &[usize], count: usize) {
    // Other work on this machine comes and goes; what a fault does to other targets, it does all the time.
    let late = async || {
        let phases = places.iter().map(|place| probe.started + INTERVAL * *place as u32 / count as u32);
        let recent = |(server, phase): (&Fixture, _)| {
            server.arrivals().last_chunk::<CHECKS>().map(|last| lateness(last, phase, INTERVAL))
        };
        let late: Vec<_> = healthy.iter().zip(phases).map(recent).collect::<Option<Vec<_>>>()?.concat();
        late.iter().min().map(|start| p99(late.clone()) - *start)
    };
    until(late, |late| late.is_some_and(|late| late <= Duration::from_millis(50))).await;
}

/// How late each arrival was for its slot: one slot an interval, the first at `phase`, each with an arrival.
fn lateness(arrivals: &[Instant], phase: Instant, interval: Duration) -> Vec<Duration> {
    let first = (arrivals[0] - phase).as_nanos() / interval.as_nanos();
    (first as u32..).zip(arrivals).map(|(slot, at)| at.saturating_duration_since(phase + interval * slot)).collect()
}

/// For URLs with addresses: nobody answers there.
fn no_names() -> Resolver {
    Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1)
}

macro_rules! beside_healthy_targets {
    ($($name:ident: $fault:expr => $expected:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let _alone = ALONE.lock().await;
            $fault.gives($expected).await;
        }
    )*};
}

beside_healthy_targets! {
    accepting_and_never_answering_is_a_response_timeout:
        Fault::of(Fixture::start(hang).await) => Err(Reason::ResponseTimeout);
    a_body_without_end_is_reachable: Fault::of(Fixture::start(endless_body).await) => Ok(200);
    a_reset_amid_the_head_is_a_connection_reset:
        Fault::of(Fixture::start(reset_amid_head).await) => Err(Reason::ConnectionReset);
    a_close_amid_the_head_is_a_connection_reset: answering("HTTP/1.1 200 OK\r\nContent-").await => Err(Reason::ConnectionReset);
    another_protocol_is_an_invalid_response: answering("SSH-2.0-OpenSSH_9.9\r\n").await => Err(Reason::InvalidResponse);
    a_body_of_10_mb_is_reachable: answering(ten_megabytes()).await => Ok(200);
    a_redirect_is_reachable_and_never_followed:
        answering("HTTP/1.1 302 Found\r\nLocation: /status\r\nContent-Length: 0\r\n\r\n").await => Ok(302);
    a_body_that_is_not_utf8_is_reachable:
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe").await => Ok(200);
    a_status_line_of_wrong_bytes_is_an_invalid_response: answering(b"HTTP/1.1 2\xff0 OK\r\n\r\n").await => Err(Reason::InvalidResponse);
    a_head_of_1_mb_is_an_invalid_response:
        answering(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20))).await => Err(Reason::InvalidResponse);
    interim_responses_without_end_are_an_invalid_response: flooding("", EARLY_HINTS).await => Err(Reason::InvalidResponse);
    continuing_without_end_is_an_invalid_response:
        flooding("", "HTTP/1.1 100 Continue\r\n\r\n").await => Err(Reason::InvalidResponse);
    header_lines_without_end_are_an_invalid_response:
        flooding("HTTP/1.1 200 OK\r\n", "a: b\r\n").await => Err(Reason::InvalidResponse);
    a_header_line_without_end_is_an_invalid_response:
        flooding("HTTP/1.1 200 OK\r\na: ", "bbbb").await => Err(Reason::InvalidResponse);
    blank_lines_without_end_are_an_invalid_response: flooding("", "\r\n").await => Err(Reason::InvalidResponse);
    a_chunk_size_without_end_is_reachable: flooding(CHUNKED, "0").await => Ok(200);
    a_byte_at_a_time_is_a_response_timeout: trickling("HTTP/1.1 200 OK\r\n", "x").await => Err(Reason::ResponseTimeout);
    an_interim_response_at_a_time_is_a_response_timeout: trickling("", EARLY_HINTS).await => Err(Reason::ResponseTimeout);
    a_closed_port_is_a_connection_refused: closed_port() => Err(Reason::ConnectionRefused);
    a_tls_handshake_that_hangs_is_a_tls_failure: hanging_tls().await => Err(Reason::TlsFailed);
    syns_dropped_in_silence_are_a_connect_timeout: dropped_syns().await => Err(Reason::ConnectTimeout);
    a_name_that_does_not_exist_is_a_dns_failure: named(&[], |_, _| Some(NO_SUCH_NAME)).await => Err(Reason::DnsFailed);
    a_silent_name_server_is_a_dns_timeout: named(&[], |_, _| None).await => Err(Reason::DnsTimeout);
    a_silent_name_server_stays_a_dns_timeout_though_other_search_domains_do_not_exist:
        named(&["one.test", "two.test"], silent_for_the_first_domain).await => Err(Reason::DnsTimeout);
    a_name_server_that_fails_is_a_dns_failure: named(&[], |_, _| Some(SERVER_FAILURE)).await => Err(Reason::DnsFailed);
    a_name_server_that_fails_and_then_answers_changes_no_verdict:
        named(&["one.test"], fails_every_other_time).await => Ok(200);
    a_dead_name_server_beside_one_that_fails_at_first_changes_no_verdict: named_by_the_second_of_two().await => Ok(200);
    lost_dns_packets_change_no_verdict: named(&[], every_fourth).await => Ok(200);
    an_answer_too_long_for_a_datagram_comes_over_tcp: named_by_tcp().await => Ok(200);
}

async fn answering(answer: impl Into<Vec<u8>>) -> Fault {
    Fault::of(Fixture::answering(answer).await)
}

const EARLY_HINTS: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn flooding(first: &str, again: &str) -> Fault {
    Fault::of(flood(first, again).await)
}

async fn trickling(first: &str, again: &str) -> Fault {
    Fault::of(trickle(first, again, Duration::from_millis(20)).await)
}

async fn hang(_open: TcpStream) {
    pending().await
}

async fn endless_body(mut stream: TcpStream) {
    head(&mut stream).await;
    let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    while sent.is_ok() {
        sent = stream.write_all(&[b'x'; 1024]).await;
    }
}

async fn reset_amid_head(mut stream: TcpStream) {
    head(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-").await.unwrap();
    stream.set_zero_linger().unwrap();
}

fn ten_megabytes() -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n".to_vec();
    answer.resize(answer.len() + 10_000_000, b'x');
    answer
}

fn closed_port() -> Fault {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    Fault::at(format!("http://{}/", socket.local_addr().unwrap()), socket)
}

async fn hanging_tls() -> Fault {
    let server = Fixture::start(hang).await;
    Fault { url: server.url().replace("http:", "https:"), ..Fault::of(server) }
}

async fn dropped_syns() -> Fault {
    let full = Full::listen().await;
    Fault::at(format!("http://{}/", full.listener.local_addr().unwrap()), full)
}

/// A listener whose backlog is full: the kernel drops further SYNs without a word.
struct Full {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Full {
    async fn listen() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(0).unwrap();
        let mut waiting = Vec::new();
        let connect = || TcpStream::connect(listener.local_addr().unwrap());
        while let Ok(connected) = timeout(Duration::from_millis(100), connect()).await {
            waiting.push(connected.unwrap());
            assert!(waiting.len() < 16, "this kernel's backlog never fills");
        }
        Self { listener, _waiting: waiting }
    }
}

/// What a name server answers: flags with a response code, and perhaps an address.
type Reply = (u16, Option<[u8; 4]>);
const LOOPBACK: Reply = (0x8180, Some([127, 0, 0, 1]));
const SERVER_FAILURE: Reply = (0x8182, None);
const NO_SUCH_NAME: Reply = (0x8183, None);
const TRUNCATED: Reply = (0x8380, None);

fn silent_for_the_first_domain(question: &[u8], _: usize) -> Option<Reply> {
    (!question.windows(3).any(|part| part == b"one")).then_some(NO_SUCH_NAME)
}

fn fails_every_other_time(_: &[u8], time: usize) -> Option<Reply> {
    Some(if time.is_multiple_of(2) { LOOPBACK } else { SERVER_FAILURE })
}

fn every_fourth(_: &[u8], time: usize) -> Option<Reply> {
    time.is_multiple_of(4).then_some(LOOPBACK)
}

/// A server under a name of which `reply` tells.
async fn named(search: &[&str], reply: fn(&[u8], usize) -> Option<Reply>) -> Fault {
    Fault::named(Resolver::from_servers(&[name_server(reply).await], search, 5)).await
}

/// The first of two name servers is dead, and the second fails at first.
async fn named_by_the_second_of_two() -> Fault {
    let servers = [name_server(|_, _| None).await, name_server(fails_every_other_time).await];
    Fault::named(Resolver::from_servers(&servers, &[], 5)).await
}

/// The address does not fit into a datagram.
async fn named_by_tcp() -> Fault {
    let address = name_server(|_, _| Some(TRUNCATED)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Who has the address that it needs leaves before the other kind's answer.
            let Ok(length) = stream.read_u16().await else { continue };
            let mut packet = vec![0; length.into()];
            if stream.read_exact(&mut packet).await.is_ok() {
                let answer = answer_to(&packet, LOOPBACK);
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                let _ = stream.write_all(&[&length, &*answer].concat()).await;
            }
        }
    });
    Fault::named(Resolver::from_servers(&[address], &[], 5)).await
}

/// A name server that does `reply` to each question, which comes the nth time; `None` is silence.
async fn name_server(reply: fn(&[u8], usize) -> Option<Reply>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut packet, mut times) = ([0; 512], HashMap::<_, usize>::new());
        loop {
            let (_, from) = socket.recv_from(&mut packet).await.unwrap();
            let question = question(&packet);
            let time = times.entry(question.to_vec()).or_default();
            *time += 1;
            if let Some(reply) = reply(question, *time) {
                socket.send_to(&answer_to(&packet, reply), from).await.unwrap();
            }
        }
    });
    address
}

/// What follows a header of 12 bytes: labels up to an empty one; type and class.
fn question(packet: &[u8]) -> &[u8] {
    let labels = packet[12..].iter().position(|byte| *byte == 0).unwrap();
    &packet[12..12 + labels + 5]
}

fn answer_to(packet: &[u8], (flags, address): Reply) -> Vec<u8> {
    let counts = [0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0];
    let mut answer = [&packet[..2], &flags.to_be_bytes(), &counts, question(packet)].concat();
    if let Some(address) = address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address);
    }
    answer
}

async fn check(url: &str, ask: Ask) -> Check {
    let checker = Checker::new(no_names(), Guard::Open);
    checker.check(&TargetUrl::parse(url).unwrap(), &ask).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_syns_change_no_verdict() {
    let _alone = ALONE.lock().await;
    let Full { listener, _waiting } = Full::listen().await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        // For so long the kernel drops every SYN.
        sleep(Duration::from_millis(300)).await;
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                head(&mut stream).await;
                let _ = stream.write_all(OK.as_bytes()).await;
            });
        }
    });
    let check = check(&url, Ask::head(TIMEOUT)).await;
    assert!(check.outcome.is_ok() && check.phases.attempts > 1, "{check:?}");
}

#[tokio::test]
async fn a_verdict_that_is_noticed_late_is_a_local_error() {
    let _alone = ALONE.lock().await;
    let silent = named(&[], |_, _| None).await;
    let faults = [silent, dropped_syns().await, hanging_tls().await, Fault::of(Fixture::start(hang).await)];
    for Fault { url, resolver, .. } in faults {
        let checker = Checker::new(resolver, Guard::Open);
        let (target, ask) = (TargetUrl::parse(&url).unwrap(), Ask::head(Duration::from_millis(300)));
        let stall = async {
            // Well inside the check, and long beyond its deadline.
            sleep(Duration::from_millis(100)).await;
            std::thread::sleep(Duration::from_millis(700));
        };
        let (check, ()) = tokio::join!(checker.check(&target, &ask), stall);
        assert_eq!(check.outcome.unwrap_err().reason, Reason::LocalError, "{url}");
    }
}

#[tokio::test]
async fn a_head_beyond_64_kib_is_an_invalid_response() {
    let _alone = ALONE.lock().await;
    for (size, expected) in [(60, Ok(())), (70, Err(Reason::InvalidResponse))] {
        let server = Fixture::answering(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(size * 1024))).await;
        let outcome = check(&server.url(), Ask::head(TIMEOUT)).await.outcome;
        assert_eq!(outcome.map(|_| ()).map_err(|failure| failure.reason), expected, "{size} KiB");
    }
}

/// For what is not a matter of time: a machine that is busy changes nothing.
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_never_ends_is_told_as_what_it_is() {
    let _alone = ALONE.lock().await;
    for (first, again, part) in [
        ("", EARLY_HINTS, "answers 1xx without end"),
        (
            "",
            &EARLY_HINTS.replace("\r\n\r\n", &format!("\r\na: {}\r\n\r\n", "b".repeat(2000))),
            "64 KiB of interim responses",
        ),
        ("HTTP/1.1 200 OK\r\n", "a: b\r\n", "no end within 64 KiB and 1000 lines"),
        ("HTTP/1.1 200 OK\r\na: ", "b", "no end within 64 KiB"),
        ("", "\r\n", "no end within 64 KiB"),
    ] {
        let failure = check(&flood(first, again).await.url(), Ask::head(LONG)).await.outcome.unwrap_err();
        assert!(failure.reason == Reason::InvalidResponse && failure.message.contains(part), "{failure:?}");
    }
    let slow = trickle("", EARLY_HINTS, Duration::from_millis(20)).await;
    let failure = check(&slow.url(), Ask::head(TIMEOUT)).await.outcome.unwrap_err();
    assert!(failure.message.contains("nothing but interim responses (1xx) came within 1 s"), "{failure:?}");
}

#[tokio::test]
async fn a_body_without_end_leaves_its_target_reachable_and_itself_unusable() {
    let _alone = ALONE.lock().await;
    const LIMIT: usize = 1 << 20;
    let begun = |rest: &str| format!("{CHUNKED}{rest}");
    for (first, again, part) in [
        (begun(""), "0", "no end within 1048576 bytes"),
        (begun(""), "1\r\nx\r\n", "no end within 1048576 bytes"),
        (begun("2;a="), "a", "cannot be used"),
        (begun("0\r\n"), "a: b\r\n", "cannot be used"),
        ("HTTP/1.1 200 OK\r\n\r\n".to_owned(), "x", "longer than 1048576 bytes"),
    ] {
        let ask = Ask { body_limit: Some(LIMIT), ..Ask::head(LONG) };
        let answer = check(&flood(&first, again).await.url(), ask).await.outcome.unwrap();
        let failure = answer.body.unwrap_err();
        assert!(failure.reason == Reason::InvalidResponse && failure.message.contains(part), "{again}: {failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_floods_delay_neither_the_checks_of_others_nor_the_status() {
    let _alone = ALONE.lock().await;
    let mut healthy = Vec::new();
    for _ in 0..HEALTHY {
        healthy.push(Fixture::answering(OK).await);
    }
    let floods = [
        flood("", EARLY_HINTS).await,
        flood("", "HTTP/1.1 100 Continue\r\n\r\n").await,
        flood("HTTP/1.1 200 OK\r\n", "a: b\r\n").await,
        flood("", "\r\n").await,
    ];
    let urls: Vec<_> = healthy.iter().chain(&floods).map(Fixture::url).collect();
    let probe = Probe::start(&urls, no_names(), INTERVAL, TIMEOUT).await;
    let places: Vec<_> = (0..HEALTHY).collect();
    let status = async || timeout(LONG, probe.status()).await.expect("no status").status.targets;
    let told = until(status, |targets| targets.iter().all(|target| target.observation.state != State::Pending)).await;
    on_time(&probe, &healthy, &places, urls.len()).await;
    for (place, target) in told.iter().enumerate() {
        let expected = if place < HEALTHY { None } else { Some(Reason::InvalidResponse) };
        assert_eq!(target.observation.reason, expected, "{target:?}");
    }
    probe.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_before_the_request_counts() {
    let _alone = ALONE.lock().await;
    const BUSY: &str = "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
    const UNFRAMED: &str = "HTTP/1.1 503 Busy\r\n\r\nno";
    for (text, leave) in [(BUSY, Leave::Close), (UNFRAMED, Leave::Close), (BUSY, Leave::Reset)] {
        let server = early(text, leave).await;
        for turn in 0..100 {
            // As the probe asks, and as the collector does.
            let ask = Ask { body_limit: (turn % 2 == 1).then_some(1024), ..Ask::head(LONG) };
            let answer = check(&server.url(), ask)
                .await
                .outcome
                .unwrap_or_else(|failure| panic!("{leave:?} {turn}: {failure:?}"));
            assert_eq!(answer.status, 503);
            // Nobody can tell whether a body that ends with the connection is whole if that was reset.
            let whole = answer.body.as_deref().is_ok_and(|body| body == b"no");
            assert!(turn % 2 == 0 || text == UNFRAMED || whole, "{leave:?} {turn}: {:?}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_check_leaves_no_socket_in_time_wait() {
    let _alone = ALONE.lock().await;
    let closing = Fixture::answering(OK).await;
    let keeping = Fixture::start(async |mut stream| while answer(&mut stream).await {}).await;
    for server in [&closing, &keeping] {
        // As the probe asks, and as the collector does.
        for body_limit in [None, Some(1024)] {
            for _ in 0..20 {
                check(&server.url(), Ask { body_limit, ..Ask::head(TIMEOUT) }).await.outcome.unwrap();
            }
        }
    }
    let ports = [&closing, &keeping].map(|server| format!(":{:04X}", server.address.port()));
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    // Number, local address, remote address, state: 06 is TIME_WAIT.
    let waiting = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[3] == "06" && ports.iter().any(|port| fields[1].ends_with(port) || fields[2].ends_with(port))
    };
    assert_eq!(table.lines().skip(1).filter(waiting).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Answers a request and keeps the connection.
async fn answer(stream: &mut TcpStream) -> bool {
    head(stream).await.is_some() && stream.write_all(OK.as_bytes()).await.is_ok()
}

#[tokio::test]
async fn every_check_is_one_request_on_a_connection_of_its_own() {
    let _alone = ALONE.lock().await;
    let (sender, mut requests) = mpsc::unbounded_channel();
    let server = Fixture::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            while let Some(head) = head(&mut stream).await {
                sender.send(head).unwrap();
                let _ = stream.write_all(OK.as_bytes()).await;
            }
        }
    })
    .await;
    let probe = Probe::start(&[server.url()], no_names(), INTERVAL, TIMEOUT).await;
    until(async || requests.len(), |requests| *requests >= 5).await;
    probe.stop().await;
    assert_eq!(requests.len(), server.arrivals().len());
    let head = requests.recv().await.unwrap();
    for line in ["GET /status HTTP/1.1", &format!("host: {}", server.address), "connection: close"] {
        assert!(head.lines().any(|found| found.eq_ignore_ascii_case(line)), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_checks_are_spread_over_the_interval() {
    let _alone = ALONE.lock().await;
    let mut servers = Vec::new();
    for _ in 0..HEALTHY {
        servers.push(Fixture::answering(OK).await);
    }
    let urls: Vec<_> = servers.iter().map(Fixture::url).collect();
    let interval = Duration::from_millis(800);
    let probe = Probe::start(&urls, no_names(), interval, interval).await;
    let firsts = async || servers.iter().filter_map(|server| server.arrivals().first().copied()).collect::<Vec<_>>();
    let firsts = until(firsts, |firsts| firsts.len() == HEALTHY).await;
    let due = (0..HEALTHY).map(|place| interval.mul_f64(place as f64 / HEALTHY as f64).as_secs_f64());
    let late: Vec<_> = firsts.iter().zip(due).map(|(at, due)| (*at - probe.started).as_secs_f64() - due).collect();
    let spread = late.iter().copied().fold(f64::MIN, f64::max) - late.iter().copied().fold(f64::MAX, f64::min);
    // All at once would be 0.7 s.
    assert!(spread < 0.2, "{late:?}");
    probe.stop().await;
}
