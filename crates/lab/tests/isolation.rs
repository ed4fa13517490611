//! Not one packet leaves the lab, and what its rules do to single packets. All in a network of the test's own, which
//! stands for the machine's: one that can be listened at, and whose every way out leads to a counter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/packet.rs"]
mod packet;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lab::{Lab, User, users, wait};
use packet::{become_root, process_at, within};
use rtnetlink::{LinkUnspec, LinkVeth, RouteMessageBuilder, new_connection};
use rustix::mount::{MountPropagationFlags, mount_bind_recursive, mount_change};
use rustix::process::{chdir, chroot};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Longer than a packet takes, and shorter than a repeated one.
const MOMENT: Duration = Duration::from_millis(500);

const OPEN: &str =
    "B>F:reachable B>B:reachable B>C:reachable C>F:reachable C>B:reachable F>F:reachable F>B:reachable F>C:reachable";

fn main() {
    // With libtest's flags, as cargo passes them: only a filter concerns us.
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    if std::env::args().any(|arg| arg == "--list") {
        return;
    }
    if let Some(how) = std::env::var_os(FORBID) {
        forbid(how.to_str().unwrap());
    }
    let users = users();
    leave_the_machine();
    for (name, test) in [
        ("not_one_packet_leaves_the_lab", not_one_packet_leaves_the_lab as fn(User)),
        ("what_the_machine_forbids_is_told_by_name", what_the_machine_forbids_is_told_by_name),
        ("established_connections_are_cut_or_kept_as_asked", established_connections_are_cut_or_kept_as_asked),
    ] {
        for user in users.iter().copied() {
            if name.contains(&filter) {
                test(user);
                println!("test {name} ({user:?}) ... ok");
            }
        }
    }
}

/// Has this program, run again, forbid namespaces and then become star-lab.
const FORBID: &str = "STAR_TEST_FORBID";

/// Becomes star-lab where there are no namespaces to be had: a limit of none, or a file system that is not the machine's
/// own, in which the kernel gives none.
fn forbid(how: &str) -> ! {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let program = env!("CARGO_BIN_EXE_star-lab");
    // As an ordinary user.
    #[expect(unsafe_code, reason = "unsafe with FILES alone, which takes open files from other threads")]
    // SAFETY: FILES is not passed.
    unsafe {
        unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).unwrap();
    }
    fs::write("/proc/self/setgroups", "deny").unwrap();
    fs::write("/proc/self/uid_map", "1000 0 1").unwrap();
    fs::write("/proc/self/gid_map", "1000 0 1").unwrap();
    match how {
        "limit" => fs::write("/proc/sys/user/max_user_namespaces", "0").unwrap(),
        "chroot" => {
            let root = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR").unwrap()).join("root");
            fs::create_dir_all(&root).unwrap();
            mount_bind_recursive("/", &root).unwrap();
            chroot(&root).unwrap();
            chdir("/").unwrap();
        }
        other => panic!("unknown way to forbid: {other}"),
    }
    panic!("{}", Command::new(program).args(args).exec())
}

fn what_the_machine_forbids_is_told_by_name(_: User) {
    let runtime = lab::folder("forbidden", User::Me);
    let run = |how: &str, args: &[&str]| {
        let mut command = Command::new("/proc/self/exe");
        command.env(FORBID, how).env("XDG_RUNTIME_DIR", &runtime).args(args);
        command
    };
    for (how, cause, cure) in [
        ("limit", "this machine allows no more user namespaces", "`sysctl user.max_user_namespaces`"),
        ("chroot", "this machine forbids namespaces", "--security-opt seccomp=unconfined"),
    ] {
        let output = run(how, &["up", "--port=0"]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
        assert!(told.contains(cause) && told.contains(cure) && told.contains("or with --loopback"), "{told}");
    }
    // The way out that every message names.
    let lab = Lab::run(runtime.clone(), User::Me, run("limit", &["up", "--port=0", "--loopback"]));
    lab.wait_for(OPEN);
}

/// A network with a loopback and a default route into nowhere.
fn leave_the_machine() {
    become_root(UnshareFlags::NEWNET | UnshareFlags::NEWNS);
    // As on most machines: who mounts something shows it to others, unless he sees to it that he does not.
    for how in [MountPropagationFlags::PRIVATE, MountPropagationFlags::SHARED] {
        mount_change("/", how | MountPropagationFlags::REC).unwrap();
    }
    for scope in ["all", "default"] {
        // Announcements of IPv6's would be counted, too.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (connection, handle, _) = new_connection().unwrap();
        let mut carrier = tokio::task::JoinSet::new();
        carrier.spawn(connection);
        handle.link().add(LinkVeth::new("out", "nowhere").build()).execute().await.unwrap();
        for name in ["lo", "nowhere", "out"] {
            handle.link().set(LinkUnspec::new_with_name(name).up().build()).execute().await.unwrap();
        }
        let out = rustix::net::netdevice::name_to_index(
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None).unwrap(),
            "out",
        )
        .unwrap();
        handle.address().add(out, Ipv4Addr::new(192, 0, 2, 1).into(), 32).execute().await.unwrap();
        // The router's link address is known, so that nothing is asked for after a test has ended.
        let router = Ipv4Addr::new(192, 0, 2, 254);
        handle.neighbours().add(out, router.into()).link_layer_address(&[2; 6]).execute().await.unwrap();
        let default = RouteMessageBuilder::<Ipv4Addr>::new().output_interface(out).gateway(router).onlink();
        handle.route().add(default.build()).execute().await.unwrap();
    });
}

