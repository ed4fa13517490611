//! What a check asks of a tcp and of a udp target, and what it makes of the answer. On real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use star_daemon::check::{Ask, Check, Checker, Guard, Resolver};
use star_daemon::echo;
use star_daemon::target::TargetUrl;
use star_fixture::probe::Probe;
use star_fixture::process::Process;
use star_fixture::server::{Fixture, Full, until};
use star_wire::observation::{Observation, Reason, State};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc;

const PROBE: &str = env!("CARGO_BIN_EXE_star-probe");
const TIMEOUT: Duration = Duration::from_secs(1);
/// For what is not a matter of time: a machine that is busy changes nothing.
const LONG: Duration = Duration::from_secs(20);

fn resolver() -> Resolver {
    Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1)
}

async fn check_with(resolver: Resolver, url: &str, timeout: Duration) -> Check {
    Checker::new(resolver, Guard::Open).check(&TargetUrl::parse(url).unwrap(), &Ask::head(timeout)).await
}

async fn check(url: &str, timeout: Duration) -> Check {
    check_with(resolver(), url, timeout).await
}

/// The reason, and the sentence.
fn why(check: &Check) -> (Reason, &str) {
    let failure = check.outcome.as_ref().expect_err("it is reachable");
    (failure.reason, &failure.message)
}

