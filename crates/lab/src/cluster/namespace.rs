//! Namespaces: their labels.

use jiff::Timestamp;
use star_netpol::manifest::Object;
use star_netpol::selector::Labels;

use super::{Outcome, texts};

/// The label that every namespace carries.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Those that are there from the start, and stay.
pub(super) const OWN: [&str; 2] = ["default", "kube-system"];

/// A namespace.
#[derive(Debug, PartialEq)]
pub(crate) struct Namespace {
    pub(crate) labels: Labels,
    pub(crate) created: Timestamp,
}

impl Namespace {
    /// One that is there from the start.
    pub(super) fn own(name: &str, created: Timestamp) -> Self {
        Self { labels: Labels::from([(NAME_LABEL.to_owned(), name.to_owned())]), created }
    }

    /// What `object` makes of the namespace that there was `before`.
    pub(super) fn applied(object: &Object, before: Option<&Self>, now: Timestamp) -> (Self, Outcome) {
        let mut labels = texts(&object.node, "labels");
        labels.insert(NAME_LABEL.to_owned(), object.name.clone());
        let outcome = Outcome::of(before.map(|before| before.labels == labels));
        (Self { labels, created: before.map_or(now, |before| before.created) }, outcome)
    }
}

#[cfg(test)]
mod tests;
