//! Not one packet leaves the lab, and what its rules do to single packets. All in a network of the test's own, which
//! stands for the machine's: one that can be listened at, and whose every way out leads to a counter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/lab.rs"]
mod lab;
#[path = "support/packet.rs"]
mod packet;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr as SocketAddrUnix, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lab::{Lab, User, users, wait};
use packet::{become_root, process_at, within};
use rtnetlink::{LinkUnspec, LinkVeth, RouteMessageBuilder, new_connection};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_remount, unmount,
};
use rustix::net::{AddressFamily, SocketType, ipproto, socket};
use rustix::process::{Pid, PidfdFlags, Uid, WaitOptions, chdir, chroot, getpid, pidfd_open, set_child_subreaper};
use rustix::thread::{
    CapabilitySet, CapabilitySets, ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces, set_capabilities,
    set_keep_capabilities, set_thread_res_uid, unshare_unsafe,
};
use serde::{Deserialize, Serialize};

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
    if let Ok(machine) = std::env::var(TAKE_OVER) {
        let machine: Machine = serde_json::from_str(&machine).unwrap();
        take_over(machine.process);
        return try_to_get_out(&machine);
    }
    let users = users();
    leave_the_machine();
    for (name, test) in [
        ("not_one_packet_leaves_the_lab", not_one_packet_leaves_the_lab as fn(User)),
        ("what_the_machine_forbids_is_told_by_name", what_the_machine_forbids_is_told_by_name),
        ("established_connections_are_cut_or_kept_as_asked", established_connections_are_cut_or_kept_as_asked),
        ("a_pod_sees_the_files_of_its_image_alone", a_pod_sees_the_files_of_its_image_alone),
        ("who_takes_a_pod_over_gains_nothing", who_takes_a_pod_over_gains_nothing),
        ("a_pod_holds_nothing_of_the_machine", a_pod_holds_nothing_of_the_machine),
        ("labs_that_are_killed_at_any_moment_leave_nothing", labs_that_are_killed_at_any_moment_leave_nothing),
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
        let out =
            rustix::net::netdevice::name_to_index(socket(AddressFamily::INET, SocketType::DGRAM, None).unwrap(), "out")
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

fn address_of(lab: &Lab, namespace: &str) -> IpAddr {
    let pods = lab.ok(&["get", "pods", "-n", namespace, "-o", "wide"]);
    pods.lines().nth(1).unwrap().split_whitespace().nth(5).unwrap().parse().unwrap()
}

fn not_one_packet_leaves_the_lab(user: User) {
    let before = left();
    let lab = Lab::start("isolation", user, &["--ip-family", "dual"]);
    lab.wait_for(OPEN);
    lab.ok(&["walk", "--no-pause"]);
    lab.wait_for("B>F:connect_timeout B>B:reachable B>C:connect_timeout C>F:reachable C>B:connect_timeout F>F:reachable F>B:reachable F>C:connect_timeout");
    lab.ok(&["kill", "backend"]);
    lab.ok(&["start", "backend"]);
    for url in [
        "192.0.2.7",
        "example.com",
        "10.244.99.99",
        "10.99.99.99",
        "127.0.0.1:1",
        "[2001:db8::7]",
        "[fd00:10:244::99:99]",
    ] {
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
            assert_eq!(status(process, "CapPrm"), "0000000000000400", "only CAP_NET_BIND_SERVICE");
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

/// A lab, and what runs in its pods once all have been shut in: by their programs.
fn shut_in(name: &str, user: User, args: &[(&str, &str)]) -> (Lab, Vec<(String, i32)>) {
    let runtime = lab::folder(name, user);
    let mut up = lab::program(&runtime, user);
    up.args(["up", "--port=0"]).envs(args.iter().copied());
    let lab = Lab::run(runtime, user, up);
    lab.wait_for(OPEN);
    let program = |process: i32| {
        let line = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap();
        (line.split('\0').nth(1).unwrap().to_owned(), process)
    };
    let processes: Vec<_> = lab.processes().into_iter().map(program).collect();
    assert_eq!(processes.len(), 5);
    (lab, processes)
}

/// A line of what the kernel tells of a process.
fn status(process: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().trim().to_owned()
}

/// All files under a folder, without it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        match next.is_dir() {
            true => left.extend(fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path())),
            false => found.push(next.strip_prefix(folder).unwrap().display().to_string()),
        }
    }
    found.sort();
    found
}

