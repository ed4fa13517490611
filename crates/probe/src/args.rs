//! The command line, as typed and as meant.

use std::error::Error;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use star_daemon::cli::{self, Unquoted};
use star_daemon::follow::Followed;
use star_daemon::target::TargetUrl;
use star_daemon::telemetry::LogArgs;

/// More targets than that are refused rather than checked late.
const MAX_TARGETS: usize = 10_000;

/// Polls URLs, each check on a new connection, and serves what it found at /status.
#[derive(Debug, Parser)]
#[command(
    name = "star-probe",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Example:\n  star-probe --http-port=9000 --urls=http://frontend.stars:80/status,backend.stars:6379/status"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// URLs to poll, separated by commas; one without a scheme is http
    // Nor does --help show what the environment has: it may hold a password.
    #[arg(long, env = "STAR_URLS", hide_env_values = true, required_unless_present = "urls_file", value_parser = urls)]
    urls: Option<Urls>,
    /// The same from a file, one a line or separated by commas, read again when it changes
    #[arg(long, value_name = "PATH", env = "STAR_URLS_FILE", conflicts_with = "urls", value_parser = UrlsFile::open)]
    urls_file: Option<UrlsFile>,
    /// Address to listen on; :: is all, of IPv6 and IPv4
    #[arg(long, value_name = "ADDRESS", env = "STAR_HTTP_ADDRESS", default_value = "::", value_parser = cli::address)]
    http_address: IpAddr,
    /// Port to listen on
    #[arg(long, value_name = "PORT", env = "STAR_HTTP_PORT_NUMBER", default_value_t = 9000)]
    http_port: u16,
    /// Seconds between two checks of a URL; fractions are welcome
    #[arg(long, value_name = "SECONDS", env = "STAR_HTTP_PROBE_SECONDS", default_value = "1", value_parser = cli::seconds)]
    http_probe_seconds: Duration,
    /// Seconds that a check may take, at most the interval [default: 1, or the interval if that is less]
    #[arg(long, value_name = "SECONDS", env = "STAR_TIMEOUT_SECONDS", value_parser = cli::seconds)]
    timeout_seconds: Option<Duration>,
    /// Keep a connection to each target, too, and tell what it still does: to targets that are star's, or to all
    #[arg(long, value_name = "WHOM", env = "STAR_KEPT", num_args = 0..=1, require_equals = true, default_value = "none", default_missing_value = "star")]
    kept: Keep,
    #[command(flatten)]
    logs: LogArgs,
}

/// To whom connections are kept.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Keep {
    /// To nobody
    #[default]
    None,
    /// To targets that say in their answers that they are star's
    Star,
    /// To all targets; a server that is not made for idle connections may suffer from it
    All,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check URLs once, from here and now, and tell each phase; exits with 0 if all are reachable, else 1
    Check(CheckArgs),
}

#[derive(Debug, Parser)]
#[command(
    after_help = "Example:\n  kubectl exec -n client deploy/client -- probe check http://backend.stars:6379/status"
)]
pub(crate) struct CheckArgs {
    /// What to check; a URL without a scheme is http
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Seconds that each check may take
    #[arg(long, value_name = "SECONDS", env = "STAR_TIMEOUT_SECONDS", default_value = "1", value_parser = cli::seconds)]
    pub(crate) timeout_seconds: Duration,
}

/// What the probe is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// What to check at first, in this order.
    pub targets: Vec<TargetUrl>,
    /// Where that stands: what to check follows the file.
    pub urls_file: Option<Followed>,
    /// Between two checks of a target.
    pub interval: Duration,
    /// How long a check may take; at most the interval.
    pub timeout: Duration,
    /// To whom connections are kept, beside the checks.
    pub kept: Keep,
}

#[derive(Clone, Debug)]
struct Urls(Vec<TargetUrl>);

/// Parses each; an error names it by its number, for what stands there may hold a password.
pub(crate) fn targets<'a>(given: impl Iterator<Item = &'a str>) -> Result<Vec<TargetUrl>, String> {
    let parse = |(index, url)| TargetUrl::parse(url).map_err(|error| format!("URL {}: {error}", index + 1));
    given.enumerate().map(parse).collect()
}

