//! What star costs, in turns with the best there is: one Markdown table on stdout, progress on stderr.
//!
//! Two programs are only ever compared within one run, A B A B …, because machines are noisy. The programs beside ours
//! that are not installed are this one, re-executed in a [`role`].

mod figure;
mod measure;
mod process;
mod program;
mod role;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::measure::Bench;
use crate::role::Role;

#[derive(Parser)]
#[command(name = "star-bench", args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    bench: Bench,
}

fn main() -> ExitCode {
    let Args { role, bench } = Args::parse();
    let ran = role.map_or_else(|| bench.run(), Role::run);
    if let Err(error) = &ran {
        eprintln!("star-bench: {error:#}");
    }
    if ran.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
