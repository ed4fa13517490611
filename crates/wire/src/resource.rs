//! What the collector fetches: `/resources`, and the file that it starts from.

use serde::{Deserialize, Serialize};

/// A URL to fetch, under the id that the graph shows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// What names it: unique in one collector.
    pub id: String,
    /// Where it is, as configured, to the byte.
    pub url: String,
}

/// The body of `GET /resources`, ids sorted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ResourcesBody {
    /// All of them.
    pub resources: Vec<Resource>,
}

/// The body of `GET /resources/{id}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ResourceBody {
    /// The one that was asked for.
    pub resource: Resource,
}