/// An address at which nobody listens, for as long as the socket is held.
fn closed_tcp() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// The same for UDP: who is connected elsewhere takes nothing from anybody else.
async fn closed_udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect("127.0.0.1:9").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A peer that does `answer` with each datagram, the nth that came; and who sent them.
async fn peer<F>(at: &str, answer: F) -> (SocketAddr, Arc<Mutex<Vec<SocketAddr>>>)
where
    F: Fn(usize, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
{
    let socket = UdpSocket::bind(at).await.unwrap();
    let (address, senders) = (socket.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
    let seen = Arc::clone(&senders);
    tokio::spawn(async move {
        let mut datagram = [0; 2048];
        for time in 1.. {
            let (length, from) = socket.recv_from(&mut datagram).await.unwrap();
            seen.lock().unwrap().push(from);
            for reply in answer(time, &datagram[..length]) {
                let _ = socket.send_to(&reply, from).await;
            }
        }
    });
    (address, senders)
}

/// What the echo answers to `request`: written out, for it is read by probes of other versions.
fn echoed(request: &[u8]) -> Vec<u8> {
    assert_eq!((request.len(), &request[..8]), (24, &b"star?\0\0\x01"[..]));
    [b"star!\0\0\x01", &request[8..]].concat()
}

async fn echo_at(at: &str) -> SocketAddr {
    let socket = echo::bind(at.parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(echo::serve(socket));
    address
}

/// A resolver that knows `name.test` as `addresses`, from a hosts file.
fn hosts(name: &str, addresses: &[&str]) -> Resolver {
    let folder = star_fixture::process::folder(name);
    let (hosts, conf) = (folder.join("hosts"), folder.join("resolv.conf"));
    let lines: String = addresses.iter().map(|address| format!("{address} name.test\n")).collect();
    std::fs::write(&hosts, lines).unwrap();
    std::fs::write(&conf, "nameserver 127.0.0.1\n").unwrap();
    Resolver::from_files([&hosts, &conf])
}

#[tokio::test]
async fn a_tcp_target_is_reachable_by_a_connection_alone_which_is_reset() {
    // It says nothing, as Postgres does until it is asked.
    let (ended, mut ends) = mpsc::unbounded_channel();
    let server = Fixture::start(move |mut stream: TcpStream| {
        let ended = ended.clone();
        async move {
            ended.send(stream.read(&mut [0]).await.map_err(|error| error.kind())).unwrap();
        }
    })
    .await;
    let check = check(&format!("tcp://{}", server.address), LONG).await;
    let Observation { state, status_code, latency_ms, address, reason, .. } = check.observation();
    assert_eq!((state, status_code, address, reason), (State::Reachable, None, Some(server.address), None));
    assert!(check.phases.connect.is_some() && check.phases.response.is_none(), "{check:?}");
    assert_eq!(check.latency(), check.phases.connect);
    assert!(latency_ms.is_some_and(|latency| latency > 0.0));
    assert_eq!(ends.recv().await.unwrap(), Err(std::io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_tcp_target_that_refuses_or_is_silent_says_so() {
    let (_keep, address) = closed_tcp();
    let refused = check(&format!("tcp://{address}"), LONG).await;
    let sentence = format!("{address} refuses connections: nobody listens there, or a policy rejects");
    assert_eq!(why(&refused), (Reason::ConnectionRefused, &*sentence));

    let full = Full::listen().await;
    let address = full.listener.local_addr().unwrap();
    let silent = check(&format!("tcp://{address}"), TIMEOUT).await;
    let (reason, sentence) = why(&silent);
    assert!(reason == Reason::ConnectTimeout && sentence.contains("not answered by"), "{sentence}");
    assert_eq!(silent.latency(), None);
}

#[tokio::test]
async fn a_udp_target_is_reachable_by_its_echo() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let address = echo_at(at).await;
        let check = check(&format!("udp://{address}"), LONG).await;
        let observation = check.observation();
        assert_eq!((observation.state, observation.status_code), (State::Reachable, None), "{check:?}");
        assert_eq!(observation.address, Some(address));
        assert!(check.phases.connect.is_none() && check.phases.response.is_some(), "{check:?}");
        assert_eq!(check.latency(), check.phases.response);
    }
}

#[tokio::test]
async fn an_echo_at_all_addresses_answers_over_both_families() {
    let port = echo_at("[::]:0").await.port();
    for host in ["127.0.0.1", "[::1]"] {
        assert!(check(&format!("udp://{host}:{port}"), LONG).await.outcome.is_ok(), "{host}");
    }
}

#[tokio::test]
async fn a_udp_target_that_refuses_says_so_at_once() {
    let (_keep, address) = closed_udp().await;
    let refused = check(&format!("udp://{address}"), LONG).await;
    let sentence = format!("{address} refuses datagrams: nobody listens there, or a policy rejects");
    assert_eq!(why(&refused), (Reason::ConnectionRefused, &*sentence));
    assert_eq!(refused.phases.attempts, 1);
}

#[tokio::test]
async fn a_silent_udp_target_is_no_answer_which_says_what_udp_cannot_tell() {
    let (address, senders) = peer("127.0.0.1:0", |_, _| Vec::new()).await;
    let silent = check(&format!("udp://{address}"), TIMEOUT).await;
    let sentence = format!("no echo from {address} within 1 s: a policy drops it, or nobody is there; UDP cannot tell");
    assert_eq!(why(&silent), (Reason::NoAnswer, &*sentence));
    let mut ports: Vec<_> = senders.lock().unwrap().iter().map(SocketAddr::port).collect();
    assert_eq!(ports.len(), 4, "hedged as a connection is");
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 4, "each attempt is a flow of its own");
}

#[tokio::test]
async fn lost_datagrams_change_no_verdict() {
    let (address, senders) =
        peer("127.0.0.1:0", |time, request| if time < 3 { Vec::new() } else { vec![echoed(request)] }).await;
    let check = check(&format!("udp://{address}"), LONG).await;
    assert!(check.outcome.is_ok() && check.phases.attempts >= 3, "{check:?}");
    assert!(senders.lock().unwrap().len() >= 3);
}

#[tokio::test]
async fn what_is_not_the_echo_is_ignored() {
    let wrong = |request: &[u8]| {
        let echo = echoed(request);
        let other = [&echo[..23], &[!echo[23]]].concat();
        // What was sent, another nonce, too short, too long, nothing.
        vec![request.to_vec(), other, echo[..23].to_vec(), [&*echo, b"!"].concat(), Vec::new()]
    };
    let (address, _) = peer("127.0.0.1:0", move |_, request| wrong(request)).await;
    assert_eq!(why(&check(&format!("udp://{address}"), TIMEOUT).await).0, Reason::NoAnswer);
    let (address, _) = peer("127.0.0.1:0", move |_, request| [wrong(request), vec![echoed(request)]].concat()).await;
    assert!(check(&format!("udp://{address}"), LONG).await.outcome.is_ok());
}

#[tokio::test]
async fn an_echo_from_another_address_is_ignored() {
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut datagram = [0; 64];
        loop {
            let (length, from) = socket.recv_from(&mut datagram).await.unwrap();
            other.send_to(&echoed(&datagram[..length]), from).await.unwrap();
        }
    });
    assert_eq!(why(&check(&format!("udp://{address}"), TIMEOUT).await).0, Reason::NoAnswer);
}

#[tokio::test]
async fn of_several_addresses_the_first_that_answers_counts() {
    for (scheme, folder) in [("tcp", "several-tcp"), ("udp", "several-udp")] {
        // One that refuses, and behind it one that answers.
        let good = if scheme == "tcp" {
            Fixture::start(async |stream: TcpStream| drop(stream)).await.address
        } else {
            echo_at("127.0.0.1:0").await
        };
        let resolver = hosts(folder, &["127.0.0.3", "127.0.0.1"]);
        let check = check_with(resolver, &format!("{scheme}://name.test:{}", good.port()), LONG).await;
        assert!(check.outcome.is_ok(), "{check:?}");
        assert_eq!((check.phases.address, check.phases.attempts), (Some(good), 2));
        assert!(check.phases.dns.is_some());
    }
    // One that is silent, and one that answers.
    let (silent, senders) = peer("127.0.0.3:0", |_, _| Vec::new()).await;
    let good = echo_at(&format!("127.0.0.1:{}", silent.port())).await;
    let resolver = hosts("silent-udp", &["127.0.0.3", "127.0.0.1"]);
    let check = check_with(resolver, &format!("udp://name.test:{}", good.port()), LONG).await;
    assert!(check.outcome.is_ok() && check.phases.address == Some(good), "{check:?}");
    assert_eq!(senders.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_guard_holds_for_every_scheme() {
    for url in ["tcp://169.254.169.254:80", "udp://169.254.169.254:53", "udp://[::ffff:169.254.1.1]:53"] {
        let checker = Checker::new(resolver(), Guard::NoLinkLocal);
        let check = checker.check(&TargetUrl::parse(url).unwrap(), &Ask::head(TIMEOUT)).await;
        assert_eq!((why(&check).0, check.phases.attempts), (Reason::AddressRefused, 0));
    }
}

#[tokio::test]
async fn a_flood_of_other_datagrams_delays_nobody() {
    let (address, _) = peer("127.0.0.1:0", |_, request| vec![vec![0; request.len()]; 5000]).await;
    let good = echo_at("127.0.0.1:0").await;
    let (bad, good) = (format!("udp://{address}"), format!("udp://{good}"));
    let (flooded, reached) = tokio::join!(check(&bad, TIMEOUT), check(&good, LONG));
    assert!(reached.outcome.is_ok(), "{reached:?}");
    assert_eq!(why(&flooded).0, Reason::NoAnswer);
}

#[tokio::test]
async fn a_status_tells_tcp_and_udp_targets_as_it_tells_others() {
    let server = Fixture::start(async |stream: TcpStream| drop(stream)).await;
    let (echo, (_keep, closed)) = (echo_at("127.0.0.1:0").await, closed_udp().await);
    let urls = [format!("tcp://{}", server.address), format!("udp://{echo}"), format!("udp://{closed}")];
    let probe = Probe::start(&urls, resolver(), Duration::from_millis(200), Duration::from_millis(200)).await;
    let found = until(
        async || probe.status().await.status.targets,
        |targets| targets.iter().all(|target| target.observation.state != State::Pending),
    )
    .await;
    // The original reads these two and no more.
    let old: Vec<_> = found.iter().map(|target| (target.reachable, target.url.clone())).collect();
    let [tcp, udp, refused] = urls;
    assert_eq!(old, [(true, tcp), (true, udp), (false, refused)]);
    assert_eq!(found[2].observation.reason, Some(Reason::ConnectionRefused));
    probe.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_echoes_and_checks_by_scheme() {
    let mut probe = Process::start(PROBE, &["--urls=", "--udp-port=0"], &[]);
    let (http, udp) = (probe.address(), probe.address());
    assert_eq!(udp.ip(), Ipv4Addr::LOCALHOST, "where it serves HTTP");
    let urls = [format!("tcp://{http}"), format!("udp://{udp}")];
    let end = Process::start(PROBE, &["check", &urls[0], &urls[1]], &[]).end();
    assert_eq!((end.code, &*end.stderr), (Some(0), ""), "{}", end.stdout);
    let lines: Vec<_> = end.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let [
        [tcp],
        ["connect", _, "ms", to],
        ["reachable", "in", ..],
        [over],
        ["echo", _, "ms", from],
        ["reachable", "in", ..],
    ] = &lines.iter().map(Vec::as_slice).collect::<Vec<_>>()[..]
    else {
        panic!("{}", end.stdout)
    };
    assert_eq!([*tcp, *over], [&*urls[0], &*urls[1]]);
    assert_eq!([*to, *from], [http.to_string(), udp.to_string()]);
    probe.signal(Signal::TERM);
    assert_eq!(probe.end().code, Some(0));
}

#[tokio::test]
async fn the_environment_names_the_port_for_udp() {
    let mut probe = Process::start(PROBE, &["--urls="], &[("STAR_UDP_PORT_NUMBER", "0")]);
    probe.address();
    let udp = probe.address();
    assert!(check(&format!("udp://{udp}"), LONG).await.outcome.is_ok());
}
