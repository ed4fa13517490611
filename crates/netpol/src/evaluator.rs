//! The verdicts: what policies admit between two endpoints.
//!
//! Policies only allow. A pod that no policy selects in a direction is open in it; one that a policy selects is isolated
//! in it, and only what a rule of such a policy admits goes through. An edge is allowed when the source's egress and the
//! destination's ingress both let it pass. <https://kubernetes.io/docs/concepts/services-networking/network-policies/>
//!
//! What Kubernetes leaves open is kept apart: each side has the connections that are sure and those that are possible,
//! and the difference is undecided, with what it hangs on.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use crate::{
    cluster::{Cluster, NAME_LABEL},
    connections::{Connections, Protocol},
    dns,
    doubt::Doubt,
    policy::{Direction, Peer, Policy, Rule, Scope, Target},
    reach::{Reach, settle},
    selector::Labels,
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

/// One end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The pods of a workload, by its place among the cluster's workloads.
    Workload(usize),
    /// An address that no workload has.
    Address(IpAddr),
}

/// What one end of an edge lets pass.
#[derive(Clone, Debug)]
pub struct Side<'e> {
    /// Out of the source, or into the destination.
    pub direction: Direction,
    /// Whose side it is.
    pub subject: Endpoint,
    /// The other end.
    pub other: Endpoint,
    /// The policies that isolate the subject in this direction; without any it is open.
    pub isolated_by: Vec<&'e Policy>,
    /// The rules that admit the other end, or may.
    pub admissions: Vec<Admission<'e>>,
    /// What else leaves the verdict open.
    pub doubts: Vec<Doubt>,
    /// The connections that pass.
    pub reach: Reach,
}

/// A rule that admits the other end.
#[derive(Clone, Debug)]
pub struct Admission<'e> {
    /// The rule's policy.
    pub policy: &'e Policy,
    /// Its place among the policy's rules of the direction, from 1.
    pub number: usize,
    /// The rule.
    pub rule: &'e Rule,
    /// What it admits, its named ports being those of the destination.
    pub connections: Connections,
    /// Why it may not admit it after all.
    pub doubt: Option<Doubt>,
}

/// Everything between a source and a destination.
#[derive(Clone, Debug)]
pub struct Pair<'e> {
    /// Out of the source.
    pub egress: Side<'e>,
    /// Into the destination.
    pub ingress: Side<'e>,
    /// What both let pass; everything between a workload of one pod and itself.
    pub reach: Reach,
}

/// Policies ready to be asked.
#[derive(Debug)]
pub struct Evaluator {
    cluster: Cluster,
    options: Options,
    policies: BTreeMap<(String, String), Arc<Compiled>>,
    /// The policies that isolate each workload, by direction, sorted by namespace and name.
    isolating: Vec<[Vec<Arc<Compiled>>; 2]>,
    /// Which workloads answer DNS questions.
    dns: Vec<usize>,
    /// One that every cluster has, counted after the workloads that the manifests name.
    usual_dns: Workload,
}

/// A policy and which workloads it and its rules match.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) policy: Policy,
    pub(crate) selected: Vec<usize>,
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
}

/// Whether a rule admits an endpoint.
enum Match {
    No,
    Maybe(Doubt),
    Yes,
}

impl Evaluator {
    /// An evaluator of a cluster's policies.
    pub fn new(mut cluster: Cluster, options: Options) -> Self {
        let count = cluster.workloads.len();
        let mut dns: Vec<_> = (0..count).filter(|index| dns::is_dns(&cluster.workloads[*index])).collect();
        if dns.is_empty() {
            dns.push(count);
        }
        let labels = cluster.namespaces.entry(dns::NAMESPACE.into()).or_default();
        labels.insert(NAME_LABEL.into(), dns::NAMESPACE.into());
        let isolating = vec![[Vec::new(), Vec::new()]; count + 1];
        let policies = std::mem::take(&mut cluster.policies);
        let mut evaluator =
            Self { cluster, options, policies: BTreeMap::new(), isolating, dns, usual_dns: dns::usual() };
        for policy in policies {
            evaluator.apply(policy);
        }
        evaluator
    }

    /// The workloads that the manifests name.
    pub fn workloads(&self) -> &[Workload] {
        &self.cluster.workloads
    }

    /// The workloads that answer DNS questions: those of `kube-system` that are labelled `k8s-app=kube-dns`, or one such
    /// that the manifests do not name, since every cluster has it.
    pub(crate) fn dns(&self) -> &[usize] {
        &self.dns
    }

    pub(crate) fn options(&self) -> Options {
        self.options
    }

