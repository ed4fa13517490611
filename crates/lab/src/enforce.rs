//! NetworkPolicies as rules for packets, compiled from what the policies say: a chain for each policy and direction, for
//! each family apart.
//!
//! ```text
//! forward ─▶ egress ──▶ egress-0, egress-1, … (what each policy lets out) ─▶ ingress ──▶ ingress-0, … ─▶ accepted
//!              └─ dropped: isolated, and no policy let it out                 └─ dropped: isolated, and none let it in
//! ```
//!
//! What the node itself sends to its pods never comes by here, and the node always reaches them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use clap::ValueEnum;
use star_netpol::Protocol;
use star_netpol::policy::{Direction, IpBlock, Policy, Port, Scope, Target};
use star_netpol::selector::Labels;
use star_netpol::workload::NamedPort;

use crate::family::Family;
use crate::nft::{Batch, Hook, Rule, Side, Transport, Verdict};

/// What happens to a connection that was established before a policy came that denies it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Established {
    /// It stays, as with most network plugins
    Keep,
    /// Its packets are dropped, too
    #[default]
    Cut,
}

/// A pod as policies see it, by its address of one family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) labels: &'a Labels,
    pub(crate) ports: &'a [NamedPort],
    pub(crate) address: IpAddr,
}

/// All that decides on a packet of one family.
#[derive(Clone, Debug)]
pub(crate) struct World<'a> {
    pub(crate) family: Family,
    pub(crate) policies: Vec<&'a Policy>,
    pub(crate) pods: Vec<Subject<'a>>,
    /// Every namespace's labels, `kubernetes.io/metadata.name` among them.
    pub(crate) namespaces: BTreeMap<&'a str, &'a Labels>,
}

/// Where policies have their place among a hook's chains.
const FILTER: i32 = 0;

/// Has `batch` replace all rules of its family by those of `world`. Of all packets, `loss` millionths are lost.
///
/// No chain is ever deleted, only emptied, so that each packet sees all rules of before or all of now; `chains` counts
/// those that have come to be.
pub(crate) fn enforce(batch: &mut Batch, world: &World<'_>, established: Established, loss: u32, chains: &mut usize) {
    let known = match established {
        Established::Keep => Rule::new().established(),
        Established::Cut => Rule::new().reply(),
    };
    for (chain, hook) in [("forward", Hook::Forward), ("input", Hook::Input)] {
        batch.base_chain(chain, "filter", hook, FILTER);
        batch.flush(chain);
    }
    *chains = world.policies.len().max(*chains);
    for direction in Direction::ALL {
        batch.chain(direction.name());
        batch.flush(direction.name());
        for number in 0..*chains {
            let chain = name(direction, number);
            batch.chain(&chain);
            batch.flush(&chain);
        }
    }
    if loss > 0 {
        batch.rule("forward", Rule::new().millionths(loss).verdict(Verdict::Drop));
    }
    for chain in ["forward", "input"] {
        batch.rule(chain, known.clone().verdict(Verdict::Accept));
        batch.rule(chain, Rule::new().verdict(Verdict::Jump(Direction::Egress.name())));
    }
    for direction in Direction::ALL {
        for (number, policy) in world.policies.iter().enumerate() {
            let chain = name(direction, number);
            for rule in world.admitted(policy, direction) {
                batch.rule(&chain, rule.verdict(next(direction)));
            }
        }
        for pod in &world.pods {
            let own = match direction {
                Direction::Egress => Side::Source,
                Direction::Ingress => Side::Destination,
            };
            let isolates = |policy: &Policy| pod.is_subject_of(policy) && policy.rules(direction).is_some();
            let isolating = world.policies.iter().enumerate().filter(|(_, policy)| isolates(policy));
            let isolating: Vec<_> = isolating.map(|(number, _)| name(direction, number)).collect();
            if isolating.is_empty() {
                continue;
            }
            // A pod always reaches itself.
            let itself = Rule::new().address(Side::Source, pod.address).address(Side::Destination, pod.address);
            batch.rule(direction.name(), itself.verdict(Verdict::Accept));
            for chain in isolating {
                batch.rule(direction.name(), Rule::new().address(own, pod.address).verdict(Verdict::Jump(&chain)));
            }
            batch.rule(direction.name(), Rule::new().address(own, pod.address).verdict(Verdict::Drop));
        }
        batch.rule(direction.name(), Rule::new().verdict(next(direction)));
    }
}

