//! Who reaches whom, flat and friendly: `GET /api/v1/graph`.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::expectation::{Agreement, Because, Expected};
use crate::observation::Observation;

/// Everything that the collector knows at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Grows by one with each transition; starts anew with the collector.
    pub seq: u64,
    /// When it became so: the last transition.
    pub at: Timestamp,
    /// The resources by id, then the targets that are not resources by URL.
    pub nodes: Vec<Node>,
    /// By source as in `nodes`, then in the order of the source's status.
    pub edges: Vec<Edge>,
}

/// Somebody who is checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// A resource's id; the URL of a target that is not a resource.
    pub id: String,
    /// Where it is, as configured.
    pub url: String,
    /// Whether the collector fetches it.
    pub kind: Kind,
    /// What the collector itself found; `unknown` for a target that is not a resource.
    #[serde(flatten)]
    pub observation: Observation,
}

/// What a node is to the collector.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of `/resources`.
    Resource,
    /// Listed by a probe, and no resource.
    #[serde(other)]
    Target,
}

/// That one node checks another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The id of the node that checks.
    pub source: String,
    /// The id of the node that is checked.
    pub target: String,
    /// What the source found; `unknown` while the collector cannot ask it.
    #[serde(flatten)]
    pub observation: Observation,
    /// What the policies say; `null` while nothing is expected.
    pub expected: Option<Expected>,
    /// Whether what was found agrees with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// Why it is expected.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub because: Arc<[Because]>,
}