    /// What else the manifests name. Its policies are not here, but in [`policies`](Self::policies).
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The policies, sorted by namespace and name.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().map(|compiled| &compiled.policy)
    }

    /// Adds a policy or replaces that of its name. Returns the workloads that it or the one before selects: no other's
    /// sides change.
    pub fn apply(&mut self, policy: Policy) -> Vec<usize> {
        let mut touched = self.delete(&policy.namespace, &policy.name);
        let compiled = Arc::new(self.compile(policy));
        for &workload in &compiled.selected {
            for direction in Direction::ALL {
                if compiled.policy.rules(direction).is_some() {
                    let isolating = &mut self.isolating[workload][direction as usize];
                    let place = isolating.partition_point(|other| key(&other.policy) < key(&compiled.policy));
                    isolating.insert(place, compiled.clone());
                }
            }
        }
        touched.extend(&compiled.selected);
        touched.sort_unstable();
        touched.dedup();
        self.policies.insert(key(&compiled.policy), compiled);
        touched.retain(|workload| *workload < self.workloads().len());
        touched
    }

    /// Removes a policy. Returns the workloads that it selected.
    pub fn delete(&mut self, namespace: &str, name: &str) -> Vec<usize> {
        let Some(old) = self.policies.remove(&(namespace.to_owned(), name.to_owned())) else { return Vec::new() };
        for &workload in &old.selected {
            for isolating in &mut self.isolating[workload] {
                isolating.retain(|policy| !Arc::ptr_eq(policy, &old));
            }
        }
        old.selected.iter().copied().filter(|workload| *workload < self.workloads().len()).collect()
    }

    /// What passes between two endpoints, and why.
    pub fn pair(&self, source: Endpoint, destination: Endpoint) -> Pair<'_> {
        let egress = self.side(Direction::Egress, source, destination);
        let ingress = self.side(Direction::Ingress, destination, source);
        // A pod always reaches itself; one replica and another are two pods.
        let reach = match self.is_one_pod(source, destination) {
            true => Reach::all(),
            false => egress.reach.intersection(&ingress.reach),
        };
        Pair { egress, ingress, reach }
    }

    /// Whether the two are one and the same pod.
    pub(crate) fn is_one_pod(&self, source: Endpoint, destination: Endpoint) -> bool {
        source == destination && self.workload(source).is_some_and(|own| own.replicas == Some(1))
    }

    /// The workload that an endpoint is.
    pub fn workload(&self, endpoint: Endpoint) -> Option<&Workload> {
        match endpoint {
            Endpoint::Workload(index) => Some(self.at(index)),
            Endpoint::Address(_) => None,
        }
    }

    /// How an endpoint is called: `namespace/workload`, or its address.
    pub fn name(&self, endpoint: Endpoint) -> String {
        match endpoint {
            Endpoint::Workload(index) => self.at(index).to_string(),
            Endpoint::Address(address) => address.to_string(),
        }
    }

    fn at(&self, index: usize) -> &Workload {
        self.cluster.workloads.get(index).unwrap_or(&self.usual_dns)
    }

    pub(crate) fn isolating(&self, workload: usize, direction: Direction) -> &[Arc<Compiled>] {
        &self.isolating[workload][direction as usize]
    }

    fn side(&self, direction: Direction, subject: Endpoint, other: Endpoint) -> Side<'_> {
        let isolating = match subject {
            Endpoint::Workload(index) => self.isolating(index, direction),
            Endpoint::Address(_) => &[],
        };
        let destination = match direction {
            Direction::Ingress => subject,
            Direction::Egress => other,
        };
        let destination = self.workload(destination);
        let mut reach = Reach::none();
        let mut admissions = Vec::new();
        for compiled in isolating {
            let policy = &compiled.policy;
            let rules = policy.rules(direction).unwrap_or_default().iter().zip(&compiled.rules[direction as usize]);
            for (index, (rule, ports)) in rules.enumerate() {
                let doubt = match self.matches(policy, rule, other) {
                    Match::No => continue,
                    Match::Maybe(doubt) => Some(doubt),
                    Match::Yes => None,
                };
                let connections = ports.connections(destination);
                reach.possible = reach.possible.union(&connections);
                if doubt.is_none() {
                    reach.sure = reach.sure.union(&connections);
                }
                admissions.push(Admission { policy, number: index + 1, rule, connections, doubt });
            }
        }
        let open = isolating.is_empty();
        let mut doubts = match subject {
            Endpoint::Workload(index) => self.side_doubts(index, open),
            Endpoint::Address(_) => Vec::new(),
        };
        if let (Direction::Ingress, false, Endpoint::Workload(own), Endpoint::Workload(peer)) =
            (direction, open, subject, other)
        {
            doubts.extend(self.node_doubt(own, peer));
        }
        let reach = settle(reach, open, &doubts);
        let isolated_by = isolating.iter().map(|compiled| &compiled.policy).collect();
        Side { direction, subject, other, isolated_by, admissions, doubts, reach }
    }

    /// What leaves a whole side of a workload undecided, whatever its rules say.
    pub(crate) fn side_doubts(&self, subject: usize, open: bool) -> Vec<Doubt> {
        let workload = self.at(subject);
        let foreign = self.cluster.foreign.iter().filter(|foreign| foreign.concerns(&workload.namespace));
        let foreign = foreign.map(|foreign| Doubt::Foreign { name: foreign.name.clone(), at: foreign.at.clone() });
        let host = (workload.host_network && !open).then_some(Doubt::HostNetworkSubject);
        foreign.chain(host).collect()
    }

    /// A node reaches the pods that it runs; a peer in its node's network may be that node.
    pub(crate) fn node_doubt(&self, subject: usize, peer: usize) -> Option<Doubt> {
        let (own, peer) = (self.at(subject), self.at(peer));
        match (&own.node, &peer.node) {
            _ if !peer.host_network => None,
            (Some(own), Some(its)) => (own == its).then_some(Doubt::SameNode),
            _ => Some(Doubt::PerhapsSameNode),
        }
    }

    fn matches(&self, policy: &Policy, rule: &Rule, other: Endpoint) -> Match {
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

    fn admits(&self, policy: &Policy, peer: &Peer, other: Endpoint) -> Match {
        match (&peer.scope, other) {
            (Scope::Pods { .. }, Endpoint::Address(_)) => Match::No,
            (Scope::Pods { namespace_selector, pod_selector }, Endpoint::Workload(index)) => {
                let workload = self.at(index);
                let namespace = match namespace_selector {
                    None => policy.namespace == workload.namespace,
                    Some(selector) => selector.matches(self.namespace_labels(&workload.namespace)),
                };
                match namespace && pod_selector.as_ref().is_none_or(|selector| selector.matches(&workload.labels)) {
                    false => Match::No,
                    true if workload.host_network => Match::Maybe(Doubt::HostNetworkPeer),
                    true => Match::Yes,
                }
            }
            (Scope::Block { ip_block }, Endpoint::Address(address)) => match ip_block.contains(address) {
                true => Match::Yes,
                false => Match::No,
            },
            (Scope::Block { ip_block }, Endpoint::Workload(index)) => {
                let Workload { addresses, host_network, .. } = self.at(index);
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
        }
    }

    pub(crate) fn namespace_labels(&self, namespace: &str) -> &Labels {
        static NONE: Labels = Labels::new();
        self.cluster.namespaces.get(namespace).unwrap_or(&NONE)
    }

    fn compile(&self, policy: Policy) -> Compiled {
        let selects = |index: &usize| {
            let workload = self.at(*index);
            workload.namespace == policy.namespace && policy.pod_selector.matches(&workload.labels)
        };
        let selected = (0..self.isolating.len()).filter(selects).collect();
        let rules = Direction::ALL.map(|direction| {
            let rules = policy.rules(direction).unwrap_or_default().iter();
            rules.map(|rule| self.compile_rule(&policy, rule)).collect()
        });
        Compiled { policy, selected, rules }
    }

    fn compile_rule(&self, policy: &Policy, rule: &Rule) -> CompiledRule {
        let (mut sure, mut maybe) = (Vec::new(), Vec::new());
        for index in 0..self.isolating.len() {
            match self.matches(policy, rule, Endpoint::Workload(index)) {
                Match::Yes => sure.push(index),
                Match::Maybe(_) => maybe.push(index),
                Match::No => {}
            }
        }
        let mut fixed = if rule.ports.is_empty() { Connections::all() } else { Connections::none() };
        let mut named = Vec::new();
        for port in &rule.ports {
            match &port.target {
                Target::Every => fixed = fixed.union(&Connections::protocol(port.protocol)),
                Target::Range(first, last) => fixed = fixed.union(&Connections::range(port.protocol, *first, *last)),
                Target::Named(name) => named.push((port.protocol, name.clone())),
            }
        }
        CompiledRule { sure, maybe, fixed, named }
    }
}

fn key(policy: &Policy) -> (String, String) {
    (policy.namespace.clone(), policy.name.clone())
}
