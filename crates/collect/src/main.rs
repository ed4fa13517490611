//! `star-collect`: see `--help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    star_collect::main(std::env::args_os())
}
