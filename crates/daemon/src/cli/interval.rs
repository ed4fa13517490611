//! How often, and for how long: durations as people type them.

use std::time::Duration;

use clap::{Error, Parser};

use super::failure::usage;

/// Parses seconds, fractions allowed, from 0.1 to a day.
///
/// # Errors
///
/// When it is not a number, or out of that range.
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
    struct It {}

    #[test]
    fn a_timeout_is_a_second_or_the_interval_and_never_longer() {
        let interval = Duration::from_millis(500);
        assert_eq!(timeout::<It>(None, interval, "--x").unwrap(), interval);
        assert_eq!(timeout::<It>(None, Duration::from_secs(5), "--x").unwrap(), Duration::from_secs(1));
        assert_eq!(timeout::<It>(Some(interval), interval, "--x").unwrap(), interval);
        let error = timeout::<It>(Some(Duration::from_secs(2)), interval, "--x-seconds").unwrap_err();
        let told = error.to_string();
        assert!(told.contains("--timeout-seconds=2 is longer than --x-seconds=0.5; give at most"), "{told}");
    }

    #[test]
    fn seconds_take_fractions_and_no_nonsense() {
        assert_eq!(seconds("0.25").unwrap(), Duration::from_millis(250));
        for text in ["0", "-1", "NaN", "inf", "1e9", "", "5s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
