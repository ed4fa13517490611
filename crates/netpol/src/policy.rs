//! A NetworkPolicy of `networking.k8s.io/v1`, as the API server would hold it.

use std::{collections::BTreeMap, fmt};

use ipnet::IpNet;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    connections::Protocol,
    location::{Location, Problem},
    selector::{Fit, Selector},
};

mod read;

/// A policy: the pods that it selects, and what it admits to and from them.
///
/// It serializes as the Kubernetes object that it was read from, with every default written out.
/// Two are equal if they say the same, however it is written.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where it stands.
    pub at: Location,
    /// Its namespace, which is also that of the pods that it selects.
    pub namespace: String,
    /// Its name, unique in the namespace.
    pub name: String,
    /// The pods that it selects.
    pub pod_selector: Selector,
    /// What it admits into them; nothing when it does not isolate them for ingress.
    pub ingress: Option<Vec<Rule>>,
    /// What it admits out of them; nothing when it does not isolate them for egress.
    pub egress: Option<Vec<Rule>>,
    /// Where rules stand that do nothing, since `policyTypes` leaves their direction out.
    pub(crate) idle: Option<(Location, Direction)>,
    /// Whether `policyTypes` are given, and for which directions rules are written, be they none.
    pub(crate) types_given: bool,
    pub(crate) written: Vec<Direction>,
    /// Where `y` or `n` stands without quotes and is taken for text: kubectl takes it for a boolean.
    pub(crate) unquoted: Vec<Problem>,
}

/// The two ways in which a policy isolates a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Into the pod.
    Ingress,
    /// Out of the pod.
    Egress,
}

/// One item of `ingress` or `egress`: what it admits is any of its peers on any of its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub at: Location,
    /// The peers that it admits; without any, every peer.
    pub peers: Vec<Peer>,
    /// The ports that it admits; without any, every port of every protocol.
    pub ports: Vec<Port>,
}

/// One item of `from` or `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it stands.
    pub at: Location,
    /// Whom it admits.
    pub scope: Scope,
}

/// Whom a peer admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Scope {
    /// Pods: those of the namespaces that the first selects, or of the policy's own without it, that the second selects,
    /// or all of them without it. One of the two is there.
    #[serde(rename_all = "camelCase")]
    Pods {
        /// Which namespaces.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace_selector: Option<Selector>,
        /// Which of their pods.
        #[serde(skip_serializing_if = "Option::is_none")]
        pod_selector: Option<Selector>,
    },
    /// Addresses.
    #[serde(rename_all = "camelCase")]
    Block {
        /// Which.
        ip_block: IpBlock,
    },
}

/// The addresses of a block without those of the exceptions, each of which lies inside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IpBlock {
    /// The block.
    pub cidr: IpNet,
    /// Its holes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<IpNet>,
}

/// One item of `ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Where it stands.
    pub at: Location,
    /// Its protocol, TCP unless given.
    pub protocol: Protocol,
    /// Which of the protocol's ports.
    pub target: Target,
}

/// Which ports of a protocol an item of `ports` admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All of them.
    Every,
    /// From the first to the last, both included.
    Range(u16, u16),
    /// The one that the destination pod gives this name.
    Named(String),
}

impl Direction {
    /// Both, as `policyTypes` lists them by default.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The name of the rules' field: `ingress` or `egress`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Policy {
    /// A policy that no manifest holds.
    pub fn new(
        namespace: &str,
        name: &str,
        pod_selector: Selector,
        ingress: Option<Vec<Rule>>,
        egress: Option<Vec<Rule>>,
    ) -> Self {
        let at = Location { file: "(no file)".into(), line: 1, column: 1 };
        Self {
            at,
            namespace: namespace.into(),
            name: name.into(),
            pod_selector,
            ingress,
            egress,
            idle: None,
            types_given: true,
            written: Direction::ALL.to_vec(),
            unquoted: Vec::new(),
        }
    }

