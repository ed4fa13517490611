//! The verdicts: what policies admit between two endpoints.
//!
//! Policies only allow. A pod that no policy selects in a direction is open in it; one that a policy selects is isolated
//! in it, and only what a rule of such a policy admits goes through. An edge is allowed when the source's egress and the
//! destination's ingress both let it pass. <https://kubernetes.io/docs/concepts/services-networking/network-policies/>
//!
//! What Kubernetes leaves open is kept apart: each side has the connections that are sure and those that are possible,
//! and the difference is undecided, with what it hangs on.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    cluster::Cluster,
    connections::Connections,
    dns,
    doubt::Doubt,
    endpoint::{Place, Pods},
    facts::{Compiled, Facts, Match},
    policy::{Direction, Policy, Rule},
    reach::{Reach, settle},
    selector::{Fit, Labels},
    workload::Workload,
};
pub use crate::{
    endpoint::Endpoint,
    facts::{IpBlockPods, Options},
};

/// What one end of an edge lets pass.
#[derive(Clone, Debug)]
pub struct Side<'e> {
    /// Out of the source, or into the destination.
    pub direction: Direction,
    /// Whose side it is.
    pub subject: Endpoint<'e>,
    /// The other end.
    pub other: Endpoint<'e>,
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
    facts: Facts,
    policies: BTreeMap<(String, String), Arc<Compiled>>,
    /// The policies that isolate each workload, by direction, sorted by namespace and name, and those that may.
    isolating: Vec<[Isolating; 2]>,
    /// Which workloads answer DNS questions.
    dns: Vec<usize>,
}

/// The policies that isolate a pod in one direction, and those that may, since they hang on a label that is not known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Isolating {
    pub(crate) sure: Vec<Arc<Compiled>>,
    pub(crate) perhaps: Vec<(Arc<Compiled>, Doubt)>,
}

impl Isolating {
    /// Whether no policy isolates for certain.
    pub(crate) fn is_open(&self) -> bool {
        self.sure.is_empty()
    }

    /// What leaves the whole side undecided: whether it is isolated at all.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = &Doubt> {
        self.perhaps.iter().map(|(_, doubt)| doubt).filter(|_| self.is_open())
    }
}

impl Evaluator {
    /// An evaluator of a cluster's policies.
    pub fn new(cluster: Cluster, options: Options) -> Self {
        let (facts, policies) = Facts::new(cluster, options);
        let count = facts.count();
        let mut dns: Vec<_> = (0..count - 1).filter(|index| dns::is_dns(facts.at(*index))).collect();
        if dns.is_empty() {
            dns.push(count - 1);
        }
        let isolating = vec![Default::default(); count];
        let mut evaluator = Self { facts, policies: BTreeMap::new(), isolating, dns };
        for policy in policies {
            evaluator.apply(policy);
        }
        evaluator
    }

    /// The workloads that the manifests name.
    pub fn workloads(&self) -> &[Workload] {
        &self.facts.cluster.workloads
    }

    /// The workloads that answer DNS questions: those of `kube-system` that are labelled `k8s-app=kube-dns`, or one such
    /// that the manifests do not name, since every cluster has it.
    pub(crate) fn dns(&self) -> &[usize] {
        &self.dns
    }

    pub(crate) fn options(&self) -> Options {
        self.facts.options
    }

    /// What else the manifests name. Its policies are not here, but in [`policies`](Self::policies).
    pub fn cluster(&self) -> &Cluster {
        &self.facts.cluster
    }

