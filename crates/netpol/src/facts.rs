//! What is known of a cluster beside its policies, and whom a policy's selectors find in it.

use std::collections::BTreeMap;

use crate::{
    cluster::{Cluster, NAME_LABEL},
    connections::{Connections, Protocol},
    dns,
    doubt::Doubt,
    endpoint::{Endpoint, Place, Pods},
    policy::{Direction, IpBlock, Peer, Policy, Port, Rule, Scope, Target},
    selector::{Fit, Labels},
    workload::Workload,
};

/// What to take for true where Kubernetes leaves it to the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether an `ipBlock` applies to the addresses of pods.
    pub ip_block_pods: IpBlockPods,
}

/// Whether an `ipBlock` applies to the addresses of pods: networks differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IpBlockPods {
    /// A block that holds a pod's address admits the pod.
    Match,
    /// A block admits addresses outside of the cluster alone.
    Ignore,
    /// What hangs on it is undecided.
    #[default]
    Undecided,
}

/// A cluster without its policies.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) cluster: Cluster,
    pub(crate) options: Options,
    /// The workload of DNS that every cluster has, counted after the workloads that the manifests name.
    usual_dns: Workload,
    /// Any pod at all, and any that each namespace may get.
    pub(crate) anyone: Pods,
    pub(crate) any_of: BTreeMap<String, Pods>,
}

/// A policy and which workloads it and its rules match.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) policy: Policy,
    pub(crate) selected: Vec<usize>,
    /// Those that it may select, each with the label that it hangs on.
    pub(crate) perhaps: Vec<(usize, String)>,
    pub(crate) rules: [Vec<CompiledRule>; 2],
}

#[derive(Debug)]
pub(crate) struct CompiledRule {
    /// The workloads that it admits, and those that it may admit, each in their order.
    pub(crate) sure: Vec<usize>,
    pub(crate) maybe: Vec<usize>,
    /// What it admits on any destination; named ports differ.
    fixed: Connections,
    named: Vec<(Protocol, String)>,
}

impl CompiledRule {
    /// What it admits on this destination; on an address that no workload has, named ports are none.
    pub(crate) fn connections(&self, destination: Option<&Workload>) -> Connections {
        let resolve = |(protocol, name): &(Protocol, String)| {
            destination
                .and_then(|workload| workload.port(name, *protocol))
                .map(|port| Connections::port(*protocol, port))
        };
        self.named.iter().filter_map(resolve).fold(self.fixed.clone(), |set, port| set.union(&port))
    }

    /// Whether what it admits depends on the destination.
    pub(crate) fn has_named_ports(&self) -> bool {
        !self.named.is_empty()
    }

    /// The names of its ports, each with its protocol.
    pub(crate) fn named_ports(&self) -> impl Iterator<Item = (Protocol, &str)> {
        self.named.iter().map(|(protocol, name)| (*protocol, name.as_str()))
    }
}

/// Whether a rule admits an endpoint.
pub(crate) enum Match {
    No,
    Maybe(Doubt),
    Yes,
}

impl Match {
    fn of(fit: Fit, doubt: impl FnOnce() -> Doubt) -> Self {
        match fit {
            Fit::No => Self::No,
            Fit::Perhaps => Self::Maybe(doubt()),
            Fit::Yes => Self::Yes,
        }
    }
}

impl Facts {
    /// What a cluster says, and its policies apart.
    pub(crate) fn new(mut cluster: Cluster, options: Options) -> (Self, Vec<Policy>) {
        let labels = cluster.namespaces.entry(dns::NAMESPACE.into()).or_default();
        labels.insert(NAME_LABEL.into(), dns::NAMESPACE.into());
        let policies = std::mem::take(&mut cluster.policies);
        let any_of = cluster.namespaces.keys().map(|name| (name.clone(), Pods::of(name))).collect();
        (Self { cluster, options, usual_dns: dns::usual(), anyone: Pods::any(), any_of }, policies)
    }

