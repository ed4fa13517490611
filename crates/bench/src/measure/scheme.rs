//! What one check of each scheme costs, beside what its system calls alone cost; and ten thousand targets of all schemes.

use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::time::{ClockId, clock_gettime};
use socket2::SockRef;

use super::cpu::report;
use super::{Row, Setting, in_turns};
use crate::figure::Figure;
use crate::program::{Server, Service, Tie, typed};
use crate::role::Scheme;
use crate::table::Goal;

/// As for the CPU of http checks.
const TARGETS: usize = 1000;

/// As many as one probe takes.
const MIXED: usize = 10_000;

const GOAL_MICROS: f64 = 125.0;
const GOAL_LATE_MS: f64 = 50.0;
const GOAL_MB: f64 = 64.0;

const SCHEMES: [Scheme; 3] = [Scheme::Http, Scheme::Tcp, Scheme::Udp];

struct Turn {
    micros: f64,
    per_second: f64,
    late_ms: f64,
    megabytes: f64,
}

pub(super) fn rows(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for scheme in SCHEMES {
        rows.push(one(setting, scheme)?);
    }
    rows.extend(mixed(setting)?);
    Ok(rows)
}

/// One scheme, and its limit.
fn one(setting: &Setting, scheme: Scheme) -> anyhow::Result<Row> {
    let (fixture, targets) = Service::fixture(TARGETS, &[scheme])?;
    let fixture = fixture.start(Tie::Fast)?;
    let addresses = addresses(&targets)?;
    let probe = Service::probe(&setting.folder, &targets);
    let what = format!("CPU per {} check, 1,000 targets at 1 s", typed(scheme));
    let [ours, limit] = in_turns(&what, setting.unless_quick(4, 1), [("star", true), ("calls", false)], |ours| {
        if *ours { probed(setting, &fixture, &probe) } else { called(scheme, &addresses) }
    })?;
    let (micros, least) = (Figure::of(&ours, |turn| turn.micros), Figure::of(&limit, |turn| turn.micros));
    Ok(Row {
        measure: what,
        ours: format!("{micros} µs at {:.0} checks/s", Figure::of(&ours, |turn| turn.per_second).median()),
        theirs: format!("its system calls alone, one after another: {least} µs"),
        ratio: Some(Figure::ratio(&ours, &limit, |turn| turn.micros)),
        goal: Goal::at_most(GOAL_MICROS, "µs", &micros),
    })
}

/// All schemes at once, in turn.
fn mixed(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let (fixture, targets) = Service::fixture(MIXED, &SCHEMES)?;
    let fixture = fixture.start(Tie::Fast)?;
    let probe = Service::probe(&setting.folder, &targets);
    let what = "10,000 targets at 1 s, http, tcp and udp in turn";
    let [turns] = in_turns(what, setting.unless_quick(3, 1), [("star", ())], |()| probed(setting, &fixture, &probe))?;
    let figure = |value: fn(&Turn) -> f64| Figure::of(&turns, value);
    let (late, megabytes) = (figure(|turn| turn.late_ms), figure(|turn| turn.megabytes));
    let (micros, rate) = (figure(|turn| turn.micros), figure(|turn| turn.per_second));
    let row = |measure: &str, ours, goal| Row {
        measure: format!("{what}: {measure}"),
        ours,
        theirs: String::new(),
        ratio: None,
        goal,
    };
    Ok(vec![
        row(
            "CPU per check",
            format!("{micros} µs at {:.0} checks/s", rate.median()),
            Goal::at_most(GOAL_MICROS, "µs", &micros),
        ),
        row("lateness, p99", format!("{late} ms"), Goal::at_most(GOAL_LATE_MS, "ms", &late)),
        row("memory", format!("{megabytes} MB"), Goal::at_most(GOAL_MB, "MB", &megabytes)),
    ])
}

/// What a probe uses, while it checks the fixture.
fn probed(setting: &Setting, fixture: &Server, probe: &Service) -> anyhow::Result<Turn> {
    let (settling, window) = setting.unless_quick((3, 8), (2, 2));
    let probe = probe.program.spawn(Tie::Fast)?;
    sleep(Duration::from_secs(settling));
    report(fixture)?;
    let before = probe.cpu()?;
    sleep(Duration::from_secs(window));
    let cpu = probe.cpu()? - before;
    let (checks, late) = report(fixture)?;
    ensure!(checks > 0.0, "nothing was checked");
    Ok(Turn {
        micros: cpu.as_secs_f64() * 1e6 / checks,
        per_second: checks / window as f64,
        late_ms: late * 1e3,
        megabytes: probe.memory()?.resident / 1e6,
    })
}

/// What the calls of a check use, made by one thread with nothing around them.
fn called(scheme: Scheme, addresses: &[SocketAddr]) -> anyhow::Result<Turn> {
    let before = thread_time();
    for address in addresses {
        call(scheme, *address).with_context(|| address.to_string())?;
    }
    let took = thread_time() - before;
    let checks = addresses.len() as f64;
    Ok(Turn { micros: took.as_secs_f64() * 1e6 / checks, per_second: checks, late_ms: 0.0, megabytes: 0.0 })
}

fn call(scheme: Scheme, address: SocketAddr) -> io::Result<()> {
    use std::io::{Read, Write};
    if scheme == Scheme::Udp {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(address)?;
        socket.send(&[*b"star?\0\0\x01", [0; 8], [0; 8]].concat())?;
        return socket.recv(&mut [0; 32]).map(drop);
    }
    let mut stream = TcpStream::connect(address)?;
    if scheme == Scheme::Http {
        write!(stream, "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        // In one piece: it is short, and sent as one.
        let _ = stream.read(&mut [0; 1024])?;
    }
    // Its end is a reset, as a check has it.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

/// The CPU time of this thread so far, in user space and in the kernel.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn addresses(targets: &[String]) -> anyhow::Result<Vec<SocketAddr>> {
    let address = |url: &String| url.split('/').nth(2).unwrap_or_default().parse();
    Ok(targets.iter().map(address).collect::<Result<_, _>>()?)
}