/// The chain of a policy's rules.
fn name(direction: Direction, policy: usize) -> String {
    format!("{direction}-{policy}")
}

/// What becomes of a packet that may pass in `direction`.
fn next(direction: Direction) -> Verdict<'static> {
    match direction {
        Direction::Egress => Verdict::Jump("ingress"),
        Direction::Ingress => Verdict::Accept,
    }
}

impl Subject<'_> {
    fn is_subject_of(&self, policy: &Policy) -> bool {
        self.namespace == policy.namespace && policy.pod_selector.matches(self.labels)
    }

    fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        self.ports.iter().find(|port| port.name == name && port.protocol == protocol).map(|port| port.port)
    }
}

impl World<'_> {
    /// What a policy admits in `direction`, as conditions.
    fn admitted(&self, policy: &Policy, direction: Direction) -> Vec<Rule> {
        let (far, near) = match direction {
            Direction::Egress => (Side::Destination, Side::Source),
            Direction::Ingress => (Side::Source, Side::Destination),
        };
        let mut admitted = Vec::new();
        for rule in policy.rules(direction).unwrap_or_default() {
            let mut peers = Vec::new();
            for peer in &rule.peers {
                match &peer.scope {
                    Scope::Pods { namespace_selector, pod_selector } => {
                        let of = |pod: &&Subject<'_>| {
                            let namespace = match namespace_selector {
                                None => pod.namespace == policy.namespace,
                                Some(selector) => {
                                    self.namespaces.get(pod.namespace).is_some_and(|labels| selector.matches(labels))
                                }
                            };
                            namespace && pod_selector.as_ref().is_none_or(|selector| selector.matches(pod.labels))
                        };
                        peers.extend(self.pods.iter().filter(of).map(|pod| Whom::Pod(*pod)));
                    }
                    // No packet of one family has an address of the other.
                    Scope::Block { ip_block } if Family::of(ip_block.cidr.addr()) != self.family => {}
                    Scope::Block { ip_block } => peers.push(Whom::Block(ip_block)),
                }
            }
            if rule.peers.is_empty() {
                peers.push(Whom::Anyone);
            }
            for peer in peers {
                if rule.ports.is_empty() {
                    admitted.push(peer.seen(far));
                }
                for Port { protocol, target, .. } in &rule.ports {
                    let transport = Transport::from(*protocol);
                    match target {
                        Target::Every => admitted.push(peer.seen(far).transport(transport)),
                        Target::Range(first, last) => {
                            admitted.push(peer.seen(far).transport(transport).ports(*first..=*last));
                        }
                        // The destination gives the name its number, each pod its own.
                        Target::Named(name) => {
                            let numbered = |pod: &Subject<'_>| Some((pod.address, pod.port(name, *protocol)?));
                            let destinations = self.pods.iter().filter(|pod| match direction {
                                Direction::Ingress => pod.is_subject_of(policy),
                                Direction::Egress => peer.is(pod),
                            });
                            for (address, port) in destinations.filter_map(numbered) {
                                let rule = match direction {
                                    Direction::Ingress => peer.seen(far).address(near, address),
                                    Direction::Egress => Rule::new().address(far, address),
                                };
                                admitted.push(rule.transport(transport).ports(port..=port));
                            }
                        }
                    }
                }
            }
        }
        admitted
    }
}

/// Whom a peer stands for, one by one.
#[derive(Clone, Copy, Debug)]
enum Whom<'a> {
    Anyone,
    Pod(Subject<'a>),
    Block(&'a IpBlock),
}

impl Whom<'_> {
    /// The packets that have it on `side`.
    fn seen(&self, side: Side) -> Rule {
        match self {
            Self::Anyone => Rule::new(),
            Self::Pod(pod) => Rule::new().address(side, pod.address),
            Self::Block(IpBlock { cidr, except }) => {
                except.iter().fold(Rule::new().within(side, *cidr), |rule, hole| rule.outside(side, *hole))
            }
        }
    }

    fn is(&self, pod: &Subject<'_>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Pod(peer) => peer.address == pod.address,
            Self::Block(block) => block.contains(pod.address),
        }
    }
}