    pub(crate) fn at(&self, index: usize) -> &Workload {
        self.cluster.workloads.get(index).unwrap_or(&self.usual_dns)
    }

    /// How many workloads there are, the one of DNS that every cluster has included.
    pub(crate) fn count(&self) -> usize {
        self.cluster.workloads.len() + 1
    }

    pub(crate) fn namespace_labels(&self, namespace: &str) -> &Labels {
        static NONE: Labels = Labels::new();
        self.cluster.namespaces.get(namespace).unwrap_or(&NONE)
    }

    /// Whether a policy selects a workload, and the label that it hangs on if that is open.
    pub(crate) fn selects(&self, policy: &Policy, workload: &Workload) -> (Fit, String) {
        match policy.namespace == workload.namespace {
            false => (Fit::No, String::new()),
            true => {
                (policy.pod_selector.fit(&workload.labels, &workload.varying), varying(&policy.pod_selector, workload))
            }
        }
    }

    /// Whether a policy selects pods that the manifests do not name.
    pub(crate) fn selects_pods(&self, policy: &Policy, pods: &Pods) -> Fit {
        match &pods.place {
            Place::Namespace(name) if *name == policy.namespace => policy.pod_selector.covers(&pods.labels),
            // Of which namespace they are is not known, and no namespace's policies are asked.
            _ => Fit::No,
        }
    }

    pub(crate) fn matches(&self, policy: &Policy, rule: &Rule, other: Endpoint<'_>) -> Match {
        if rule.peers.is_empty() {
            return Match::Yes;
        }
        let every = |v4: bool| {
            let every = |scope: &Scope| matches!(scope, Scope::Block { ip_block } if ip_block.is_every_address(v4));
            rule.peers.iter().any(|peer| every(&peer.scope))
        };
        if self.options.ip_block_pods == IpBlockPods::Match && every(true) && every(false) {
            return Match::Yes;
        }
        let mut best = Match::No;
        for peer in &rule.peers {
            match self.admits(policy, peer, other) {
                Match::Yes => return Match::Yes,
                Match::Maybe(doubt) => best = Match::Maybe(doubt),
                Match::No => {}
            }
        }
        best
    }

    /// Whether a peer of this policy admits an endpoint.
    pub(crate) fn admits(&self, policy: &Policy, peer: &Peer, other: Endpoint<'_>) -> Match {
        match (&peer.scope, other) {
            (Scope::Pods { .. }, Endpoint::Address(_) | Endpoint::Block(_)) => Match::No,
            (Scope::Pods { namespace_selector, pod_selector }, Endpoint::Workload(index)) => {
                let workload = self.at(index);
                let namespace = match namespace_selector {
                    None => policy.namespace == workload.namespace,
                    Some(selector) => selector.matches(self.namespace_labels(&workload.namespace)),
                };
                let pods = pod_selector.as_ref().filter(|_| namespace);
                let fit = pods.map_or(if namespace { Fit::Yes } else { Fit::No }, |selector| {
                    selector.fit(&workload.labels, &workload.varying)
                });
                match fit {
                    Fit::Yes if workload.host_network => Match::Maybe(Doubt::HostNetworkPeer),
                    fit => {
                        Match::of(fit, || Doubt::Label(pods.map(|pods| varying(pods, workload)).unwrap_or_default()))
                    }
                }
            }
            (Scope::Pods { namespace_selector, pod_selector }, Endpoint::Pods(pods)) => {
                let labels = |name: &str| self.cluster.namespaces.get(name);
                let namespace = match namespace_selector {
                    Some(selector) => pods.place.fit(selector, labels),
                    None => match &pods.place {
                        Place::Namespace(name) if *name == policy.namespace => Fit::Yes,
                        Place::Namespace(_) => Fit::No,
                        Place::Namespaces(class) => {
                            match class.fit(self.namespace_labels(&policy.namespace), &Default::default()) {
                                Fit::No => Fit::No,
                                _ => Fit::Perhaps,
                            }
                        }
                    },
                };
                let labels = pod_selector.as_ref().map_or(Fit::Yes, |selector| selector.covers(&pods.labels));
                Match::of(namespace.min(labels), || Doubt::SomePods)
            }
            (Scope::Block { ip_block }, Endpoint::Address(address)) => match ip_block.contains(address) {
                true => Match::Yes,
                false => Match::No,
            },
            (Scope::Block { ip_block }, Endpoint::Block(block)) => {
                Match::of(ip_block.fit(&block), || Doubt::SomeAddresses(ip_block.clone()))
            }
            (Scope::Block { ip_block }, Endpoint::Pods(_)) => match self.options.ip_block_pods {
                IpBlockPods::Ignore => Match::No,
                _ => Match::Maybe(Doubt::AddressUnknown(ip_block.clone())),
            },
            (Scope::Block { ip_block }, Endpoint::Workload(index)) => self.holds(ip_block, self.at(index)),
        }
    }

