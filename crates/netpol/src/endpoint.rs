//! One end of an edge: a workload, an address, or whoever is not in the manifests.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use ipnet::IpNet;

use crate::{
    cluster::NAME_LABEL,
    selector::{Fit, Labels, Operator, Selector},
};

/// One end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint<'e> {
    /// The pods of a workload, by its place among the cluster's workloads.
    Workload(usize),
    /// An address that no workload has.
    Address(IpAddr),
    /// Any address of a block, whoever has it.
    Block(IpNet),
    /// Any of these pods, which the manifests do not name.
    Pods(&'e Pods),
}

/// Pods that the manifests do not name, by what is known of them. Of their addresses nothing is known.
///
/// Displayed as `any pod`, `any pod of x` or, say, `any pod with role=web in a namespace with team=a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pods {
    /// Where they are.
    pub place: Place,
    /// Their labels are all that this selects.
    pub labels: Selector,
}

/// Where pods are that the manifests do not name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this namespace.
    Namespace(String),
    /// In any namespace that this selects. The policies of that namespace are not asked.
    Namespaces(Selector),
}

impl Pods {
    /// Any pod of any namespace.
    pub fn any() -> Self {
        Self { place: Place::Namespaces(Selector::default()), labels: Selector::default() }
    }

    /// Any pod that this namespace may get.
    pub fn of(namespace: &str) -> Self {
        Self { place: Place::Namespace(namespace.into()), labels: Selector::default() }
    }
}

impl Place {
    /// Where a namespace selector finds pods: a selector by name alone means one namespace.
    pub fn selected(selector: &Selector) -> Self {
        match selector.requirements() {
            [only] if only.key == NAME_LABEL => match &only.operator {
                Operator::Equals(name) => Self::Namespace(name.clone()),
                Operator::In(names) if names.len() == 1 => Self::Namespace(names[0].clone()),
                _ => Self::Namespaces(selector.clone()),
            },
            _ => Self::Namespaces(selector.clone()),
        }
    }

    /// Whether a namespace selector selects it; `labels` are those of namespaces that are known.
    pub(crate) fn fit<'l>(&self, selector: &Selector, labels: impl Fn(&str) -> Option<&'l Labels>) -> Fit {
        match self {
            Self::Namespaces(class) => selector.covers(class),
            Self::Namespace(name) => match labels(name) {
                Some(labels) => selector.fit(labels, &BTreeSet::new()),
                None => {
                    let operator = Operator::Equals(name.clone());
                    let name = crate::selector::Requirement { key: NAME_LABEL.into(), operator };
                    selector.covers(&Selector::new(vec![name]))
                }
            },
        }
    }
}

impl fmt::Display for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, labels } = self;
        f.write_str("any pod")?;
        if !labels.is_everything() {
            write!(f, " with {labels}")?;
        }
        match place {
            Place::Namespace(name) => write!(f, " of {name}"),
            Place::Namespaces(selector) if selector.is_everything() => Ok(()),
            Place::Namespaces(selector) => write!(f, " in a namespace with {selector}"),
        }
    }
}