    /// The policies, sorted by namespace and name.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.policies.values().map(|compiled| &compiled.policy)
    }

    /// The policies of one namespace, sorted by name.
    pub fn policies_of(&self, namespace: &str) -> impl Iterator<Item = &Policy> {
        self.compiled_of(namespace).map(|compiled| &compiled.policy)
    }

    fn compiled_of(&self, namespace: &str) -> impl Iterator<Item = &Compiled> {
        let first = (namespace.to_owned(), String::new());
        let own = self.policies.range(first..).take_while(move |(_, own)| own.policy.namespace == namespace);
        own.map(|(_, compiled)| &**compiled)
    }

    /// Adds a policy or replaces that of its name. Returns the workloads that it or the one before selects, or may: no
    /// other's sides change.
    pub fn apply(&mut self, policy: Policy) -> Vec<usize> {
        let mut touched = self.delete(&policy.namespace, &policy.name);
        let compiled = Arc::new(self.facts.compile(policy));
        for direction in Direction::ALL.into_iter().filter(|own| compiled.policy.rules(*own).is_some()) {
            for &workload in &compiled.selected {
                let isolating = &mut self.isolating[workload][direction as usize].sure;
                let place = isolating.partition_point(|other| key(&other.policy) < key(&compiled.policy));
                isolating.insert(place, compiled.clone());
            }
            for (workload, label) in &compiled.perhaps {
                let isolating = &mut self.isolating[*workload][direction as usize].perhaps;
                let place = isolating.partition_point(|(other, _)| key(&other.policy) < key(&compiled.policy));
                isolating.insert(place, (compiled.clone(), perhaps_isolated(&compiled.policy, label)));
            }
        }
        touched.extend(compiled.touched().filter(|workload| *workload < self.workloads().len()));
        touched.sort_unstable();
        touched.dedup();
        self.policies.insert(key(&compiled.policy), compiled);
        touched
    }

    /// Removes a policy. Returns the workloads that it selected, or may have.
    pub fn delete(&mut self, namespace: &str, name: &str) -> Vec<usize> {
        let Some(old) = self.policies.remove(&(namespace.to_owned(), name.to_owned())) else { return Vec::new() };
        for workload in old.touched() {
            for Isolating { sure, perhaps } in &mut self.isolating[workload] {
                sure.retain(|policy| !Arc::ptr_eq(policy, &old));
                perhaps.retain(|(policy, _)| !Arc::ptr_eq(policy, &old));
            }
        }
        old.touched().filter(|workload| *workload < self.workloads().len()).collect()
    }

    /// What passes between two endpoints, and why.
    pub fn pair<'e>(&'e self, source: Endpoint<'e>, destination: Endpoint<'e>) -> Pair<'e> {
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
    pub(crate) fn is_one_pod(&self, source: Endpoint<'_>, destination: Endpoint<'_>) -> bool {
        source == destination && self.workload(source).is_some_and(|own| own.replicas == Some(1))
    }

    /// The workload that an endpoint is.
    pub fn workload(&self, endpoint: Endpoint<'_>) -> Option<&Workload> {
        match endpoint {
            Endpoint::Workload(index) => Some(self.at(index)),
            Endpoint::Address(_) | Endpoint::Block(_) | Endpoint::Pods(_) => None,
        }
    }

    /// How an endpoint is called: `namespace/workload`, or its address.
    pub fn name(&self, endpoint: Endpoint<'_>) -> String {
        match endpoint {
            Endpoint::Workload(index) => self.at(index).to_string(),
            Endpoint::Address(address) => address.to_string(),
            Endpoint::Block(block) => block.to_string(),
            Endpoint::Pods(pods) => pods.to_string(),
        }
    }

    pub(crate) fn isolating(&self, workload: usize, direction: Direction) -> &Isolating {
        &self.isolating[workload][direction as usize]
    }

    /// The policies that isolate an endpoint, and those that may, with what that hangs on.
    pub(crate) fn isolating_endpoint<'e>(
        &'e self,
        subject: Endpoint<'_>,
        direction: Direction,
    ) -> Vec<(&'e Compiled, Option<Doubt>)> {
        match subject {
            Endpoint::Workload(index) => {
                let Isolating { sure, perhaps } = self.isolating(index, direction);
                let sure = sure.iter().map(|compiled| (&**compiled, None));
                sure.chain(perhaps.iter().map(|(compiled, doubt)| (&**compiled, Some(doubt.clone())))).collect()
            }
            Endpoint::Pods(pods) => {
                let Place::Namespace(namespace) = &pods.place else { return Vec::new() };
                let policies = self.compiled_of(namespace).filter(|own| own.policy.rules(direction).is_some());
                let isolating = policies.filter_map(|compiled| match self.facts.selects_pods(&compiled.policy, pods) {
                    Fit::No => None,
                    Fit::Perhaps => Some((compiled, Some(perhaps_isolated(&compiled.policy, "")))),
                    Fit::Yes => Some((compiled, None)),
                });
                isolating.collect()
            }
            Endpoint::Address(_) | Endpoint::Block(_) => Vec::new(),
        }
    }

    /// The policies that isolate an endpoint in one direction, and those that may.
    pub(crate) fn isolating_policies(&self, subject: Endpoint<'_>, direction: Direction) -> Vec<&Policy> {
        self.isolating_endpoint(subject, direction).into_iter().map(|(compiled, _)| &compiled.policy).collect()
    }

    /// One side of an edge: what `subject` lets in from `other`, or out to it.
    pub fn side<'e>(&'e self, direction: Direction, subject: Endpoint<'e>, other: Endpoint<'e>) -> Side<'e> {
        let isolating = self.isolating_endpoint(subject, direction);
        let destination = match direction {
            Direction::Ingress => subject,
            Direction::Egress => other,
        };
        let mut side = Side {
            direction,
            subject,
            other,
            isolated_by: Vec::new(),
            admissions: Vec::new(),
            doubts: Vec::new(),
            reach: Reach::none(),
        };
        for (compiled, doubt) in &isolating {
            if doubt.is_none() {
                side.isolated_by.push(&compiled.policy);
            }
            self.admissions(compiled, doubt.as_ref(), destination, &mut side);
        }
        let open = side.isolated_by.is_empty();
        side.doubts = match subject {
            Endpoint::Workload(index) => self.side_doubts(index, open),
            Endpoint::Pods(Pods { place: Place::Namespace(namespace), .. }) => self.foreign_doubts(namespace),
            _ => Vec::new(),
        };
        side.doubts.extend(isolating.into_iter().filter(|_| open).filter_map(|(_, doubt)| doubt));
        if let (Direction::Ingress, false, Endpoint::Workload(own), Endpoint::Workload(peer)) =
            (direction, open, subject, other)
        {
            side.doubts.extend(self.node_doubt(own, peer));
        }
        side.reach = settle(side.reach, open, &side.doubts);
        side
    }

    /// The rules of a policy that admit the other end or may; `perhaps` if the policy may not isolate after all.
    fn admissions<'e>(
        &'e self,
        compiled: &'e Compiled,
        perhaps: Option<&Doubt>,
        destination: Endpoint<'e>,
        side: &mut Side<'e>,
    ) {
        let policy = &compiled.policy;
        let rules = policy.rules(side.direction).unwrap_or_default().iter();
        for (index, (rule, ports)) in rules.zip(&compiled.rules[side.direction as usize]).enumerate() {
            let doubt = match self.facts.matches(policy, rule, side.other) {
                Match::No => continue,
                Match::Maybe(doubt) => Some(doubt),
                Match::Yes => perhaps.cloned(),
            };
            let mut admit = |connections: Connections, doubt: Option<Doubt>| {
                side.reach.possible = side.reach.possible.union(&connections);
                if doubt.is_none() {
                    side.reach.sure = side.reach.sure.union(&connections);
                }
                side.admissions.push(Admission { policy, number: index + 1, rule, connections, doubt });
            };
            let connections = ports.connections(self.workload(destination));
            let is_named_alone = connections.is_none() && ports.has_named_ports();
            if !is_named_alone || !matches!(destination, Endpoint::Pods(_)) {
                admit(connections, doubt.clone());
            }
            if let Endpoint::Pods(_) = destination {
                for (protocol, name) in ports.named_ports() {
                    let doubt = doubt.clone().unwrap_or_else(|| Doubt::NamedPort(protocol, name.to_owned()));
                    admit(Connections::protocol(protocol), Some(doubt));
                }
            }
        }
    }

    /// What leaves a whole side of a workload undecided, whatever its rules say.
    pub(crate) fn side_doubts(&self, subject: usize, open: bool) -> Vec<Doubt> {
        let workload = self.at(subject);
        let host = (workload.host_network && !open).then_some(Doubt::HostNetworkSubject);
        let mut doubts = self.foreign_doubts(&workload.namespace);
        doubts.extend(host);
        doubts
    }

    fn foreign_doubts(&self, namespace: &str) -> Vec<Doubt> {
        let foreign = self.cluster().foreign.iter().filter(|foreign| foreign.concerns(namespace));
        foreign.map(|foreign| Doubt::Foreign { name: foreign.name.clone(), at: foreign.at.clone() }).collect()
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

    fn at(&self, index: usize) -> &Workload {
        self.facts.at(index)
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn namespace_labels(&self, namespace: &str) -> &Labels {
        self.facts.namespace_labels(namespace)
    }
}

impl Compiled {
    /// The workloads that the policy selects, or may.
    fn touched(&self) -> impl Iterator<Item = usize> {
        self.selected.iter().copied().chain(self.perhaps.iter().map(|(workload, _)| *workload))
    }
}

fn perhaps_isolated(policy: &Policy, label: &str) -> Doubt {
    Doubt::PerhapsIsolated { policy: policy.to_string(), at: policy.at.clone(), label: label.to_owned() }
}

fn key(policy: &Policy) -> (String, String) {
    (policy.namespace.clone(), policy.name.clone())
}