    fn holds(&self, ip_block: &IpBlock, workload: &Workload) -> Match {
        let Workload { addresses, host_network, .. } = workload;
        let held = addresses.iter().filter(|address| ip_block.contains(**address)).count();
        match (self.options.ip_block_pods, addresses.len()) {
            // Its address is its node's.
            (_, known) if *host_network && (known == 0 || held > 0) => Match::Maybe(Doubt::HostNetworkPeer),
            (IpBlockPods::Ignore, _) => Match::No,
            (_, 0) => Match::Maybe(Doubt::AddressUnknown(ip_block.clone())),
            _ if held == 0 => Match::No,
            (IpBlockPods::Match, known) if held == known => Match::Yes,
            (IpBlockPods::Match, _) => Match::Maybe(Doubt::SomeAddresses(ip_block.clone())),
            (IpBlockPods::Undecided, _) => Match::Maybe(Doubt::BlockOfPods(ip_block.clone())),
        }
    }

    pub(crate) fn compile(&self, policy: Policy) -> Compiled {
        let (mut selected, mut perhaps) = (Vec::new(), Vec::new());
        for index in 0..self.count() {
            match self.selects(&policy, self.at(index)) {
                (Fit::Yes, _) => selected.push(index),
                (Fit::Perhaps, label) => perhaps.push((index, label)),
                (Fit::No, _) => {}
            }
        }
        let rules = Direction::ALL.map(|direction| {
            let rules = policy.rules(direction).unwrap_or_default().iter();
            rules.map(|rule| self.compile_rule(&policy, rule)).collect()
        });
        Compiled { policy, selected, perhaps, rules }
    }

    fn compile_rule(&self, policy: &Policy, rule: &Rule) -> CompiledRule {
        let (mut sure, mut maybe) = (Vec::new(), Vec::new());
        for index in 0..self.count() {
            match self.matches(policy, rule, Endpoint::Workload(index)) {
                Match::Yes => sure.push(index),
                Match::Maybe(_) => maybe.push(index),
                Match::No => {}
            }
        }
        let mut fixed = if rule.ports.is_empty() { Connections::all() } else { Connections::none() };
        let mut named = Vec::new();
        for Port { protocol, target, .. } in &rule.ports {
            match target {
                Target::Every => fixed = fixed.union(&Connections::protocol(*protocol)),
                Target::Range(first, last) => fixed = fixed.union(&Connections::range(*protocol, *first, *last)),
                Target::Named(name) => named.push((*protocol, name.clone())),
            }
        }
        CompiledRule { sure, maybe, fixed, named }
    }
}

/// The first label of a selector whose value a workload's pods do not share.
fn varying(selector: &crate::selector::Selector, workload: &Workload) -> String {
    let keys = selector.requirements().iter().map(|requirement| &requirement.key);
    keys.into_iter().find(|key| workload.varying.contains(*key)).cloned().unwrap_or_default()
}
