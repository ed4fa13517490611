//! `star-probe check`: one check of each URL, told phase by phase.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::join_all;
use star_daemon::check::{Ask, Check, Checker, Guard, Millis, Resolver};
use star_daemon::cli;
use star_daemon::room::raise_open_file_limit;
use star_daemon::target::TargetUrl;

use crate::args::{CheckArgs, targets};

/// Checks all at once and tells them in the order given.
pub(crate) async fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let CheckArgs { urls, timeout_seconds } = args;
    let urls = targets(urls.iter().map(String::as_str)).map_err(cli::usage::<CheckArgs>)?;
    raise_open_file_limit();
    let checker = Checker::new(Resolver::from_system(), Guard::Open);
    let ask = Ask::head(timeout_seconds);
    let pulse = checker.pulse();
    let checks = tokio::select! {
        checks = join_all(urls.iter().map(|url| checker.check(url, &ask))) => checks,
        () = pulse.run() => unreachable!("it never ends"),
    };
    if let Some(problem) = checker.problem() {
        eprintln!("star-probe check: {problem}");
    }
    let mut out = std::io::stdout().lock();
    for (url, check) in urls.iter().zip(&checks) {
        out.write_all(tell(url, check).as_bytes())?;
    }
    let reachable = checks.iter().all(|check| check.outcome.is_ok());
    Ok(if reachable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(url: &TargetUrl, check: &Check) -> String {
    let Check { phases, outcome, .. } = check;
    let mut told = format!("{url}\n");
    let mut phase = |name: &str, took: Option<Duration>, what: String| {
        if let Some(took) = took {
            told += format!("  {name:<9}{:>9}  {what}", Millis(took).to_string()).trim_end();
            told += "\n";
        }
    };
    let attempts = match phases.attempts {
        0 | 1 => String::new(),
        attempts => format!(", attempt {attempts}"),
    };
    let address = phases.address.map_or_else(String::new, |address| format!("{address}{attempts}"));
    let code = outcome.as_ref().map_or_else(|_| String::new(), |answer| format!("HTTP {}", answer.status));
    phase("dns", phases.dns, String::new());
    phase("connect", phases.connect, address);
    phase("tls", phases.tls, String::new());
    phase("response", phases.response, code);
    told += &match outcome {
        Ok(_) => format!("  reachable in {}\n", Millis(phases.latency().unwrap_or_default())),
        Err(failure) => format!("  unreachable ({}): {}\n", failure.reason, failure.message),
    };
    told
}