fn a_pod_sees_the_files_of_its_image_alone(user: User) {
    let authorities = std::env::temp_dir().join(format!("star-lab-test-authorities-{}", std::process::id()));
    fs::write(&authorities, "whom this machine trusts").unwrap();
    let trusted = [("SSL_CERT_FILE", authorities.to_str().unwrap())];
    let (lab, processes) = shut_in("files", user, &trusted);
    for (program, process) in processes {
        let root = PathBuf::from(format!("/proc/{process}/root"));
        let mut expected = vec!["etc/hosts", "etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"];
        match &*program {
            "collect" => expected.push("etc/star/resources.json"),
            "dns" => expected.push("etc/star/dns/names.json"),
            _ => {}
        }
        expected.sort_unstable();
        assert_eq!(files(&root), expected, "{program}");
        let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
        assert_eq!(read("etc/ssl/certs/ca-certificates.crt"), "whom this machine trusts");
        assert!(read("etc/resolv.conf").contains("nameserver 10.96.0.10"));

        let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap();
        let named = expected.iter().filter(|file| file.contains("ssl") || file.contains("dns/")).count();
        assert_eq!(mounts.lines().count(), 1 + named, "{program} has the machine's mounts: {mounts}");
        for mount in mounts.lines() {
            let options = mount.split(' ').nth(5).unwrap();
            for option in ["ro", "nosuid", "nodev", "noexec"] {
                assert!(options.split(',').any(|found| found == option), "{program}: not {option}: {mount}");
            }
        }
    }
    drop(lab);
    fs::remove_file(authorities).unwrap();
}

/// Has this program, run again, take a process of a pod over, and try what would lead out.
const TAKE_OVER: &str = "STAR_TEST_TAKE_OVER";

/// What listens on the machine, and must not be reached from a pod.
#[derive(Clone, Deserialize, Serialize)]
struct Machine {
    process: i32,
    control: PathBuf,
    /// In the namespace of abstract sockets.
    name: String,
    page: SocketAddr,
}

fn who_takes_a_pod_over_gains_nothing(user: User) {
    let (lab, processes) = shut_in("taken", user, &[]);
    let control = lab.runtime.join("star-lab").join(lab.process.id().to_string()).join("control");
    let name = format!("star-lab-test-{}", std::process::id());
    let _listener = UnixListener::bind_addr(&SocketAddrUnix::from_abstract_name(&name).unwrap()).unwrap();
    let machine = Machine { process: 0, control, name, page: lab.page.parse().unwrap() };
    for (program, process) in processes {
        let machine = serde_json::to_string(&Machine { process, ..machine.clone() }).unwrap();
        let taken_over = Command::new("/proc/self/exe").env(TAKE_OVER, machine).status().unwrap();
        assert!(taken_over.success(), "{program}");
    }
    // From where nothing keeps it in, the test reaches them.
    UnixStream::connect(&machine.control).unwrap();
    UnixStream::connect_addr(&SocketAddrUnix::from_abstract_name(&machine.name).unwrap()).unwrap();
    TcpStream::connect(machine.page).unwrap();
}

/// Moves this process, of one thread, to where a pod's process is, with no right but those of its user.
fn take_over(process: i32) {
    let pidfd = pidfd_open(Pid::from_raw(process).unwrap(), PidfdFlags::empty()).unwrap();
    let mut places = ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::NETWORK
        | ThreadNameSpaceType::PROCESS_ID
        | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION;
    let users = |process: &str| fs::read_link(format!("/proc/{process}/ns/user")).unwrap();
    let mut user = Uid::from_raw(status(process, "Uid").split('\t').next().unwrap().parse().unwrap());
    // Nobody may enter the one that he is in.
    if users(&process.to_string()) != users("self") {
        places |= ThreadNameSpaceType::USER;
        user = Uid::ROOT;
    }
    move_into_thread_name_spaces(pidfd.as_fd(), places).unwrap();
    set_keep_capabilities(true).unwrap();
    set_thread_res_uid(user, user, user).unwrap();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).unwrap();
}

