//! The workload that answers DNS questions in every cluster.

use std::collections::BTreeSet;

use crate::{
    connections::Protocol,
    location::Location,
    node::{Node, Value},
    selector::Labels,
    workload::{NamedPort, Workload},
};

/// Where a cluster's DNS runs, and the label that it carries by convention.
/// <https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/>
pub(crate) const NAMESPACE: &str = "kube-system";
const LABEL: (&str, &str) = ("k8s-app", "kube-dns");

/// Whether a workload answers DNS questions.
pub(crate) fn is_dns(workload: &Workload) -> bool {
    workload.namespace == NAMESPACE && workload.labels.get(LABEL.0).is_some_and(|value| value == LABEL.1)
}

/// The DNS workload that every cluster has, for manifests that do not name it.
pub(crate) fn usual() -> Workload {
    let at = Location { file: "(every cluster)".into(), line: 1, column: 1 };
    let named = |name: &str, protocol| NamedPort { name: name.into(), protocol, port: 53 };
    Workload {
        template: Node { at: at.clone(), value: Value::Mapping(Vec::new()) },
        at,
        kind: "Deployment".into(),
        namespace: NAMESPACE.into(),
        name: "kube-dns".into(),
        labels: Labels::from([(LABEL.0.into(), LABEL.1.into())]),
        varying: BTreeSet::new(),
        controller_labels: Labels::new(),
        ports: vec![named("dns", Protocol::Udp), named("dns-tcp", Protocol::Tcp)],
        host_network: false,
        node: None,
        addresses: Vec::new(),
        replicas: None,
        first_ordinal: 0,
    }
}
