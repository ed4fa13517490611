//! What the collector got from its resources: `/responses`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Sample data, a [`ResponsesBody`]: what `GET /responses/example` answers, the same as the original's.
pub const EXAMPLE: &str = include_str!("../golden/responses-example.json");

/// The last answer of a resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    /// The body, as it came.
    pub json: Arc<RawValue>,
    /// The HTTP status code; any counts, as long as the body is JSON.
    #[serde(rename = "statusCode")]
    pub status_code: u16,
    /// The resource's URL.
    pub url: String,
}

/// The body of `GET /responses`, ids sorted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ResponsesBody {
    /// By resource id; `None` while it is not fetched, unreachable, or answers with something other than JSON.
    pub responses: BTreeMap<String, Option<Response>>,
}

/// The body of `GET /responses/{id}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ResponseBody {
    /// The one that was asked for, under its id.
    pub response: BTreeMap<String, Option<Response>>,
}
