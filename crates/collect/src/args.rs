//! The command line, as typed and as meant.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser};
use star_daemon::check::Guard;
use star_daemon::cli;
use star_daemon::follow::Followed;
use star_daemon::telemetry::LogArgs;

use crate::http::base_path::BasePath;
use crate::journal::StateFile;
use crate::resource::{self, Entry};

/// Fetches the probes' status and serves it as a live graph.
#[derive(Debug, Parser)]
#[command(
    name = "star-collect",
    version,
    after_help = "Example:\n  star-collect --resources-file=resources.json\n  with [{\"id\":\"F\",\"url\":\"http://frontend.stars:80/status\"}] in it"
)]
pub(crate) struct Args {
    /// Address to listen on; :: is all, of IPv6 and IPv4
    #[arg(long, value_name = "ADDRESS", env = "STAR_HTTP_ADDRESS", default_value = "::", value_parser = cli::address)]
    http_address: IpAddr,
    /// Port to listen on
    #[arg(long, value_name = "PORT", env = "STAR_HTTP_PORT_NUMBER", default_value_t = 9001)]
    http_port: u16,
    /// Seconds between two fetches of a resource that does not hold its answer; fractions are welcome
    #[arg(long, value_name = "SECONDS", env = "STAR_HTTP_REQUEST_SECONDS", default_value = "1", value_parser = cli::seconds)]
    http_request_seconds: Duration,
    /// Seconds that a fetch may take, at most the interval [default: 1, or the interval if that is less]
    #[arg(long, value_name = "SECONDS", env = "STAR_TIMEOUT_SECONDS", value_parser = cli::seconds)]
    timeout_seconds: Option<Duration>,
    /// Resources to fetch: a file with a JSON array of {"id":…,"url":…}, read again when it changes
    #[arg(long, value_name = "PATH", env = "STAR_RESOURCES_FILE")]
    resources_file: Option<PathBuf>,
    /// Keep what requests change, and the last hour of history, in this file, so that a restart forgets neither
    #[arg(long, value_name = "PATH", env = "STAR_STATE_FILE")]
    state_file: Option<PathBuf>,
    /// Let those who send the token in this file change the resources, and nobody else ("Authorization: Bearer …")
    #[arg(long, value_name = "PATH", env = "STAR_ADMIN_TOKEN_FILE")]
    admin_token_file: Option<PathBuf>,
    /// Path under which a proxy that does not strip it serves the page, such as /stars
    #[arg(long, value_name = "PATH", env = "STAR_BASE_PATH")]
    base_path: Option<BasePath>,
    /// Fetch from link-local and metadata addresses, too
    #[arg(long, env = "STAR_ALLOW_LINK_LOCAL", value_parser = FalseyValueParser::new(), action = ArgAction::SetTrue)]
    allow_link_local: bool,
    #[command(flatten)]
    logs: LogArgs,
}

/// What the collector is to do.
#[derive(Debug)]
pub struct Config {
    /// What to fetch at first.
    pub resources: Vec<Entry>,
    /// Where that stands: what to fetch follows the file.
    pub resources_file: Option<Followed>,
    /// What outlives the process.
    pub state_file: Option<StateFile>,
    /// Between two fetches of a resource.
    pub interval: Duration,
    /// How long a fetch may take; at most the interval.
    pub timeout: Duration,
    /// Where the token is with which alone resources may be changed; without one, only this machine may.
    pub admin_token_file: Option<PathBuf>,
    /// Where a proxy serves us, beside where we are.
    pub base_path: Option<BasePath>,
}

impl Args {
    /// What is meant: what to do, where resources may be, where to listen, where to log.
    ///
    /// # Errors
    ///
    /// When the flags contradict each other, or a file cannot be used.
    pub(crate) fn resolve(self) -> anyhow::Result<(Config, Guard, SocketAddr, LogArgs)> {
        let Self {
            http_address,
            http_port,
            http_request_seconds: interval,
            timeout_seconds,
            resources_file,
            state_file,
            admin_token_file,
            base_path,
            allow_link_local,
            logs,
        } = self;
        let timeout = cli::timeout::<Self>(timeout_seconds, interval, "--http-request-seconds")?;
        let resources_file = resources_file.map(Followed::new);
        let resources = match resources_file.as_ref().map(Followed::path) {
            None => Vec::new(),
            Some(path) => resource::read(path).with_context(|| format!("--resources-file={}", path.display()))?,
        };
        if let Some(path) = &admin_token_file {
            crate::http::admin::token(path).with_context(|| format!("--admin-token-file={}", path.display()))?;
        }
        let guard = if allow_link_local { Guard::Open } else { Guard::NoLinkLocal };
        let unusable = |path: &Path, error| {
            let problem = format!("--state-file={}: {error:#}", path.display());
            Self::command().error(ErrorKind::ValueValidation, problem)
        };
        let state_file =
            state_file.map(|path| StateFile::open(&path).map_err(|error| unusable(&path, error))).transpose()?;
        let config = Config { resources, resources_file, state_file, interval, timeout, admin_token_file, base_path };
        Ok((config, guard, SocketAddr::new(http_address, http_port), logs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_refused_unless_a_flag_allows_them() {
        let guard = |argv: &[&str]| Args::try_parse_from(argv).unwrap().resolve().unwrap().1;
        assert_eq!(guard(&["collect"]), Guard::NoLinkLocal);
        assert_eq!(guard(&["collect", "--allow-link-local"]), Guard::Open);
    }
}
