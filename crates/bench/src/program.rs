//! The programs that are measured: how each is started, and how it is asked.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use serde_json::json;

use crate::process::Process;
use crate::role::{Connections, Framework};

pub(crate) const EXPORTER: &str = "/usr/bin/prometheus-blackbox-exporter";

/// Whatever is started answers by then, or never.
const PATIENCE: Duration = Duration::from_secs(10);

/// How to start something.
pub(crate) struct Program {
    name: String,
    path: PathBuf,
    args: Vec<String>,
    input: String,
}

/// How a program is tied to this one.
#[derive(Clone, Copy)]
pub(crate) enum Tie {
    /// It ends with this process, whatever ends that. Costs it one more `execve` at its start.
    Fast,
    /// It ends when it is dropped: for those whose start is timed.
    Loose,
}

/// A program that answers HTTP.
pub(crate) struct Service {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    path: &'static str,
}

/// A service that runs, and has answered.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) path: &'static str,
}

impl Program {
    fn new(path: impl Into<PathBuf>, args: impl IntoIterator<Item = String>) -> Self {
        let path = path.into();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, path, args: args.into_iter().collect(), input: String::new() }
    }

    /// This program, in a role.
    fn role(name: &str, args: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        Ok(Self::new(std::env::current_exe()?, [name.to_owned()].into_iter().chain(args)))
    }

    /// A loop that gets each of `urls` once in an interval.
    pub(crate) fn ask(how: Connections, urls: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        Self::role("ask", [typed(how)].into_iter().chain(urls))
    }

    pub(crate) fn spawn(&self, tie: Tie) -> anyhow::Result<Process> {
        let mut command = match tie {
            Tie::Fast => tied(&self.path)?,
            Tie::Loose => Command::new(&self.path),
        };
        command.args(&self.args);
        Process::spawn(command, &self.name, &self.input)
    }
}

impl Service {
    /// A probe of `targets`.
    pub(crate) fn probe(folder: &Path, targets: &[String]) -> Self {
        let address = free_address();
        let [host, port] = listen(address);
        let program = Program::new(folder.join("star-probe"), [host, port, format!("--urls={}", targets.join(","))]);
        Self { program, address, path: "/status" }
    }

    /// A collector of as many resources, all of them `probe`.
    pub(crate) fn collector(folder: &Path, probe: &Server, resources: usize) -> Self {
        let address = free_address();
        let [host, port] = listen(address);
        // A pipe is a file, too, and none is left behind.
        let args = [host, port, "--resources-file=/dev/stdin".to_owned()];
        let mut program = Program::new(folder.join("star-collect"), args);
        let resource = |number| json!({"id": format!("P{number}"), "url": format!("{}?{number}", probe.url())});
        program.input = (0..resources).map(resource).collect::<serde_json::Value>().to_string();
        Self { program, address, path: "/responses" }
    }

    /// A server of nothing but what `server` answers, byte for byte.
    pub(crate) fn bare(framework: Framework, server: &Server) -> anyhow::Result<Self> {
        let address = free_address();
        let args = [typed(framework), address.to_string(), server.get()?];
        Ok(Self { program: Program::role("bare", args)?, address, path: server.path })
    }

    /// What is checked: `count` addresses, and the URLs of all.
    pub(crate) fn fixture(count: usize) -> anyhow::Result<(Self, Vec<String>)> {
        let address = free_address();
        let args = [address.port().to_string(), count.to_string()];
        let service = Self { program: Program::role("fixture", args)?, address, path: "/report" };
        let targets = (0..count).map(|index| format!("http://{}/", crate::role::fixture(index, address.port())));
        Ok((service, targets.collect()))
    }

    /// Debian's exporter as its package configures it, and the URLs at which it checks `targets`.
    pub(crate) fn exporter(targets: &[String]) -> (Self, Vec<String>) {
        let address = free_address();
        let args = ["--config.file=/etc/prometheus/blackbox.yml".to_owned(), format!("--web.listen-address={address}")];
        let urls = targets.iter().map(|target| format!("http://{address}/probe?module=http_2xx&target={target}"));
        (Self { program: Program::new(EXPORTER, args), address, path: "/" }, urls.collect())
    }

    /// Starts it and asks until it answers.
    pub(crate) fn start(&self, tie: Tie) -> anyhow::Result<Server> {
        let mut process = self.program.spawn(tie)?;
        let begun = Instant::now();
        while get(self.address, self.path).is_err() {
            process.ensure_running()?;
            ensure!(begun.elapsed() < PATIENCE, "{} did not answer in time", self.program.name);
        }
        Ok(Server { process, address: self.address, path: self.path })
    }
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Its whole answer, head and body.
    pub(crate) fn get(&self) -> anyhow::Result<String> {
        self.get_path(self.path)
    }

    /// Its whole answer to a GET of `path`.
    pub(crate) fn get_path(&self, path: &str) -> anyhow::Result<String> {
        get(self.address, path)
    }

    /// Waits until all that it polls was polled.
    pub(crate) fn settle(self) -> anyhow::Result<Self> {
        let begun = Instant::now();
        while ["pending", "null"].iter().any(|word| self.get().is_ok_and(|answer| answer.contains(word))) {
            ensure!(begun.elapsed() < PATIENCE, "{} was not polled in time", self.url());
            sleep(Duration::from_millis(50));
        }
        Ok(self)
    }
}

/// A command that ends when this process does, whatever ends it.
pub(crate) fn tied(program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["tied", "--"]).arg(program);
    Ok(command)
}

/// A value as it is typed on the command line of a role.
fn typed(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn listen(address: SocketAddr) -> [String; 2] {
    [format!("--http-address={}", address.ip()), format!("--http-port={}", address.port())]
}

/// An address that nobody listens on, with a port below those that the kernel gives to clients.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, NEXT.fetch_add(1, Ordering::Relaxed)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.strip_prefix("HTTP/1.1 200 ") {
        Some(_) => Ok(answer),
        None => bail!("{address}{path}: {}", answer.lines().next().context("no answer")?),
    }
}
