//! A time when nobody looked: what happened in it is not known, and is never made up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A process stood still from one moment to another (it was stopped, or starved).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// When it is known to have looked last.
    pub from: Timestamp,
    /// When it looked again.
    pub until: Timestamp,
}