fn urls(text: &str) -> Result<Urls, Unquoted> {
    let urls = targets(text.split(',').filter(|url| !url.trim().is_empty())).map_err(Unquoted)?;
    match urls.len() {
        0..=MAX_TARGETS => Ok(Urls(urls)),
        count => {
            let problem = format!("{count} URLs are more than one probe checks on time; give at most {MAX_TARGETS}");
            Err(Unquoted(problem))
        }
    }
}

/// A file of URLs, and what stands in it now.
#[derive(Clone, Debug)]
struct UrlsFile(Followed, Urls);

impl UrlsFile {
    fn open(path: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        // Before it is read: no change is missed.
        let file = Followed::new(path.into());
        let urls = read(file.path())?;
        Ok(Self(file, Urls(urls)))
    }
}

/// Reads a file of URLs.
pub(crate) fn read(path: &Path) -> Result<Vec<TargetUrl>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot be read ({error}); name a file that can"))?;
    // Editors on Windows put a byte-order mark there.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match urls(&text.lines().collect::<Vec<_>>().join(",")) {
        Ok(Urls(urls)) => Ok(urls),
        Err(Unquoted(problem)) => Err(problem),
    }
}

impl Args {
    /// What is meant: what to do, where to listen, where to log.
    ///
    /// # Errors
    ///
    /// When the flags contradict each other.
    pub(crate) fn resolve(self) -> Result<(Config, SocketAddr, LogArgs), clap::Error> {
        let Self {
            command: _,
            urls,
            urls_file,
            http_address,
            http_port,
            http_probe_seconds: interval,
            timeout_seconds,
            kept,
            logs,
        } = self;
        let timeout = cli::timeout::<Self>(timeout_seconds, interval, "--http-probe-seconds")?;
        let (urls_file, listed) = urls_file.map(|UrlsFile(file, urls)| (file, urls)).unzip();
        let targets = urls.or(listed).map_or_else(Vec::new, |Urls(urls)| urls);
        Ok((Config { targets, urls_file, interval, timeout, kept }, SocketAddr::new(http_address, http_port), logs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(argv: &[&str]) -> Result<(Config, SocketAddr), clap::Error> {
        let (config, listen, _) = Args::try_parse_from([&["probe"], argv].concat())?.resolve()?;
        Ok((config, listen))
    }

    #[test]
    fn the_labs_own_commands_work() {
        let (config, listen) = config(&[
            "--http-port=80",
            "--urls=http://frontend.stars:80/status,http://backend.stars:6379/status,http://client.client:9000/status",
        ])
        .unwrap();
        assert_eq!(listen.to_string(), "[::]:80");
        assert_eq!((config.interval, config.timeout), (Duration::from_secs(1), Duration::from_secs(1)));
        let urls: Vec<_> = config.targets.iter().map(TargetUrl::as_str).collect();
        assert_eq!(
            urls,
            ["http://frontend.stars:80/status", "http://backend.stars:6379/status", "http://client.client:9000/status"]
        );
    }

    #[test]
    fn no_urls_at_all_is_a_mistake_and_an_empty_list_is_not() {
        assert!(config(&[]).is_err());
        for argv in ["--urls=", "--urls=,"] {
            assert!(config(&[argv]).unwrap().0.targets.is_empty());
        }
    }

    #[test]
    fn the_originals_defaults_and_addresses_hold() {
        assert_eq!(config(&["--urls="]).unwrap().1.to_string(), "[::]:9000");
        assert_eq!(config(&["--urls=", "--http-address=[::1]"]).unwrap().1.to_string(), "[::1]:9000");
    }

    #[test]
    fn too_many_targets_are_refused_by_number() {
        let Unquoted(problem) = urls(&"a,".repeat(MAX_TARGETS + 1)).unwrap_err();
        assert!(problem.contains("10001 URLs"), "{problem}");
    }
}
