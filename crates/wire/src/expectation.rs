//! What the policies say of an edge, and whether what was measured agrees.

use serde::{Deserialize, Serialize};

/// What the policies say about an edge.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Egress of the source and ingress of the target both admit it.
    Allowed,
    /// One of them is isolated, and no rule admits it.
    Denied,
    /// The manifests do not settle it; also what only a newer peer knows.
    #[serde(other)]
    Undecided,
}

/// How what was measured stands to what is expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// As the policies say, and shown to be so.
    Agrees,
    /// As the policies say, but it would look the same without them: nobody else is known to reach the target.
    Unproven,
    /// Packets pass that the policies deny.
    Hole,
    /// Packets are dropped that the policies allow, while others reach the target.
    Blocked,
    /// No answer where the policies allow it, and nobody reaches the target: not shown to be a policy.
    Silent,
    /// The target refuses what the policies allow: it does not listen, or something rejects.
    Refused,
    /// Policies or pods changed a moment ago, and the network may still follow.
    Settling,
    /// Nothing was measured that says anything of the network; also what only a newer peer knows.
    #[serde(other)]
    NotMeasured,
}

/// One reason for what is expected.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Because {
    /// The reason, for people.
    pub sentence: String,
    /// The policy that it speaks of, as `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its rule, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
    /// The direction of that rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Where it stands, as `file:line`; an object of the API has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A direction of traffic, as a policy sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the pods that a policy selects.
    Ingress,
    /// Out of them.
    Egress,
}
