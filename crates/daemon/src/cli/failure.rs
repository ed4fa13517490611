//! The one line that says why a program does not run.

use std::error::Error as _;
use std::ffi::OsString;
use std::iter;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error, Parser};

/// An argument of `A` that parses but cannot be used, and why. Exits with 2, like one that does not parse.
pub fn usage<A: Parser>(problem: impl std::fmt::Display) -> Error {
    A::command().error(ErrorKind::ValueValidation, problem)
}

/// Why a value cannot be used that may hold a secret. The line that says so leaves the value out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unquoted(pub String);

/// Has an error about a flag that nobody typed name the environment variable that set it, and say nothing of what may be
/// a URL's user and password, wherever on the command line that stands.
pub(super) fn tell(mut error: Error, mut command: Command, argv: &[OsString]) -> Error {
    command.build();
    let secret = |value: &ContextValue| value.to_string().contains('@');
    let secrets: Vec<_> = error.context().filter(|(_, value)| secret(value)).map(|(kind, _)| kind).collect();
    for kind in secrets {
        // What is not a string is a suggestion, made of it.
        if let Some(ContextValue::String(_)) = error.remove(kind) {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
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
pub(super) fn line(error: &anyhow::Error) -> String {
    let Some(usage) = error.downcast_ref::<Error>() else { return format!("{error:#}") };
    let unquoted = usage.source().filter(|source| source.is::<Unquoted>());
    let rendered = match (unquoted, usage.get(ContextKind::InvalidArg)) {
        (Some(problem), Some(flag)) => format!("invalid value for '{flag}': {problem}"),
        _ => usage.render().to_string(),
    };
    let told = rendered.split("\n\nUsage:").next().unwrap_or_default().split("\n\nFor more").next().unwrap_or_default();
    let told: Vec<_> = told.split_whitespace().collect();
    format!("{}; --help lists the flags", told.join(" ").trim_start_matches("error: "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::seconds;

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
}
