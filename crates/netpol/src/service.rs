//! Services: a stable name and address before the pods that a selector finds.

use std::{fmt, net::IpAddr};

use crate::{
    connections::Protocol, location::Location, manifest::Object, node::Node, selector::Labels, workload::Workload,
};

/// A Service of `v1`.
///
/// Displayed as `namespace/name`.
#[derive(Clone, Debug)]
pub struct Service {
    /// Where it stands.
    pub at: Location,
    /// Its namespace, also that of the pods it selects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The labels that its pods carry; nothing when its endpoints are given by hand.
    pub selector: Option<Labels>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    pub kind: String,
    /// Whether it has no address of its own, so that its name means its pods' addresses.
    pub headless: bool,
    /// Its address, if the manifest gives one.
    pub cluster_ip: Option<IpAddr>,
    /// All its addresses that the manifest gives: in the cluster, external, of a load balancer.
    pub addresses: Vec<IpAddr>,
}

/// One of a Service's ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name, empty if it has none.
    pub name: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number, on the Service's address.
    pub port: u16,
    /// Which of the pods' ports it leads to.
    pub target: TargetPort,
}

/// A pod's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// By number.
    Number(u16),
    /// By the name that each pod gives it.
    Name(String),
}

impl TargetPort {
    /// The port's number on a pod; nothing if its containers know no port of that name.
    pub fn on(&self, workload: &Workload, protocol: Protocol) -> Option<u16> {
        match self {
            Self::Number(port) => Some(*port),
            Self::Name(name) => workload.port(name, protocol),
        }
    }
}

impl Service {
    pub(crate) fn read(object: &Object, namespace: &str) -> Option<Self> {
        if object.kind != "Service" || object.api_version != "v1" {
            return None;
        }
        let spec = |field: &str| object.node.at_path(&["spec", field]);
        let selector = spec("selector").map(Node::entries).filter(|entries| !entries.is_empty()).map(|entries| {
            entries
                .iter()
                .map(|entry| (entry.key.to_string(), entry.value.text().unwrap_or_default().to_owned()))
                .collect()
        });
        let address = spec("clusterIP").and_then(Node::text);
        let listed = ["clusterIPs", "externalIPs"].into_iter().filter_map(spec).flat_map(Node::items);
        let balancer = object.node.at_path(&["status", "loadBalancer", "ingress"]).map(Node::items).unwrap_or_default();
        let texts =
            listed.chain(balancer.iter().filter_map(|item| item.get("ip"))).filter_map(Node::text).chain(address);
        Some(Self {
            at: object.node.at.clone(),
            namespace: object.namespace(namespace).to_owned(),
            name: object.name.clone(),
            selector,
            ports: spec("ports").map(Node::items).unwrap_or_default().iter().filter_map(read_port).collect(),
            kind: spec("type").and_then(Node::text).unwrap_or("ClusterIP").to_owned(),
            headless: address == Some("None"),
            cluster_ip: address.and_then(|text| text.parse().ok()),
            addresses: texts.filter_map(|text| text.parse().ok()).collect(),
        })
    }

    /// Whether a pod of this workload stands behind it.
    pub fn selects(&self, workload: &Workload) -> bool {
        self.selects_pod(&workload.namespace, &workload.labels)
    }

    /// Whether a pod of that namespace with these labels stands behind it.
    pub fn selects_pod(&self, namespace: &str, labels: &Labels) -> bool {
        let carries = |(key, value)| labels.get(key) == Some(value);
        self.namespace == namespace && self.selector.as_ref().is_some_and(|labels| labels.iter().all(carries))
    }
}

fn read_port(node: &Node) -> Option<ServicePort> {
    let text = |field: &str| node.get(field).and_then(Node::text);
    let number = |node: &Node| node.integer().and_then(|number| u16::try_from(number).ok());
    let port = number(node.get("port")?)?;
    let target = match node.get("targetPort") {
        None => TargetPort::Number(port),
        Some(target) => match number(target) {
            Some(number) => TargetPort::Number(number),
            // The API server reads a number in quotes as a name here too, and no port has such a name.
            None => TargetPort::Name(target.text()?.to_owned()),
        },
    };
    let protocol = text("protocol").map_or(Some(Protocol::Tcp), Protocol::named)?;
    Some(ServicePort { name: text("name").unwrap_or_default().to_owned(), protocol, port, target })
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
