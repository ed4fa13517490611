//! `star-probe`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    star_probe::main(std::env::args_os())
}
