//! The end of a target's certificate, said in time.

use std::time::Duration;

use star_wire::Timestamp;
use tokio::time::Instant;

use super::Check;

/// From so long before a certificate's end on it is said.
const BEFORE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// How often it is said.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Says in the log that the certificate of one target ends: when it is seen, and once a day until it has been replaced.
#[derive(Debug, Default)]
pub struct Reminder {
    said: Option<(Timestamp, Instant)>,
}

impl Reminder {
    /// Looks at a check of `url`.
    pub fn look(&mut self, url: &str, check: &Check) {
        let Some(expires) = check.phases.certificate_expires else { return };
        let now = star_wire::now();
        if !self.is_due(expires, now, Instant::now()) {
            return;
        }
        if expires <= now {
            tracing::warn!(url, %expires, "the certificate has expired");
        } else {
            let days = expires.duration_since(now).as_hours() / 24;
            tracing::warn!(url, %expires, days, "the certificate expires soon");
        }
    }

    fn is_due(&mut self, expires: Timestamp, now: Timestamp, instant: Instant) -> bool {
        if expires - BEFORE > now {
            self.said = None;
            return false;
        }
        let due = self.said.is_none_or(|(of, at)| of != expires || instant - at >= EVERY);
        if due {
            self.said = Some((expires, instant));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_from_14_days_on_once_a_day_and_of_each_certificate() {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let (mut reminder, start, now) = (Reminder::default(), Instant::now(), star_wire::now());
        let expires = now + 14 * DAY;
        let mut due = |expires, after| reminder.is_due(expires, now + after, start + after);
        let second = Duration::from_secs(1);
        assert!(!due(expires + second, Duration::ZERO), "there is more time left");
        assert!(due(expires, Duration::ZERO));
        assert!(!due(expires, DAY - second));
        assert!(due(expires, DAY));
        assert!(due(expires - second, DAY), "another certificate");
        assert!(!due(expires + 2 * DAY, DAY), "one that lasts");
        assert!(due(expires, DAY), "the old one is back");
        assert!(due(expires, 20 * DAY), "it has ended");
    }
}
