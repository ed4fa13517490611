//! What star costs, in turns with the best there is: one Markdown table on stdout, progress on stderr.
//!
//! Two programs are only ever compared within one run, A B A B …, because machines are noisy. The programs beside ours
//! that are not installed are this one, re-executed in a [`role`].

mod figure;
mod lab;
mod measure;
mod process;
mod program;
mod role;
mod stop;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::lab::InLab;
use crate::measure::Bench;
use crate::role::Role;
use crate::stop::Stops;

#[derive(Parser)]
#[command(name = "star-bench", args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    InLab(InLab),
    Stop(Stops),
    #[command(flatten)]
    Role(Role),
}

fn main() -> ExitCode {
    let Args { command, bench } = Args::parse();
    let ran = match command {
        None => bench.run(),
        Some(Command::InLab(in_lab)) => in_lab.run(),
        Some(Command::Stop(stops)) => stops.run(),
        Some(Command::Role(role)) => role.run(),
    };
    if let Err(error) = &ran {
        eprintln!("star-bench: {error:#}");
    }
    if ran.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
