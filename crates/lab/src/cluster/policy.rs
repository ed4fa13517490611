//! NetworkPolicies: what they say, and what `kubectl` shows beside it.

use jiff::Timestamp;
use star_netpol::manifest::Object;
use star_netpol::policy::Policy;
use star_netpol::selector::Labels;

use super::{Outcome, texts};

/// A NetworkPolicy.
#[derive(Debug, PartialEq)]
pub(crate) struct PolicyObject {
    pub(crate) policy: Policy,
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) created: Timestamp,
}

impl PolicyObject {
    /// What `object`, which says `policy`, makes of the one that there was `before`.
    pub(super) fn applied(object: &Object, policy: Policy, before: Option<&Self>, now: Timestamp) -> (Self, Outcome) {
        let labels = texts(&object.node, "labels");
        let annotations = texts(&object.node, "annotations");
        let same =
            |before: &Self| (&before.policy, &before.labels, &before.annotations) == (&policy, &labels, &annotations);
        let outcome = Outcome::of(before.map(same));
        let created = before.map_or(now, |before| before.created);
        (Self { policy, labels, annotations, created }, outcome)
    }
}

#[cfg(test)]
mod tests;
