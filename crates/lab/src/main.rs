//! `star-lab`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    star_lab::main(std::env::args_os())
}