/// How many packets have tried to leave this thread's network.
fn left() -> u64 {
    let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let out = devices.lines().find_map(|line| line.trim().strip_prefix("out:")).unwrap();
    out.split_whitespace().nth(9).unwrap().parse().unwrap()
}

fn address_of(lab: &Lab, namespace: &str) -> Ipv4Addr {
    let pods = lab.ok(&["get", "pods", "-n", namespace, "-o", "wide"]);
    pods.lines().nth(1).unwrap().split_whitespace().nth(5).unwrap().parse().unwrap()
}

fn not_one_packet_leaves_the_lab(user: User) {
    let before = left();
    let lab = Lab::start("isolation", user, &[]);
    lab.wait_for(OPEN);
    lab.ok(&["walk", "--no-pause"]);
    lab.wait_for("B>F:connect_timeout B>B:reachable B>C:connect_timeout C>F:reachable C>B:connect_timeout F>F:reachable F>B:reachable F>C:connect_timeout");
    lab.ok(&["kill", "backend"]);
    lab.ok(&["start", "backend"]);
    for url in ["192.0.2.7", "example.com", "10.244.99.99", "10.99.99.99", "127.0.0.1:1"] {
        assert_ne!(lab.check("client", "deploy/client", url), "reachable", "{url}");
    }

    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains("/etc/resolv.conf"), "a pod's resolv.conf is the machine's: {mounts}");

    // Neither the lab nor a pod has a way out, or any link but their own.
    let (node, pod) = (lab.process.id().try_into().unwrap(), address_of(&lab, "client"));
    for process in [node, process_at(&lab, pod)] {
        let sent = within(process, || UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"x", "192.0.2.7:9"));
        match process == node {
            true => assert_eq!(sent.unwrap_err().kind(), ErrorKind::NetworkUnreachable),
            false => assert_eq!(sent.unwrap(), 1, "only the node knows that there is no way"),
        }
        if process != node {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let rights = status.lines().find(|line| line.starts_with("CapPrm:")).unwrap();
            assert!(rights.ends_with("\t0000000000000400"), "only CAP_NET_BIND_SERVICE: {rights}");
        }
        let links = within(process, || fs::read_to_string("/proc/thread-self/net/dev").unwrap());
        let names: Vec<_> =
            links.lines().skip(2).map(|line| line.split_once(':').unwrap().0.trim().to_owned()).collect();
        assert!(names.iter().all(|name| name == "lo" || name == "eth0" || name.starts_with("veth")), "{names:?}");
    }
    drop(lab);
    assert_eq!(left(), before, "packets have left the lab");

    // The counter counts: a packet from here to a pod's address would be seen.
    let lost = TcpStream::connect_timeout(&SocketAddr::from((pod, 9000)), MOMENT).unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::TimedOut);
    assert_eq!(left(), before + 1);
}

fn established_connections_are_cut_or_kept_as_asked(user: User) {
    let deny = format!("{}/../../manifests/policies/default-deny.yaml", env!("CARGO_MANIFEST_DIR"));
    for (asked, lasts) in [("keep", true), ("cut", false)] {
        let lab = Lab::start("established", user, &["--established", asked]);
        let (client, ui) = (address_of(&lab, "client"), address_of(&lab, "management-ui"));
        let listener = within(process_at(&lab, client), || TcpListener::bind("0.0.0.0:7777").unwrap());
        let connect =
            || within(process_at(&lab, ui), || TcpStream::connect_timeout(&SocketAddr::from((client, 7777)), MOMENT));
        let mut stream = connect().unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        accepted.set_read_timeout(Some(MOMENT)).unwrap();
        stream.set_read_timeout(Some(MOMENT)).unwrap();
        stream.write_all(b"before").unwrap();
        accepted.read_exact(&mut [0; 6]).unwrap();

        lab.ok(&["apply", "-n", "client", "-f", &deny]);
        stream.write_all(b"after").unwrap();
        assert_eq!(accepted.read_exact(&mut [0; 5]).is_ok(), lasts, "{asked}");
        assert_eq!(connect().unwrap_err().kind(), ErrorKind::TimedOut, "a new connection is denied either way");

        // What was cut goes on when the policy goes: TCP repeats what was lost.
        lab.ok(&["delete", "netpol", "-n", "client", "default-deny"]);
        if !lasts {
            accepted.set_read_timeout(None).unwrap();
            accepted.read_exact(&mut [0; 5]).unwrap();
        }
        wait(|| connect().is_ok(), || "not open again".to_owned());
    }
}
