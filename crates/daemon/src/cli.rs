//! From arguments to a running process, and to its last line when it fails.

use std::ffi::OsString;
use std::future::Future;
use std::iter;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error, Parser};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{self, LogArgs};
use crate::{serve, supervise};

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
    let failed = |error: anyhow::Error| {
        eprintln!("{}: {}", A::command().get_name(), line(&error));
        ExitCode::from(if error.is::<Error>() { USAGE } else { 1 })
    };
    let argv: Vec<_> = argv.into_iter().collect();
    let args = match A::try_parse_from(&argv) {
        Ok(args) => args,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(name_variable(error, A::command(), &argv).into()),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let code = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        // As a task: what runs on this thread would have to be woken by the others.
        let code = runtime.block_on(runtime.spawn(run(args))).map_err(anyhow::Error::from).and_then(|code| code);
        // Whatever still runs (a look-up, say) must not keep the process.
        runtime.shutdown_background();
        code
    });
    code.unwrap_or_else(failed)
}

/// Starts logging, listens on `listen`, and runs `daemon` there until SIGTERM or SIGINT.
///
/// # Errors
///
/// When the log or the address cannot be used, and those of `daemon`.
pub async fn until_signal(
    listen: SocketAddr,
    logs: LogArgs,
    daemon: impl AsyncFnOnce(TcpListener, CancellationToken) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    telemetry::start(logs)?;
    serve::raise_open_file_limit();
    let listener = serve::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let shutdown = CancellationToken::new();
    supervise::until_signal(shutdown.clone(), daemon(listener, shutdown)).await?;
    Ok(ExitCode::SUCCESS)
}

/// An argument that parses but cannot be used. Exits with 2, like one that does not parse.
pub fn usage<A: Parser>(problem: impl std::fmt::Display) -> Error {
    A::command().error(ErrorKind::ValueValidation, problem)
}

/// Has an error about a flag that nobody typed name the environment variable that set it.
fn name_variable(mut error: Error, mut command: Command, argv: &[OsString]) -> Error {
    command.build();
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return error };
    let name = flag.split(' ').next().unwrap_or_default();
    let typed = argv.iter().any(|arg| arg.to_string_lossy().split('=').next() == Some(name));
    let mut args = iter::once(&command).chain(command.get_subcommands()).flat_map(Command::get_arguments);
    let arg = args.find(|arg| arg.to_string() == *flag);
    let variable = arg.and_then(|arg| arg.get_env()).filter(|variable| !typed && std::env::var_os(variable).is_some());
    if let Some(variable) = variable {
        let named = format!("environment variable {}", variable.to_string_lossy());
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    error
}

/// An error and its causes on one line.
fn line(error: &anyhow::Error) -> String {
    let Some(usage) = error.downcast_ref::<Error>() else { return format!("{error:#}") };
    let rendered = usage.render().to_string();
    let told = rendered.split("\n\nUsage:").next().unwrap_or_default().split("\n\nFor more").next().unwrap_or_default();
    let told: Vec<_> = told.split_whitespace().collect();
    format!("{}; --help lists the flags", told.join(" ").trim_start_matches("error: "))
}

/// Parses seconds, fractions allowed, from 0.1 to a day.
///
/// # Errors
///
/// When it is no number, or out of that range.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds from 0.1 to 86400".to_owned()),
    }
}

/// The time-out of a check: as given, else a second or the interval, whichever is less.
///
/// # Errors
///
/// When one is given that is longer than the interval, for checks would fall behind.
pub fn timeout<A: Parser>(given: Option<Duration>, interval: Duration, flag: &str) -> Result<Duration, Error> {
    match given {
        None => Ok(interval.min(Duration::from_secs(1))),
        Some(timeout) if timeout <= interval => Ok(timeout),
        Some(timeout) => Err(usage::<A>(format!(
            "--timeout-seconds={} is longer than {flag}={}; give at most the interval",
            timeout.as_secs_f64(),
            interval.as_secs_f64()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "it")]
    struct It {
        #[arg(long, value_parser = seconds)]
        pause: Option<Duration>,
        #[arg(long)]
        name: String,
    }

    fn told(argv: &[&str]) -> String {
        line(&It::try_parse_from([&["it"], argv].concat()).unwrap_err().into())
    }

    #[test]
    fn bad_arguments_are_told_on_one_line_with_flag_value_and_cure() {
        assert_eq!(
            told(&["--name=a", "--pause=soon"]),
            "invalid value 'soon' for '--pause <PAUSE>': give seconds from 0.1 to 86400; --help lists the flags"
        );
        for argv in [&["--name=a", "--pause=-1"], &["--name=a", "--nmae=b"], &["--name=a", "--name=b"]] {
            assert_eq!(told(argv).lines().count(), 1);
        }
        assert!(told(&[]).contains("--name <NAME>"));
    }

    #[test]
    fn a_timeout_is_a_second_or_the_interval_and_never_longer() {
        let interval = Duration::from_millis(500);
        assert_eq!(timeout::<It>(None, interval, "--x").unwrap(), interval);
        assert_eq!(timeout::<It>(None, Duration::from_secs(5), "--x").unwrap(), Duration::from_secs(1));
        assert_eq!(timeout::<It>(Some(interval), interval, "--x").unwrap(), interval);
        let error = timeout::<It>(Some(Duration::from_secs(2)), interval, "--x-seconds").unwrap_err();
        let told = line(&error.into());
        assert!(told.starts_with("--timeout-seconds=2 is longer than --x-seconds=0.5; give at most"), "{told}");
    }

    #[test]
    fn seconds_take_fractions_and_no_nonsense() {
        assert_eq!(seconds("0.25").unwrap(), Duration::from_millis(250));
        for text in ["0", "-1", "NaN", "inf", "1e9", "", "5s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
