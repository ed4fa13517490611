//! What is measured, in what order, with what.

mod cpu;
mod memory;
mod policy;
mod scheme;
mod size;
mod start;
mod throughput;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::ValueEnum;

use crate::program::{EXPORTER, Server, Service, Tie};
use crate::role::Scheme;
use crate::table::{Row, Table};

/// As many as the lab has.
const TARGETS: usize = 3;

const WRK: &str = "wrk";

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Bench {
    /// Short turns, and few: shows that the bench works, not what star costs
    #[arg(long)]
    quick: bool,
    /// Measure only these
    #[arg(long, value_delimiter = ',')]
    only: Vec<Measure>,
    /// Measure the daemons in this folder, instead of those beside this program
    #[arg(long)]
    from: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Measure {
    Throughput,
    Start,
    Memory,
    Cpu,
    Scheme,
    Policy,
    Size,
}

/// What every measure has at hand.
struct Setting {
    folder: PathBuf,
    quick: bool,
    targets: Vec<String>,
    _fixture: Server,
}

impl Bench {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let Self { quick, only, from } = self;
        let mut circumstances = programs()?;
        let folder = from.map_or_else(beside, Ok)?;
        for daemon in ["star-probe", "star-collect"] {
            let built = folder.join(daemon).is_file();
            ensure!(built, "{daemon} is not in {}: run make bench, which builds all, or give --from", folder.display());
        }
        let (fixture, targets) = Service::fixture(TARGETS, &[Scheme::Http])?;
        let setting = Setting { folder, quick, targets, _fixture: fixture.start(Tie::Fast)? };
        // What links the daemons links this, too (see the Makefile).
        let linked = if cfg!(target_feature = "crt-static") { "statically" } else { "dynamically" };
        circumstances.push(format!("linked {linked}"));
        if quick {
            circumstances.push("**turns too short to be quoted**".to_owned());
        }
        let mut table = Table::new(circumstances);
        for measure in if only.is_empty() { Measure::value_variants() } else { &only } {
            table.rows.extend(match measure {
                Measure::Throughput => throughput::rows(&setting),
                Measure::Start => start::rows(&setting),
                Measure::Memory => memory::rows(&setting),
                Measure::Cpu => cpu::rows(&setting),
                Measure::Scheme => scheme::rows(&setting),
                Measure::Policy => policy::rows(&setting),
                Measure::Size => size::rows(&setting),
            }?);
        }
        print!("{table}");
        Ok(())
    }
}

impl Setting {
    /// `full`, unless this is only to show that the bench works.
    fn unless_quick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    fn probe(&self) -> Service {
        Service::probe(&self.folder, &self.targets)
    }

    fn collector(&self, probe: &Server) -> Service {
        Service::collector(&self.folder, probe, TARGETS)
    }
}

/// The folder of this program, where the daemons are if they were built alike.
pub(crate) fn beside() -> anyhow::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    Ok(exe.parent().unwrap_or(Path::new("/")).to_owned())
}

/// The Debian packages that are needed beside our own programs, each with its version.
fn programs() -> anyhow::Result<Vec<String>> {
    // A package, its program, the flag that makes it tell its version, and the word before that.
    let needed = [("wrk", WRK, "-v", "wrk "), ("prometheus-blackbox-exporter", EXPORTER, "--version", "version ")];
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (package, program, flag, word) in needed {
        let Ok(output) = Command::new(program).arg(flag).output() else {
            missing.push(package);
            continue;
        };
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let version = told.split(word).nth(1).and_then(|rest| rest.split([' ', ',', '\n']).next());
        found.push(format!("{package} {}", version.unwrap_or("of unknown version")));
    }
    ensure!(missing.is_empty(), "programs to compare with are missing: apt-get install {}", missing.join(" "));
    Ok(found)
}

/// Gives each of `contenders` its turn, A B A B …; returns what the turns of each gave.
fn in_turns<C, T, const N: usize>(
    what: &str,
    rounds: usize,
    contenders: [(&str, C); N],
    mut turn: impl FnMut(&C) -> anyhow::Result<T>,
) -> anyhow::Result<[Vec<T>; N]> {
    let mut turns = [const { Vec::new() }; N];
    for round in 1..=rounds {
        for ((name, contender), turns) in contenders.iter().zip(&mut turns) {
            eprintln!("{what}: round {round} of {rounds}, {name}");
            turns.push(turn(contender).with_context(|| format!("{what}, {name}"))?);
        }
    }
    Ok(turns)
}
