//! What a probe serves at `GET /status`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::gap::Gap;
use crate::observation::{Observation, State};

/// The body of `GET /status`: `{"status":{"targets":[…]}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusBody {
    /// What the probe found.
    pub status: Status,
}

/// A probe's targets, in the order configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// One for each configured URL.
    pub targets: Vec<Arc<Target>>,
    /// When the probe stood still, oldest first: the last few times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// One URL that a probe checks, and what it found there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// Whether an HTTP response came: all that the original knows. `false` before the first check.
    pub reachable: bool,
    /// The URL as configured, to the byte.
    pub url: String,
    /// The id of the resource that the target is, where the probe was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The rest of what was found.
    #[serde(flatten)]
    pub observation: Observation,
}

impl Target {
    /// A target in the state that was observed.
    pub fn new(url: impl Into<String>, observation: Observation) -> Self {
        Self { reachable: observation.state == State::Reachable, url: url.into(), id: None, observation }
    }
}

impl<'de> Deserialize<'de> for Target {
    /// Reads the original's two keys as well: without a `state`, `reachable` tells it.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            reachable: bool,
            url: String,
            id: Option<String>,
            state: Option<State>,
            #[serde(flatten)]
            observation: Observation,
        }
        let Raw { reachable, url, id, state, mut observation } = Raw::deserialize(deserializer)?;
        observation.state = state.unwrap_or(if reachable { State::Reachable } else { State::Unreachable });
        Ok(Self { reachable, url, id, observation })
    }
}
