//! Who may reach whom, and which NetworkPolicy says so.

use std::{io, process::ExitCode};

use clap::Parser;
use star_policy::{Args, Paint, run};

fn main() -> ExitCode {
    let stdout = io::stdout();
    match run(Args::parse(), Paint::on(&stdout), &mut stdout.lock()) {
        Ok(code) => code,
        // Whoever reads the output has read enough.
        Err(error) if star_policy::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("star-policy: {error:#}");
            ExitCode::from(2)
        }
    }
}
