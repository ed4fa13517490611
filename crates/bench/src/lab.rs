//! What the whole does, from a policy to the page, in a `star-lab` of its own: real packets, really dropped.

mod loss;
mod silence;
mod truth;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::measure::beside;

/// Whatever is waited for comes by then, or never.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to measure in a lab.
#[derive(Subcommand)]
pub(crate) enum InLab {
    /// From a policy's commit to the event at a client of the collector's stream
    Truth {
        /// How often the policy comes, and goes
        #[arg(long, default_value_t = 200)]
        toggles: usize,
        #[command(flatten)]
        which: Which,
    },
    /// False verdicts while packets are lost at random
    Loss {
        /// How many of a hundred packets
        #[arg(long)]
        percent: f64,
        /// How long
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        #[command(flatten)]
        which: Which,
    },
    /// Checks of healthy targets while as many others are dropped
    Silence {
        /// How many targets, half of them dropped
        #[arg(long, default_value_t = 100)]
        targets: usize,
        /// How long
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        #[command(flatten)]
        which: Which,
    },
}

/// Which program is measured.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// Run the star-lab in this folder, instead of the one beside this program
    #[arg(long)]
    from: Option<PathBuf>,
}

impl InLab {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let told = match self {
            Self::Truth { toggles, which } => truth::measure(&which.program()?, toggles)?,
            Self::Loss { percent, minutes, which } => loss::measure(&which.program()?, percent, minutes)?,
            Self::Silence { targets, minutes, which } => silence::measure(&which.program()?, targets, minutes)?,
        };
        println!("{told}");
        Ok(())
    }
}

impl Which {
    fn program(self) -> anyhow::Result<PathBuf> {
        let program = self.from.map_or_else(beside, Ok)?.join("star-lab");
        ensure!(program.is_file(), "{} is not there; `make bench-truth` builds it", program.display());
        Ok(program)
    }
}

/// A lab that runs, and ends with this.
struct Lab {
    process: Child,
    folder: PathBuf,
    /// The collector's host and port.
    page: String,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Lab {
    fn start(program: &PathBuf, args: &[String]) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("star-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut command = Command::new(program);
        command.args(["up", "--port=0"]).args(args).env("XDG_RUNTIME_DIR", &folder).stdout(Stdio::piped());
        let mut process = command.spawn().context("star-lab cannot be started")?;
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let page = loop {
            let line = lines.next().context("star-lab has ended; start it by hand to see why")??;
            if let Some((page, _)) = line.strip_prefix("Open http://").and_then(|rest| rest.split_once('/')) {
                break page.to_owned();
            }
        };
        // The rest is read and thrown away, so that the lab never waits for a reader.
        std::thread::spawn(move || lines.count());
        Ok(Self { process, folder, page })
    }

    /// Says `request` to the lab's control socket.
    fn ask(&self, request: &Value) -> anyhow::Result<Value> {
        let socket = self.folder.join("star-lab").join(self.process.id().to_string()).join("control");
        let mut stream = UnixStream::connect(socket).context("star-lab does not answer")?;
        writeln!(stream, "{request}")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer).context("star-lab answers nonsense")?;
        let refused = answer["refused"].as_array().context("star-lab answers nonsense")?;
        ensure!(refused.is_empty(), "star-lab refuses: {refused:?}");
        Ok(answer)
    }

    fn apply(&self, manifest: &Value) -> anyhow::Result<Value> {
        self.ask(&json!({"Apply": {"files": [["bench", manifest.to_string()]], "namespace": null}}))
    }

    /// The collector's events from now on.
    fn events(&self) -> anyhow::Result<Events> {
        let mut stream = TcpStream::connect(&self.page)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /api/v1/graph/events HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n")?;
        Ok(Events { lines: BufReader::new(stream), nodes: Vec::new(), rows: Vec::new() })
    }
}

/// An edge, or a node's own state, that changed.
struct Change {
    /// `C>B`, or `C` for the node.
    what: String,
    state: String,
    /// When it was read.
    at: Instant,
    /// The same by the machine's monotonic clock.
    at_ns: u64,
}

/// A client of the collector's stream.
struct Events {
    lines: BufReader<TcpStream>,
    nodes: Vec<String>,
    /// For each node, the targets of its edges.
    rows: Vec<Vec<usize>>,
}

impl Events {
    /// What the next event changes; nothing, for a heartbeat.
    fn next(&mut self) -> anyhow::Result<Vec<Change>> {
        let event = loop {
            let mut line = String::new();
            ensure!(self.lines.read_line(&mut line)? > 0, "the collector ends its stream");
            if let Some(data) = line.strip_prefix("data:") {
                break serde_json::from_str::<Value>(data)?;
            }
        };
        let (at, at_ns) = (Instant::now(), now_ns());
        let mut changes = Vec::new();
        let mut change = |what: String, seen: &Value| {
            let state = seen["state"].as_str().unwrap_or_default().to_owned();
            changes.push(Change { what, state, at, at_ns });
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let index = |value: &Value| value.as_u64().unwrap_or_default() as usize;
        match event["event"].as_str() {
            Some("snapshot") => {
                self.nodes =
                    list(&event["nodes"]).iter().map(|node| node["id"].as_str().unwrap_or_default().into()).collect();
                self.rows = vec![Vec::new(); self.nodes.len()];
                for node in list(&event["nodes"]) {
                    change(node["id"].as_str().unwrap_or_default().into(), &node);
                }
            }
            Some("patch") => {
                for node in list(&event["nodes"]) {
                    change(self.nodes[index(&node["node"])].clone(), &node);
                }
                for patch in list(&event["edges"]) {
                    let source = index(&patch["source"]);
                    for changed in list(&patch["changed"]) {
                        let target = self.rows[source]
                            .get(index(&changed[0]))
                            .context("a patch of an edge that is not there")?;
                        change(format!("{}>{}", self.nodes[source], self.nodes[*target]), &changed[1]);
                    }
                }
            }
            _ => return Ok(changes),
        }
        for row in list(&event["rows"]) {
            let source = index(&row["source"]);
            let edges = list(&row["edges"]);
            self.rows[source] = edges.iter().map(|edge| index(&edge["target"])).collect();
            for edge in edges {
                change(format!("{}>{}", self.nodes[source], self.nodes[index(&edge["target"])]), &edge);
            }
        }
        Ok(changes)
    }

    /// The change by which `what` comes to be in `state`.
    fn wait_for(&mut self, what: &str, state: &str) -> anyhow::Result<Change> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let found = self.next()?.into_iter().find(|change| change.what == what && change.state == state);
            if let Some(found) = found {
                return Ok(found);
            }
        }
        bail!("{what} has not become {state} within {PATIENCE:?}")
    }
}

/// The machine's monotonic clock, as the lab tells it.
fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// What a reader must know to judge the figures.
fn circumstances() -> String {
    crate::table::Table::new([]).circumstances.join(", ")
}
