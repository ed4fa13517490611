//! What any good client would reach is reachable: on real name servers, and beside glibc's own look-up.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{RData, Record, RecordType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;
use crate::check::{Ask, Check, Checker, Guard};
use crate::target::TargetUrl;

/// A response code, and records: an address, or another name. `OTHER:` before it makes it a record of another owner.
type Reply = (ResponseCode, &'static [&'static str]);

const NONE: Reply = (ResponseCode::NoError, &[]);
const NO_SUCH_NAME: Reply = (ResponseCode::NXDomain, &[]);
const FAILURE: Reply = (ResponseCode::ServFail, &[]);
const HOME: Reply = found(&["127.0.0.1"]);

const fn found(records: &'static [&'static str]) -> Reply {
    (ResponseCode::NoError, records)
}

/// What a server says of a name and kind; `None` is silence.
type Zone = fn(&str, RecordType) -> Option<Reply>;

fn answer(packet: &[u8], zone: Zone) -> Option<Message> {
    let question = Message::from_vec(packet).unwrap();
    let query = question.queries[0].clone();
    let name = query.name.to_string().to_ascii_lowercase();
    let (code, records) = zone(name.trim_end_matches('.'), query.query_type)?;
    let mut reply = Message::new(question.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_available = true;
    reply.metadata.response_code = code;
    let mut owner = query.name.clone();
    for record in records {
        let (of, record) = match record.strip_prefix("OTHER:") {
            Some(record) => ("other.test.".parse().unwrap(), record),
            None => (owner.clone(), *record),
        };
        let data = match record.parse() {
            Ok(IpAddr::V4(address)) => RData::A(A(address)),
            Ok(IpAddr::V6(address)) => RData::AAAA(AAAA(address)),
            Err(_) => {
                owner = record.parse().unwrap();
                RData::CNAME(CNAME(owner.clone()))
            }
        };
        reply.add_answer(Record::from_rdata(of, 0, data));
    }
    reply.add_query(query);
    Some(reply)
}

async fn name_server_at(address: &str, zone: Zone) -> SocketAddr {
    let socket = UdpSocket::bind(address).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut packet).await.unwrap();
            if let Some(reply) = answer(&packet[..length], zone) {
                let _ = socket.send_to(&reply.to_vec().unwrap(), from).await;
            }
        }
    });
    address
}

/// Answers each question after as long as `delay` says of its kind.
async fn slow_name_server(zone: Zone, delay: fn(RecordType) -> u64) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut packet).await.unwrap();
            let packet = packet[..length].to_vec();
            let socket = Arc::clone(&socket);
            tokio::spawn(async move {
                let kind = Message::from_vec(&packet).unwrap().queries[0].query_type;
                tokio::time::sleep(Duration::from_millis(delay(kind))).await;
                if let Some(reply) = answer(&packet, zone) {
                    let _ = socket.send_to(&reply.to_vec().unwrap(), from).await;
                }
            });
        }
    });
    address
}

async fn name_server(zone: Zone) -> SocketAddr {
    name_server_at("127.0.0.1:0", zone).await
}

/// Answers each connection; returns its port.
async fn web_server(address: &str) -> u16 {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            });
        }
    });
    port
}

/// Drops SYNs at `port` of `address` for as long as it lives: a listener whose backlog is full.
async fn silent(address: Ipv4Addr, port: u16) -> impl Sized {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, port).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect((address, port))).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 16, "this kernel's backlog never fills");
    }
    (listener, waiting)
}

async fn check(resolver: Resolver, name: &str, port: u16) -> Check {
    let checker = Checker::new(resolver, Guard::Open);
    let target = TargetUrl::parse(&format!("http://{name}:{port}/")).unwrap();
    checker.check(&target, &Ask::head(Duration::from_secs(1))).await
}

fn why(check: Check) -> (Reason, String) {
    let failure = check.outcome.unwrap_err();
    (failure.reason, failure.message)
}