    /// Its rules of one direction; nothing when it does not isolate in that direction.
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        let what = |policy: &Self| {
            let Self { namespace, name, pod_selector, ingress, egress, .. } = policy.clone();
            (namespace, name, pod_selector, ingress, egress)
        };
        what(self) == what(other)
    }
}

impl Eq for Policy {}

/// Displayed as `namespace/name`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl IpBlock {
    /// Whether it holds the address.
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        self.cidr.contains(&address) && !self.except.iter().any(|hole| hole.contains(&address))
    }

    /// Whether it holds a block: all of it, some or nothing.
    pub(crate) fn fit(&self, block: &IpNet) -> Fit {
        let apart = |net: &IpNet| !net.contains(block) && !block.contains(net);
        match self.cidr.contains(block) && self.except.iter().all(apart) {
            true => Fit::Yes,
            false if apart(&self.cidr) || self.except.iter().any(|hole| hole.contains(block)) => Fit::No,
            false => Fit::Perhaps,
        }
    }

    /// Whether it holds every IPv4 address, or every IPv6 address.
    pub(crate) fn is_every_address(&self, v4: bool) -> bool {
        self.cidr.prefix_len() == 0 && self.except.is_empty() && self.cidr.addr().is_ipv4() == v4
    }
}

/// Displayed as `10.0.0.0/8 except 10.1.0.0/16`.
impl fmt::Display for IpBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cidr)?;
        for (index, hole) in self.except.iter().enumerate() {
            write!(f, "{}{hole}", if index == 0 { " except " } else { ", " })?;
        }
        Ok(())
    }
}

/// Displayed as `TCP 80`, `TCP 80-90`, `TCP http` or `every UDP port`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol;
        match &self.target {
            Target::Every => write!(f, "every {protocol} port"),
            Target::Range(first, last) if first == last => write!(f, "{protocol} {first}"),
            Target::Range(first, last) => write!(f, "{protocol} {first}-{last}"),
            Target::Named(name) => write!(f, "{protocol} {name}"),
        }
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Metadata<'p> {
            name: &'p str,
            namespace: &'p str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Spec<'p> {
            pod_selector: &'p Selector,
            policy_types: Vec<&'p str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            ingress: Option<Rules<'p>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            egress: Option<Rules<'p>>,
        }
        struct Rules<'p>(Direction, &'p [Rule]);
        impl Serialize for Rules<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let peers = match self.0 {
                    Direction::Ingress => "from",
                    Direction::Egress => "to",
                };
                serializer.collect_seq(self.1.iter().map(|rule| {
                    let mut fields = BTreeMap::new();
                    if !rule.peers.is_empty() {
                        fields.insert(peers, Either::Peers(&rule.peers));
                    }
                    if !rule.ports.is_empty() {
                        fields.insert("ports", Either::Ports(&rule.ports));
                    }
                    fields
                }))
            }
        }
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Either<'p> {
            Peers(&'p [Peer]),
            Ports(&'p [Port]),
        }
        let Self { namespace, name, pod_selector, ingress, egress, .. } = self;
        let rules = |direction| self.rules(direction).map(|rules| Rules(direction, rules));
        let types = [(ingress, "Ingress"), (egress, "Egress")];
        let spec = Spec {
            pod_selector,
            policy_types: types.into_iter().filter(|(rules, _)| rules.is_some()).map(|(_, name)| name).collect(),
            ingress: rules(Direction::Ingress),
            egress: rules(Direction::Egress),
        };
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("apiVersion", "networking.k8s.io/v1")?;
        map.serialize_entry("kind", "NetworkPolicy")?;
        map.serialize_entry("metadata", &Metadata { name, namespace })?;
        map.serialize_entry("spec", &spec)?;
        map.end()
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.scope.serialize(serializer)
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("protocol", &self.protocol)?;
        match &self.target {
            Target::Every => {}
            Target::Named(name) => map.serialize_entry("port", name)?,
            Target::Range(first, last) => {
                map.serialize_entry("port", first)?;
                if last != first {
                    map.serialize_entry("endPort", last)?;
                }
            }
        }
        map.end()
    }
}
