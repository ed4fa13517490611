//! Who may reach whom, and which NetworkPolicy says so.

use std::process::ExitCode;

use clap::Parser;
use star_policy::{Args, run};

fn main() -> ExitCode {
    match run(Args::parse(), &mut anstream::stdout().lock()) {
        Ok(code) => code,
        // Whoever reads the output has read enough.
        Err(error) if star_policy::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("star-policy: {error:#}");
            ExitCode::from(2)
        }
    }
}