#[tokio::test]
async fn one_silent_address_of_several_does_not_decide() {
    let server = name_server(|_, kind| {
        Some(if kind == RecordType::A { found(&["127.0.0.2", "127.0.0.3", "127.0.0.1"]) } else { NONE })
    })
    .await;
    let port = web_server("127.0.0.1:0").await;
    let _silent = silent([127, 0, 0, 2].into(), port).await;
    let checked = check(Resolver::from_servers(&[server], &[], 1), "two.test", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
    assert_eq!(checked.phases.address.unwrap().to_string(), format!("127.0.0.1:{port}"));
    // The silent one, the one that refuses, and this.
    assert!(checked.phases.attempts >= 3, "{checked:?}");
}

#[tokio::test]
async fn when_all_addresses_fail_an_answer_says_more_than_silence_and_all_are_named() {
    let server =
        name_server(|_, kind| Some(if kind == RecordType::A { found(&["127.0.0.2", "127.0.0.3"]) } else { NONE }))
            .await;
    let port = web_server("127.0.0.1:0").await;
    let _silent = silent([127, 0, 0, 2].into(), port).await;
    let (reason, message) = why(check(Resolver::from_servers(&[server], &[], 1), "two.test", port).await);
    assert_eq!(reason, Reason::ConnectionRefused, "{message}");
    assert!(message.starts_with(&format!("127.0.0.3:{port} refuses")), "{message}");
    assert!(message.ends_with(&format!(" (127.0.0.2:{port}: connect_timeout)")), "{message}");
}

#[tokio::test]
async fn an_address_of_the_other_family_joins_while_the_first_is_silent() {
    let server =
        name_server(|_, kind| Some(if kind == RecordType::A { found(&["127.0.0.2"]) } else { found(&["::1"]) })).await;
    let port = web_server("[::1]:0").await;
    let _silent = silent([127, 0, 0, 2].into(), port).await;
    let checked = check(Resolver::from_servers(&[server], &[], 1), "dual.test", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn an_address_that_the_kernel_refuses_gives_way_to_the_other_family() {
    // As where there is no route, on whatever machine this runs.
    let server =
        name_server(|_, kind| Some(if kind == RecordType::A { found(&["255.255.255.255"]) } else { found(&["::1"]) }))
            .await;
    let port = web_server("[::1]:0").await;
    let checked = check(Resolver::from_servers(&[server], &[], 1), "dual.test", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn one_family_that_fails_or_is_silent_does_not_spoil_the_other() {
    let port = web_server("[::1]:0").await;
    let zones: [Zone; 4] = [
        |_, kind| Some(if kind == RecordType::A { FAILURE } else { found(&["::1"]) }),
        |_, kind| (kind == RecordType::AAAA).then_some(found(&["::1"])),
        |_, kind| Some(if kind == RecordType::A { NO_SUCH_NAME } else { found(&["::1"]) }),
        |_, kind| Some(if kind == RecordType::A { NONE } else { found(&["::1"]) }),
    ];
    for zone in zones {
        let resolver = Resolver::from_servers(&[name_server(zone).await], &[], 1);
        let checked = check(resolver, "six.test", port).await;
        assert!(checked.outcome.is_ok(), "{checked:?}");
    }
}

#[tokio::test]
async fn one_family_that_fails_or_is_denied_waits_for_the_other_to_the_deadline() {
    let port = web_server("[::1]:0").await;
    for zone in [(|_, kind| Some(if kind == RecordType::A { FAILURE } else { found(&["::1"]) })) as Zone, |_, kind| {
        Some(if kind == RecordType::A { NO_SUCH_NAME } else { found(&["::1"]) })
    }] {
        let server = slow_name_server(zone, |kind| if kind == RecordType::A { 0 } else { 250 }).await;
        for search in [&[][..], &["a.test", "b.test"]] {
            let checked = check(Resolver::from_servers(&[server], search, 0), "six.test", port).await;
            assert!(checked.outcome.is_ok(), "{checked:?}");
        }
    }
}

#[tokio::test]
async fn only_when_both_families_are_denied_there_is_no_such_name() {
    let zones: [(Zone, Reason, &str); 3] = [
        (
            |_, kind| Some(if kind == RecordType::A { FAILURE } else { NO_SUCH_NAME }),
            Reason::DnsFailed,
            "could not be resolved",
        ),
        (|_, kind| (kind == RecordType::A).then_some(NO_SUCH_NAME), Reason::DnsTimeout, "no name server answered"),
        (|_, _| Some(NO_SUCH_NAME), Reason::DnsFailed, "no such name"),
    ];
    for (zone, expected, sentence) in zones {
        let resolver = Resolver::from_servers(&[name_server(zone).await], &["a.test"], 1);
        let (reason, message) = why(check(resolver, "n.test", 80).await);
        assert!(reason == expected && message.contains(sentence), "{reason}: {message}");
    }
}

#[tokio::test]
async fn a_family_that_failed_is_asked_again_while_the_other_is_denied() {
    static FAILED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let port = web_server("127.0.0.1:0").await;
    let server = name_server(|_, kind| {
        let failed_before = kind == RecordType::A && FAILED.swap(true, std::sync::atomic::Ordering::Relaxed);
        Some(match kind {
            RecordType::A if failed_before => HOME,
            RecordType::A => FAILURE,
            _ => NO_SUCH_NAME,
        })
    })
    .await;
    let checked = check(Resolver::from_servers(&[server], &[], 1), "n.test", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn a_search_domain_that_fails_gives_way_to_the_next_name() {
    let port = web_server("127.0.0.1:0").await;
    let server = name_server(|name, kind| match name {
        "ext.example" => Some(if kind == RecordType::A { HOME } else { NONE }),
        name if name.ends_with(".corp.example") => Some(FAILURE),
        _ => Some(NO_SUCH_NAME),
    })
    .await;
    let resolver = || Resolver::from_servers(&[server], &["svc.test", "corp.example"], 5);
    let checked = check(resolver(), "ext.example", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
    let (reason, message) = why(check(resolver(), "unknown.example", port).await);
    assert_eq!(reason, Reason::DnsFailed);
    assert!(message.contains("could not be resolved") && !message.contains("no such name"), "{message}");
}

#[tokio::test]
async fn the_first_name_server_that_answers_usably_is_believed() {
    let port = web_server("127.0.0.1:0").await;
    let home: Zone = |_, kind| Some(if kind == RecordType::A { HOME } else { NONE });
    let denies: Zone = |_, _| Some(NO_SUCH_NAME);
    let first = name_server(home).await;
    // Each of these is asked first, and says nothing of use.
    for unusable in [(|_, _| None) as Zone, |_, _| Some(FAILURE), |_, _| Some((ResponseCode::Refused, &[]))] {
        let servers = [name_server(unusable).await, first, name_server(denies).await];
        let checked = check(Resolver::from_servers(&servers, &["a.test", "b.test"], 5), "name.test", port).await;
        assert!(checked.outcome.is_ok(), "{checked:?}");
    }
    let servers = [name_server(denies).await, first];
    let (reason, message) = why(check(Resolver::from_servers(&servers, &[], 1), "name.test", port).await);
    assert_eq!(reason, Reason::DnsFailed);
    assert!(message.starts_with("no such name"), "{message}");
}

#[tokio::test]
async fn a_later_name_server_that_is_faster_is_not_believed() {
    let port = web_server("127.0.0.1:0").await;
    let home: Zone = |_, kind| Some(if kind == RecordType::A { HOME } else { NONE });
    let first = slow_name_server(home, |_| 30).await;
    let servers = [first, name_server(|_, _| Some(NO_SUCH_NAME)).await];
    let checked = check(Resolver::from_servers(&servers, &[], 1), "name.test", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn a_name_server_that_missed_a_question_keeps_its_head_start_on_the_next() {
    let port = web_server("127.0.0.1:0").await;
    // Says nothing of the first name, as if its packets were lost, and is slow to tell of the second.
    let zone: Zone = |name, kind| match name {
        "n.test.a.test" => None,
        _ => Some(if kind == RecordType::A { HOME } else { NONE }),
    };
    let servers = [slow_name_server(zone, |_| 60).await, name_server(|_, _| Some(NO_SUCH_NAME)).await];
    let checked = check(Resolver::from_servers(&servers, &["a.test"], 5), "n.test", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn a_name_server_that_stays_silent_does_not_take_the_whole_search_list() {
    let port = web_server("127.0.0.1:0").await;
    let home: Zone = |name, kind| match name {
        "n.test" => Some(if kind == RecordType::A { HOME } else { NONE }),
        _ => Some(NO_SUCH_NAME),
    };
    let servers = [name_server(|_, _| None).await, name_server(home).await];
    let search = ["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"];
    let checked = check(Resolver::from_servers(&servers, &search, 5), "n.test", port).await;
    assert!(checked.outcome.is_ok(), "{checked:?}");
}

#[tokio::test]
async fn a_refusal_does_not_wait_to_the_deadline_for_the_other_family() {
    let server = name_server(|_, kind| (kind == RecordType::A).then_some(HOME)).await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let checker = Checker::new(Resolver::from_servers(&[server], &[], 1), Guard::Open);
    let target = TargetUrl::parse(&format!("http://two.test:{port}/")).unwrap();
    let ask = Ask::head(Duration::from_secs(60));
    let checked =
        timeout(Duration::from_secs(10), checker.check(&target, &ask)).await.expect("it waits for the deadline");
    assert_eq!(why(checked).0, Reason::ConnectionRefused);
}

#[tokio::test]
async fn an_answer_of_another_id_question_or_owner_is_no_answer() {
    let port = web_server("127.0.0.1:0").await;
    let owner: Zone = |_, kind| Some(if kind == RecordType::A { found(&["OTHER:127.0.0.1"]) } else { NONE });
    let (reason, message) =
        why(check(Resolver::from_servers(&[name_server(owner).await], &[], 1), "n.test", port).await);
    assert_eq!(reason, Reason::DnsFailed, "{message}");
    // By TCP, what differs is no answer at all.
    for (wrong, reachable) in [("", true), ("id", false), ("question", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Ok(length) = stream.read_u16().await else { continue };
                let mut packet = vec![0; length.into()];
                if stream.read_exact(&mut packet).await.is_err() {
                    continue;
                }
                let zone: Zone = |_, kind| Some(if kind == RecordType::A { HOME } else { NONE });
                let mut reply = answer(&packet, zone).unwrap();
                match wrong {
                    "id" => reply.metadata.id ^= 1,
                    "question" => reply.queries[0].name = "wrong.test.".parse().unwrap(),
                    _ => {}
                }
                let reply = reply.to_vec().unwrap();
                let _ = stream.write_all(&[&(reply.len() as u16).to_be_bytes(), &*reply].concat()).await;
            }
        });
        let conf = ResolvConf { servers: vec![server], use_vc: true, ..ResolvConf::default() };
        let rules = Mutex::new(Arc::new(Rules { conf, ..Rules::default() }));
        let checked = check(Resolver { rules, files: None }, "n.test", port).await;
        assert_eq!(checked.outcome.is_ok(), reachable, "{wrong}: {checked:?}");
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("star-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn the_files_are_read_again_when_they_change() {
    let folder = folder("reread");
    let [hosts, resolv_conf] = ["hosts", "resolv.conf"].map(|name| folder.join(name));
    let resolver = Resolver::from_files([&hosts, &resolv_conf]);
    let asked = async |name: &str| {
        let lookup = resolver.look_up(&name.into());
        let addresses = lookup.addresses().await.ok().unwrap().first;
        addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>()
    };
    assert_eq!(asked("localhost").await, ["::1", "127.0.0.1"]);
    fs::write(&hosts, "127.0.0.2 backend\n::1 backend\n").unwrap();
    assert_eq!(asked("backend").await, ["127.0.0.2", "::1"]);
    fs::write(&resolv_conf, "nameserver 127.0.0.3\nsearch stars.svc svc\noptions ndots:5 edns0\n").unwrap();
    let conf = &resolver.rules().conf;
    assert_eq!((&*conf.servers, conf.ndots), (&[([127, 0, 0, 3], 53).into()][..], 5));
    assert_eq!((conf.search.len(), conf.edns0), (2, true));
    fs::remove_dir_all(folder).unwrap();
}

/// Runs the test of this name, which is ignored otherwise, in a process of its own that `wrapper` starts.
fn apart(wrapper: &[&str], test: &str) -> std::process::Output {
    let program = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(&program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(&program);
            command
        }
    };
    let output = command.args(["--exact", &format!("check::resolve::tests::{test}"), "--ignored", "--nocapture"]);
    output.output().unwrap()
}

fn passes(output: &std::process::Output) {
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn being_out_of_files_while_resolv_conf_is_read_again_keeps_the_rules_and_is_tried_again() {
    passes(&apart(&[], "out_of_files_while_reading"));
}

#[test]
#[ignore = "limits its process; run by another test"]
fn out_of_files_while_reading() {
    let folder = folder("emfile");
    let [hosts, resolv_conf] = ["hosts", "resolv.conf"].map(|name| folder.join(name));
    fs::write(&resolv_conf, "nameserver 127.0.0.3\n").unwrap();
    let resolver = Resolver::from_files([&hosts, &resolv_conf]);
    let first = || resolver.rules().conf.servers[0].ip().to_string();
    fs::write(&resolv_conf, "nameserver 127.0.0.44\n").unwrap();
    let limits = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limits }).unwrap();
    assert_eq!(first(), "127.0.0.3");
    setrlimit(Resource::Nofile, limits).unwrap();
    assert_eq!(first(), "127.0.0.44");
    fs::remove_dir_all(folder).unwrap();
}

/// Runs the test of this name in a network and with mounts of its own, after `script`, whose `$0` is `argument`; not where
/// no namespaces can be made.
fn in_namespaces(script: &str, argument: &str, test: &str) {
    let script = format!("{{ {script}; }} || exit 99; exec \"$@\"");
    let run = |unshare: &[&str]| apart(&[unshare, &["sh", "-c", &script, argument]].concat(), test);
    let mut output = run(&["unshare", "--net", "--mount"]);
    if !matches!(output.status.code(), Some(0 | 101)) {
        output = run(&["unshare", "--user", "--map-root-user", "--net", "--mount"]);
    }
    if !matches!(output.status.code(), Some(0 | 101)) {
        eprintln!("SKIPPED: no namespaces here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    passes(&output);
}

#[test]
fn a_route_that_rejects_is_no_error_of_this_machine() {
    let script = "ip link set lo up && ip address add 10.9.0.1/32 dev lo && ip route add prohibit 10.9.1.0/24 \
                  && ip route add blackhole 10.9.2.0/24 && ip route add unreachable 10.9.3.0/24";
    in_namespaces(script, "", "rejecting_routes");
}

#[tokio::test]
#[ignore = "for a network of its own; run by another test"]
async fn rejecting_routes() {
    for (address, expected) in [
        ("10.9.1.1", Reason::NetworkUnreachable),
        ("10.9.2.1", Reason::NetworkUnreachable),
        ("10.9.3.1", Reason::HostUnreachable),
        ("10.9.4.1", Reason::NetworkUnreachable),
    ] {
        let (reason, message) = why(check(Resolver::from_servers(&[], &[], 1), address, 80).await);
        assert_eq!(reason, expected, "{message}");
        assert!(message.contains(address) && message.ends_with("or a policy rejects"), "{message}");
    }
}

#[test]
fn where_glibc_finds_a_name_so_do_we() {
    let folder = folder("glibc");
    for file in ["hosts", "resolv.conf", "nsswitch.conf"] {
        fs::write(folder.join(file), "").unwrap();
    }
    let script = "mount --make-rprivate / && for f in hosts resolv.conf nsswitch.conf; do mount --bind $0/$f /etc/$f || exit 99; done \
                  && ip link set lo up";
    in_namespaces(script, folder.to_str().unwrap(), "beside_glibc");
    fs::remove_dir_all(folder).unwrap();
}

/// The first server's names.
fn first_zone(name: &str, kind: RecordType) -> Option<Reply> {
    let v4 = kind == RecordType::A;
    Some(match name {
        "both.test" | "short.ok.test" | "a.b.ok.test" => {
            found(if v4 { &["10.0.0.1", "10.0.0.2"] } else { &["fd00::1"] })
        }
        "four.test" | "four.two.test" => {
            if v4 {
                found(&["10.0.0.4"])
            } else {
                NONE
            }
        }
        "six.test" => {
            if v4 {
                NONE
            } else {
                found(&["fd00::6", "fd00::7"])
            }
        }
        "none.test" | "short.none.test" => NONE,
        "alias.test" => found(if v4 { &["both.test.", "10.0.0.1"] } else { &["both.test.", "fd00::1"] }),
        "chain.test" => {
            if v4 {
                found(&["x.test.", "y.test.", "10.0.0.9"])
            } else {
                found(&["x.test."])
            }
        }
        "dangling.test" => found(&["gone.test."]),
        "a-fails.test" => {
            if v4 {
                FAILURE
            } else {
                found(&["fd00::8"])
            }
        }
        "aaaa-fails.test" => {
            if v4 {
                found(&["10.0.0.8"])
            } else {
                FAILURE
            }
        }
        "a-denied.test" => {
            if v4 {
                NO_SUCH_NAME
            } else {
                found(&["fd00::9"])
            }
        }
        "aaaa-denied.test" => {
            if v4 {
                found(&["10.0.0.9"])
            } else {
                NO_SUCH_NAME
            }
        }
        "other.test" | "owner.test" => {
            if v4 {
                found(&["OTHER:10.0.0.10"])
            } else {
                NONE
            }
        }
        "refused.test" => (ResponseCode::Refused, &[]),
        "mapped.test" => {
            if v4 {
                NONE
            } else {
                found(&["::ffff:10.0.0.3"])
            }
        }
        "bare" => {
            if v4 {
                found(&["10.0.0.5"])
            } else {
                NONE
            }
        }
        name if name.ends_with(".corp.example") => FAILURE,
        _ => NO_SUCH_NAME,
    })
}

/// Another server knows other things, and more.
fn second_zone(name: &str, kind: RecordType) -> Option<Reply> {
    Some(match name {
        "none.test" | "four.test" | "refused.test" | "second.test" | "bare" if kind == RecordType::A => {
            found(&["10.0.0.99"])
        }
        _ => NO_SUCH_NAME,
    })
}

#[tokio::test]
#[ignore = "for a network and an /etc of its own; run by another test"]
async fn beside_glibc() {
    name_server_at("127.0.0.53:53", first_zone).await;
    name_server_at("127.0.0.54:53", second_zone).await;
    name_server_at("127.0.0.55:53", |_, _| Some(FAILURE)).await;
    name_server_at("127.0.0.1:53", first_zone).await;
    fs::write("/etc/nsswitch.conf", "hosts: files dns\n").unwrap();
    let names = [
        "both.test",
        "four.test",
        "six.test",
        "none.test",
        "alias.test",
        "chain.test",
        "dangling.test",
        "a-fails.test",
        "aaaa-fails.test",
        "a-denied.test",
        "aaaa-denied.test",
        "owner.test",
        "refused.test",
        "second.test",
        "bare",
        "short",
        "a.b",
        "four",
        "both.test.",
        "short.",
        "unknown.test",
        "host",
        "alias",
        "mapped",
        "scoped",
        "last",
        "twice",
    ];
    let servers = ["53", "54", "53 54", "55 53", "56 53", "54 53 55", "55 56 54 53", ""];
    let searches = [
        "",
        "ok.test",
        "corp.example ok.test",
        "none.test two.test",
        "test",
        ".",
        "a.test b.test c.test d.test e.test f.test ok.test",
    ];
    let hosts = [
        "",
        "127.0.0.2 host alias\n# caf\u{e9}\n127.0.0.3\ttwice\n::1 twice\n127.0.0.4 TWICE # 127.0.0.5\nfe80::1%lo scoped\nbad last\n10.9.9.9 last\n",
        "10.1.1.1 both.test bare\r\n  10.1.1.2  host\n::2 short\n",
    ];
    let options = [
        "",
        "options ndots:0",
        "options ndots:2",
        "options ndots:5 edns0",
        "options ndots:99",
        "options no-tld-query",
        "options\tuse-vc ndots:3",
    ];
    // A walk through what can be combined: each step is another mixture.
    let (mut seed, mut found, mut wrong) = (0x2545_f491_4f6c_dd1d_u64, 0, Vec::new());
    let mut pick = |most: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % most as u64) as usize
    };
    let resolver = Resolver::from_system();
    for round in 0..40 {
        let list = servers[if round < servers.len() { round } else { pick(servers.len()) }];
        let option = options[pick(options.len())].replace("use-vc ", "");
        let search = searches[pick(searches.len())];
        let mut conf: String = list.split_whitespace().map(|last| format!("nameserver 127.0.0.{last}\n")).collect();
        conf += &format!("# comment {round}\n{option}\nsearch {search}\noptions timeout:1 attempts:1\n");
        fs::write("/etc/resolv.conf", &conf).unwrap();
        let hosts = hosts[pick(hosts.len())];
        fs::write("/etc/hosts", hosts).unwrap();
        for _ in 0..8 {
            let name = names[pick(names.len())];
            let lookup = resolver.look_up(&name.into());
            let ours = async {
                let found = lookup.addresses().await.ok()?;
                let later = match found.later {
                    Some(later) => later.await,
                    None => Vec::new(),
                };
                Some(found.first.into_iter().chain(later).collect::<BTreeSet<_>>())
            };
            let ours = timeout(Duration::from_secs(1), ours).await.ok().flatten().unwrap_or_default();
            let theirs = tokio::task::spawn_blocking(move || (name, 0).to_socket_addrs()).await.unwrap();
            let theirs: BTreeSet<_> = theirs.into_iter().flatten().map(|address| address.ip()).collect();
            found += usize::from(!theirs.is_empty());
            if ours != theirs {
                wrong.push(format!("{name}: ours {ours:?}, glibc's {theirs:?}, with\n{conf}--\n{hosts}--"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(found > 100, "only {found} names were found");
}