fn try_to_get_out(machine: &Machine) {
    for path in ["/x", "/etc/x", "/etc/star/x", "/etc/star/dns/x", "/etc/hosts", "/etc/star/dns/names.json"] {
        let made = !Path::new(path).exists();
        let expected: &[_] = match Path::new(path).parent().unwrap().exists() {
            true if made => &[ErrorKind::ReadOnlyFilesystem],
            // Root's, where this is another user.
            true => &[ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied],
            false => &[ErrorKind::NotFound],
        };
        let denied = fs::write(path, "x").unwrap_err().kind();
        assert!(expected.contains(&denied), "{path}: {denied}");
    }
    assert_eq!(fs::remove_file("/etc/hosts").unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(symlink("/", "/etc/root").unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    // The machine's root is not above.
    chdir("/").unwrap();
    for _ in 0..20 {
        chdir("..").unwrap();
    }
    let names: Vec<_> = fs::read_dir(".").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["etc"]);
    for path in ["/proc", "/sys", "/dev", "/tmp", "/proc/1/root", "/proc/self/exe", "/bin/sh", "/lib64"] {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert!(Command::new("/bin/sh").status().is_err(), "there is nothing to run");
    // What is mounted stays so, and nothing else can be.
    for (what, result) in [
        ("to make the root writable", mount_remount("/", MountFlags::BIND, c"")),
        ("to mount memory", mount("tmpfs", "/etc", "tmpfs", MountFlags::empty(), c"")),
        ("to mount processes", mount("proc", "/etc", "proc", MountFlags::empty(), c"")),
        ("to unmount", unmount("/", UnmountFlags::DETACH)),
        ("to change the root", chroot("/etc")),
        ("to make packets", socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).map(drop)),
    ] {
        assert_eq!(result, Err(Errno::PERM), "{what}");
    }
    assert!(UnixStream::connect(&machine.control).is_err(), "the lab's own control socket");
    let name = SocketAddrUnix::from_abstract_name(&machine.name).unwrap();
    assert!(UnixStream::connect_addr(&name).is_err(), "an abstract socket of the machine");
    assert!(TcpStream::connect_timeout(&machine.page, MOMENT).is_err(), "the machine's loopback");
}

fn a_pod_holds_nothing_of_the_machine(user: User) {
    // What whoever starts the lab has open, and does not close for it.
    let left_open = File::open("/").unwrap();
    fcntl_setfd(&left_open, FdFlags::empty()).unwrap();
    let (lab, processes) = shut_in("held", user, &[("STAR_TEST_SECRET", "stolen")]);
    let mine = std::process::id().cast_signed();
    let lab_process = lab.process.id().cast_signed();
    let inherited = fs::read_dir(format!("/proc/{lab_process}/fd")).unwrap();
    assert!(inherited.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|path| path == Path::new("/"))));
    let namespace = |process: i32, kind: &str| fs::read_link(format!("/proc/{process}/ns/{kind}")).unwrap();
    let mut seen = BTreeSet::new();
    for (program, process) in processes {
        for file in fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
            let file = file.unwrap().path();
            // One that a check opened may be closed by now.
            let Ok(path) = fs::read_link(&file) else { continue };
            let (number, path) = (file.file_name().unwrap().to_str().unwrap(), path.to_str().unwrap());
            let given = match number {
                "0" | "1" => path == "/dev/null",
                "2" => path.starts_with(lab.runtime.to_str().unwrap()) && path.ends_with(".log"),
                // Sockets and what a runtime waits by.
                _ => ["socket:", "pipe:", "anon_inode:"].iter().any(|kind| path.starts_with(kind)),
            };
            assert!(given, "{program} has {number} open: {path}");
        }
        for kind in ["mnt", "net", "pid", "ipc"] {
            assert_ne!(namespace(process, kind), namespace(mine, kind), "{program} is in the machine's {kind}");
            assert_ne!(namespace(process, kind), namespace(lab_process, kind), "{program} is in the lab's {kind}");
            assert!(seen.insert(namespace(process, kind)), "{program} is in another pod's {kind}");
        }
        assert!(status(process, "NSpid").ends_with("\t1"), "it is the only process that it knows");
        assert_eq!(status(process, "NoNewPrivs"), "1", "{program}");
        // The user of the images; an ordinary user's namespace has none but him.
        let alone = fs::read_to_string("/proc/self/uid_map").unwrap().trim().ends_with(" 1");
        let whose = match user {
            User::Me => {
                if alone {
                    "0"
                } else {
                    "65532"
                }
            }
            User::Nobody => "65534",
        };
        for ids in ["Uid", "Gid"] {
            assert_eq!(status(process, ids).split('\t').next(), Some(whose), "{program}");
        }
        for rights in ["CapPrm", "CapEff"] {
            assert!(
                ["0000000000000400", "0000000000000000"].contains(&&*status(process, rights)),
                "{program} {rights}"
            );
        }
        for rights in ["CapInh", "CapAmb"] {
            assert_eq!(status(process, rights), "0000000000000000", "{program} {rights}");
        }
        let environment = fs::read_to_string(format!("/proc/{process}/environ")).unwrap();
        assert_eq!(environment, "STAR_LAB_STARTED=\0", "{program} has the variables of the user");
    }
    drop(left_open);
}

fn labs_that_are_killed_at_any_moment_leave_nothing(user: User) {
    let runtime = lab::folder("killed", user);
    // Whoever is left behind becomes a child of this process.
    set_child_subreaper(Some(getpid())).unwrap();
    let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = mounts();
    for turn in 0..40 {
        let mut up = lab::program(&runtime, user);
        up.args(["up", "--port=0"]).stdout(Stdio::null()).stderr(Stdio::null());
        if turn % 3 == 2 {
            up.arg("--loopback");
        }
        let mut process = up.spawn().unwrap();
        // From before its first pod to after its last; in no order that anything else has.
        std::thread::sleep(Duration::from_millis(turn * 37 % 150));
        process.kill().unwrap();
        process.wait().unwrap();
        let left = || lab::children(std::process::id());
        let reap = || while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {};
        wait(
            || {
                reap();
                left().is_empty()
            },
            || format!("turn {turn}: {:?} outlive their lab", left()),
        );
        assert_eq!(mounts(), before, "turn {turn}");
    }
    set_child_subreaper(None).unwrap();
    // The next lab clears up the folders of all of them.
    let mut up = lab::program(&runtime, user);
    up.args(["up", "--port=0"]);
    let lab = Lab::run(runtime, user, up);
    assert_eq!(fs::read_dir(lab.runtime.join("star-lab")).unwrap().count(), 1);
}
