//! From arguments to a running process, and to its exit code.

mod address;
mod failure;
mod interval;

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Error, Parser};

pub use address::address;
pub use failure::{Unquoted, usage};
pub use interval::{seconds, timeout};

/// Bad arguments.
const USAGE: u8 = 2;

/// More threads would serve no more checks on these loads, only hold more memory on a large machine.
const MAX_THREADS: usize = 4;

/// Parses `argv` and runs what it asks for, on a runtime of its own. On a failure, one line on stderr.
///
/// Exit code: 0; 1 when running failed; 2 for arguments that cannot be used.
pub fn main<A, F>(argv: impl IntoIterator<Item = OsString>, run: impl FnOnce(A) -> F) -> ExitCode
where
    A: Parser,
    F: Future<Output = anyhow::Result<ExitCode>> + Send + 'static,
{
    prepared(argv, Ok, run)
}

/// As [`main`], for what has to be done while this process has no other thread: `prepare` does it.
pub fn prepared<A, T, F>(
    argv: impl IntoIterator<Item = OsString>,
    prepare: impl FnOnce(A) -> anyhow::Result<T>,
    run: impl FnOnce(T) -> F,
) -> ExitCode
where
    A: Parser,
    F: Future<Output = anyhow::Result<ExitCode>> + Send + 'static,
{
    let failed = |error: anyhow::Error| {
        eprintln!("{}: {}", A::command().get_name(), failure::line(&error));
        ExitCode::from(if error.is::<Error>() { USAGE } else { 1 })
    };
    let argv: Vec<_> = argv.into_iter().collect();
    let args = match A::try_parse_from(&argv) {
        Ok(args) => args,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(failure::tell(error, A::command(), &argv).into()),
    };
    let prepared = match prepare(args) {
        Ok(prepared) => prepared,
        Err(error) => return failed(error),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let code = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        // As a task: what runs on this thread would have to be woken by the others.
        let code = runtime.block_on(runtime.spawn(run(prepared))).map_err(anyhow::Error::from).and_then(|code| code);
        // Whatever still runs (a look-up, say) must not keep the process.
        runtime.shutdown_background();
        code
    });
    code.unwrap_or_else(failed)
}
