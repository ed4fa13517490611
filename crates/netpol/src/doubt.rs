//! What a verdict can hang on that neither policies nor Kubernetes decide.

use std::fmt;

use crate::{connections::Protocol, location::Location, policy::IpBlock};

/// Why a verdict is open. Displayed as a sentence's end: what it hangs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A block holds the pod's address, and networks differ in whether that admits the pod.
    BlockOfPods(IpBlock),
    /// A block may hold the pod's address, which the manifests do not give.
    AddressUnknown(IpBlock),
    /// A block holds some of the workload's addresses: of some of its pods, or of one family.
    SomeAddresses(IpBlock),
    /// The subject shares its node's network.
    HostNetworkSubject,
    /// The peer shares its node's network.
    HostNetworkPeer,
    /// The peer shares the network of the node that runs the subject: a node reaches its own pods.
    SameNode,
    /// The peer shares its node's network, and may run on the subject's node.
    PerhapsSameNode,
    /// A policy of another kind may concern the subject.
    Foreign {
        /// Its kind and name.
        name: String,
        /// Where it stands.
        at: Location,
    },
    /// Some of the pods that are meant are admitted, and some are not.
    SomePods,
    /// Whether a selector finds a workload's pods hangs on this label, whose value they do not share or which is not known.
    Label(String),
    /// Whether a policy isolates the subject hangs on its labels.
    PerhapsIsolated {
        /// The policy, as `namespace/name`.
        policy: String,
        /// Where it stands.
        at: Location,
        /// The label; empty if any may decide.
        label: String,
    },
    /// A port's name, which pods that the manifests do not name may give to any port.
    NamedPort(Protocol, String),
    /// The destination is the source itself, by way of a Service.
    SelfThroughService,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockOfPods(block) => {
                write!(f, "networks differ in whether ipBlock {block} admits pods whose address it holds")
            }
            Self::AddressUnknown(block) => {
                write!(f, "whether ipBlock {block} admits a pod hangs on its address, which the manifests do not give")
            }
            Self::SomeAddresses(block) => write!(f, "ipBlock {block} holds some of its addresses, and not all"),
            Self::HostNetworkSubject => {
                f.write_str("it runs in its node's network, where Kubernetes leaves open what a NetworkPolicy does")
            }
            Self::HostNetworkPeer => f.write_str(
                "the peer runs in its node's network, and Kubernetes leaves open whether a selector finds it there",
            ),
            Self::SameNode => f.write_str("the peer is the node that runs it, and a node always reaches its own pods"),
            Self::PerhapsSameNode => f.write_str(
                "the peer runs in its node's network, and a node always reaches the pods that it runs itself",
            ),
            Self::Foreign { name, at } => {
                write!(f, "{name} ({at}) may allow or deny it: policies of its kind are not evaluated here")
            }
            Self::SomePods => f.write_str("it hangs on the pod's labels and namespace"),
            Self::Label(key) => {
                write!(
                    f,
                    "it hangs on the label {key}, whose value the manifests do not give or which differs from pod to pod"
                )
            }
            Self::PerhapsIsolated { policy, at, label } if label.is_empty() => {
                write!(f, "whether {policy} ({at}) isolates it hangs on its labels")
            }
            Self::PerhapsIsolated { policy, at, label } => {
                write!(
                    f,
                    "whether {policy} ({at}) isolates it hangs on the label {label}, whose value the manifests do not give or which differs from pod to pod"
                )
            }
            Self::NamedPort(_, name) => write!(f, "to which port the pod gives the name {name} is not known"),
            Self::SelfThroughService => {
                f.write_str("Kubernetes leaves open whether a pod reaches itself through its own Service")
            }
        }
    }
}
