//! The command line over `star-netpol`: who may reach whom, and which rule says so.
//!
//! - `args`: what can be typed
//! - `input`: manifests into an evaluator
//! - `document`, `markdown`, `paint`: how it is printed, for programs, pages and people
//! - `eval`, `explain`, `diff`, `check`, `lint`: the commands

pub mod args;
mod check;
mod diff;
mod document;
mod eval;
mod explain;
mod input;
mod lint;
mod markdown;
mod paint;

use std::{
    io::{self, Write},
    process::ExitCode,
};

pub use args::Args;
use args::Command;
use clap::CommandFactory as _;
pub use paint::Paint;

/// Does what was typed; the exit code says what a script needs to know.
///
/// # Errors
/// Input that cannot be read or is refused, and output that cannot be written.
pub fn run(args: Args, paint: Paint, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Eval(args) => eval::run(args, paint, out),
        Command::Explain(args) => explain::run(args, paint, out),
        Command::Diff(args) => diff::run(args, paint, out),
        Command::Check(args) => check::run(args, out),
        Command::Lint(args) => lint::run(args, paint, out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "star-policy", &mut script);
            out.write_all(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Whether an error is that of a pipe whose reader has gone.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
}
