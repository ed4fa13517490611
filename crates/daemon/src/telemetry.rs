//! Logs: constant messages, values as fields, to stderr or a file.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Where logs go, and how.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// Append logs to this file instead of stderr; its folders are created
    #[arg(long, value_name = "PATH", env = "STAR_LOGFILE")]
    logfile: Option<PathBuf>,
    /// How a line of the log looks
    #[arg(long, value_name = "FORMAT", env = "STAR_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// The least important messages to log: error, warn, info (transitions), debug (each check) or off
    #[arg(long, value_name = "LEVEL", env = "STAR_LOG_LEVEL", default_value = "info")]
    log_level: LevelFilter,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Starts logging.
///
/// # Errors
///
/// When the log file cannot be opened.
pub fn start(args: LogArgs) -> anyhow::Result<()> {
    let LogArgs { logfile, log_format, log_level } = args;
    let ansi = logfile.is_none() && io::stderr().is_terminal();
    let writer = match logfile {
        None => BoxMakeWriter::new(io::stderr),
        Some(path) => {
            let open = || {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                File::options().create(true).append(true).open(&path)
            };
            let file = open().with_context(|| {
                format!("--logfile={}: cannot be opened for appending; name a file that may be written", path.display())
            })?;
            BoxMakeWriter::new(file)
        }
    };
    let logs = tracing_subscriber::fmt().with_max_level(log_level).with_writer(writer).with_ansi(ansi);
    // One process may start more than one daemon (tests do): the first one's choice stays.
    let _ = match log_format {
        LogFormat::Text => logs.with_target(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    Ok(())
}
