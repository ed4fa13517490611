//! The graph as a series of events: live at `GET /api/v1/graph/events` (server-sent events, the event's name being the tag
//! here), recorded at `GET /api/v1/history`.
//!
//! A stream speaks in rows and indexes, so that a large graph fits: an edge names its target by the node's place in the last
//! snapshot, a patch names an edge by its place in the source's row.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::expectation::{Agreement, Because, Expected};
use crate::gap::Gap;
use crate::graph::Node;
use crate::observation::Observation;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The whole graph: first in every stream, and whenever the set of nodes changes.
    Snapshot(Snapshot),
    /// What changed since the event before.
    Patch(Patch),
    /// Nothing changed: comes every two seconds, so that silence means a broken connection.
    Heartbeat(Heartbeat),
}

impl Event {
    /// The event's name, as in the stream's `event:` field.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Snapshot(_) => "snapshot",
            Self::Patch(_) => "patch",
            Self::Heartbeat(_) => "heartbeat",
        }
    }
}

/// The whole graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The state's number.
    pub seq: u64,
    /// When it became so.
    pub at: Timestamp,
    /// As in [`crate::graph::Graph`]; indexes below count from 0 here.
    pub nodes: Vec<Node>,
    /// The nodes that have edges.
    pub rows: Vec<Row>,
    /// What was done before: the last few. A client that comes back may not know all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// When nobody looked before: the last few, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<NodeGap>,
}

/// All edges out of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The node that checks.
    pub source: usize,
    /// In the order of its status.
    pub edges: Vec<RowEdge>,
}

/// One edge of a row. Its latency is not told here, for it changes all the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowEdge {
    /// The node that is checked.
    pub target: usize,
    /// What the source found. Shared, for there may be a million, each known in several places.
    #[serde(flatten)]
    pub observation: Arc<Observation>,
    /// What the policies say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// Whether what was found agrees with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// Why it is expected.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub because: Arc<[Because]>,
}

/// What changed between two numbered states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// The number of the state that it makes.
    pub seq: u64,
    /// The number of the state that it applies to.
    pub prev: u64,
    /// When the change was seen.
    pub at: Timestamp,
    /// Nodes that changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodePatch>,
    /// Rows that are to be replaced as a whole, because the source lists other targets than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// Edges that changed in rows that stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgePatch>,
    /// What was done meanwhile that may be why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// When nobody looked meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<NodeGap>,
}

/// What the collector now finds of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodePatch {
    /// The node.
    pub node: usize,
    /// Replaces what was known.
    #[serde(flatten)]
    pub observation: Observation,
}

/// The changed edges of one row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgePatch {
    /// The row's node.
    pub source: usize,
    /// Place in the row, and what stands there now.
    pub changed: Vec<(usize, RowEdge)>,
}

/// Something that was done to the cluster, of which a change may be the consequence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// When it was seen.
    pub at: Timestamp,
    /// What was done.
    pub what: Deed,
    /// To whom: a policy or a pod, as `namespace/name`.
    pub who: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A policy is new, or another than before.
    PolicyApplied,
    /// A policy is gone.
    PolicyDeleted,
    /// A pod runs.
    PodStarted,
    /// A pod runs no more.
    PodEnded,
    /// Something that only a newer peer knows.
    #[serde(other)]
    Unknown,
}

/// When nobody looked at the edges of one node, or at anything.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct NodeGap {
    /// The node whose probe stood still; none if the collector itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<usize>,
    /// From when until when.
    #[serde(flatten)]
    pub gap: Gap,
}

/// That the stream lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The number of the state that the client should have.
    pub seq: u64,
    /// The collector's clock.
    pub at: Timestamp,
}

/// The body of `GET /api/v1/history`: the stream's past. The first event is a snapshot, the oldest state that is still
/// known; each later one is a snapshot or a patch, so that any moment in between can be rebuilt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Oldest first.
    pub events: Vec<Event>,
}
