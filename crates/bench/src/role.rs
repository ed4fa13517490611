//! The programs beside ours, and those that serve or ask them: this one, re-executed.

mod ask;
mod bare;
mod fixture;
mod policies;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use rustix::process::{Signal, set_parent_process_death_signal};

pub(crate) use fixture::address as fixture;
pub(crate) use policies::{Turn, export};

/// Between two checks of a target.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(crate) enum Role {
    /// Become another program that ends with the one that started it
    #[command(hide = true)]
    Tied { program: OsString, args: Vec<OsString> },
    /// Answer every request alike
    #[command(hide = true)]
    Bare { framework: Framework, address: SocketAddr, answer: String },
    /// Be checked, at many addresses, and tell how often and how evenly
    #[command(hide = true)]
    Fixture { port: u16, count: usize },
    /// Get each URL once in an interval
    #[command(hide = true)]
    Ask { connections: Connections, urls: Vec<reqwest::Url> },
    /// Evaluate a thousand workloads and five hundred policies, and tell what it took
    #[command(hide = true)]
    Policies,
}

/// What a bare server is made with.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Framework {
    Hyper,
    Axum,
}

/// How one who asks often connects.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Connections {
    /// Anew for each request.
    New,
    /// As rarely as possible.
    Kept,
}

impl Role {
    /// Runs until it is killed, or has told what it measured.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Tied { program, args } => {
                set_parent_process_death_signal(Some(Signal::KILL))?;
                Err(Command::new(program).args(args).exec().into())
            }
            Self::Bare { framework, address, answer } => bare::run(framework, address, &answer),
            Self::Fixture { port, count } => fixture::run(port, count),
            Self::Ask { connections, urls } => ask::run(connections, urls),
            Self::Policies => policies::run(),
        }
    }
}
