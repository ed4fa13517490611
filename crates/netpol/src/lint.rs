//! The mistakes that people really make in NetworkPolicies, found as values.
//!
//! A finding is made only from what the manifests hold: where the pods, Services or namespaces are not there that could
//! show a rule to be right, nothing is said.

use std::fmt;

use serde::Serialize;

use crate::{
    cluster::NAME_LABEL,
    connections::{Connections, Protocol},
    endpoint::Endpoint,
    evaluator::Evaluator,
    location::Location,
    node::Node,
    policy::{Direction, IpBlock, Peer, Policy, Port, Rule, Scope, Target},
    reach::Verdict,
    reason::join,
    selector::{Fit, Operator, Selector},
    service::TargetPort,
    strict::distance,
    workload::Workload,
};

/// Which mistake it is. Displayed, and serialized, as its name in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mistake {
    /// Egress is isolated, and no rule lets the pods ask the cluster's DNS.
    DnsForgotten,
    /// Port 53 is open, but not to the cluster's DNS.
    DnsElsewhere,
    /// The cluster's DNS may be asked over UDP alone, and an answer that does not fit comes over TCP.
    DnsUdpOnly,
    /// Two selectors in one item, where two items were meant.
    OneItemForTwo,
    /// Two items, where both selectors in one were meant.
    TwoItemsForOne,
    /// A `podSelector` for pods of another namespace, without that namespace.
    PeerNamespace,
    /// A policy that selects no pod of its namespace.
    SelectsNothing,
    /// A peer that no pod matches.
    MatchesNothing,
    /// The labels that a selector asks for stand on the controller, and not on its pods.
    LabelsNotOnTemplate,
    /// No namespace carries the label that a selector asks for.
    NamespaceLabel,
    /// The Service's port, where policies see the pod's.
    ServicePort,
    /// A port's name that no pod has.
    NamedPort,
    /// A block that holds a Service's address, which policies never see.
    BlockOfService,
    /// A block that holds pods' addresses, which not every network admits by it.
    BlockOfPods,
    /// What one side's rule admits, the other side's policies do not.
    OtherSide,
    /// A direction is isolated that the policy does not write about.
    SurprisingType,
}

/// A mistake, where it stands, what it does and how it is cured.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which mistake.
    pub mistake: Mistake,
    /// Where the rule, the peer or the policy stands.
    pub at: Location,
    /// The policy, as `namespace/name`.
    pub policy: String,
    /// What is wrong, as a sentence.
    pub sentence: String,
    /// What it does to the pods at hand, a sentence each.
    pub effects: Vec<String>,
    /// What to write, as YAML.
    pub cure: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The mistakes of a cluster's policies, by file and line.
pub fn findings(evaluator: &Evaluator) -> Vec<Finding> {
    let mut linter = Linter { evaluator, found: Vec::new() };
    for policy in evaluator.policies() {
        linter.policy(policy);
    }
    let mut found = linter.found;
    found.sort_by(|a, b| (&a.at.file, a.at.line, a.mistake).cmp(&(&b.at.file, b.at.line, b.mistake)));
    found
}

struct Linter<'e> {
    evaluator: &'e Evaluator,
    found: Vec<Finding>,
}

impl<'e> Linter<'e> {
    fn report(&mut self, mistake: Mistake, at: &Location, policy: &Policy, told: (String, Vec<String>, String)) {
        let (sentence, effects, cure) = told;
        self.found.push(Finding { mistake, at: at.clone(), policy: policy.to_string(), sentence, effects, cure });
    }

    fn policy(&mut self, policy: &'e Policy) {
        let own: Vec<&Workload> = self.of(&policy.namespace).collect();
        let selected: Vec<usize> = self
            .places(|workload| workload.namespace == policy.namespace && policy.pod_selector.matches(&workload.labels));
        if selected.is_empty() && own.iter().all(|workload| workload.varying.is_empty() || !self.may(policy, workload))
        {
            self.selects_nothing(policy, &own);
        }
        self.dns(policy, &selected);
        self.types(policy, &selected);
        for direction in Direction::ALL {
            for rule in policy.rules(direction).unwrap_or_default() {
                self.peers(policy, direction, rule);
                self.ports(policy, direction, rule, &selected);
                self.other_side(policy, direction, rule, &selected);
            }
        }
    }

    fn may(&self, policy: &Policy, workload: &Workload) -> bool {
        policy.pod_selector.requirements().iter().any(|requirement| workload.varying.contains(&requirement.key))
    }

    fn of(&self, namespace: &str) -> impl Iterator<Item = &'e Workload> {
        self.evaluator.workloads().iter().filter(move |workload| workload.namespace == namespace)
    }

    fn places(&self, is_one: impl Fn(&Workload) -> bool) -> Vec<usize> {
        let workloads = self.evaluator.workloads().iter().enumerate();
        workloads.filter(|(_, workload)| is_one(workload)).map(|(place, _)| place).collect()
    }

    fn names(&self, places: &[usize]) -> String {
        let names: Vec<_> = places.iter().take(5).map(|place| self.evaluator.workloads()[*place].to_string()).collect();
        let more = places.len().saturating_sub(names.len());
        if more > 0 { format!("{} and {more} more", names.join(", ")) } else { join(&names, "and") }
    }

    fn selects_nothing(&mut self, policy: &Policy, own: &[&Workload]) {
        let selector = &policy.pod_selector;
        let of_controller = own.iter().find(|workload| selector.matches(&workload.controller_labels));
        if let Some(workload) = of_controller {
            let told = not_on_template(selector, workload);
            self.report(Mistake::LabelsNotOnTemplate, &policy.at, policy, told);
        } else if let Some(near) = own.first() {
            let near = own.iter().min_by_key(|workload| selector.unmet(&workload.labels).count()).unwrap_or(near);
            let sentence = format!("no pod of {} carries {selector}: the policy isolates nobody", policy.namespace);
            let effects = vec![format!("every workload of {} is as open as without it", policy.namespace)];
            self.report(
                Mistake::SelectsNothing,
                &policy.at,
                policy,
                (sentence, effects, labels_of("podSelector", near)),
            );
        }
    }

    fn dns(&mut self, policy: &Policy, selected: &[usize]) {
        let Some(rules) = policy.rules(Direction::Egress).filter(|rules| !rules.is_empty()) else { return };
        // Who is let out to addresses alone may need no name.
        let by_name = |rule: &Rule| {
            rule.peers.iter().any(|peer| matches!(peer.scope, Scope::Pods { .. })) || rule.peers.is_empty()
        };
        if !rules.iter().any(by_name) {
            return;
        }
        let asks = |place: &usize, protocol: Protocol| {
            let dns = self.evaluator.dns().iter().map(|dns| {
                let (pod, server) = (Endpoint::Workload(*place), Endpoint::Workload(*dns));
                self.evaluator
                    .side(Direction::Egress, pod, server)
                    .reach
                    .verdict(protocol, self.evaluator.dns_port(*dns))
            });
            dns.min().unwrap_or(Verdict::Denied)
        };
        let is_dns = |place: &usize| self.evaluator.dns().contains(place);
        let (mut none, mut udp) = (Vec::new(), Vec::new());
        for place in selected.iter().filter(|place| !is_dns(place)) {
            match (asks(place, Protocol::Udp), asks(place, Protocol::Tcp)) {
                (Verdict::Denied, _) => none.push(*place),
                (Verdict::Allowed, Verdict::Denied) => udp.push(*place),
                _ => {}
            }
        }
        let opens = |rule: &&Rule, protocol| {
            let exact = |port: &Port| port.protocol == protocol && port.target == Target::Range(53, 53);
            rule.ports.iter().any(exact)
        };
        let elsewhere = rules.iter().find(|rule| opens(rule, Protocol::Udp) || opens(rule, Protocol::Tcp));
        if !none.is_empty() {
            let names = self.names(&none);
            let effects = vec![format!("{names} cannot resolve any name: connections by name are never tried")];
            match elsewhere {
                Some(rule) => {
                    let sentence = "port 53 is opened, but not to the cluster's DNS, which runs in kube-system as k8s-app=kube-dns".into();
                    self.report(Mistake::DnsElsewhere, &rule.at, policy, (sentence, effects, DNS_RULE.into()));
                }
                None => {
                    let sentence = "egress is isolated, and no rule admits the cluster's DNS".into();
                    self.report(Mistake::DnsForgotten, &policy.at, policy, (sentence, effects, DNS_RULE.into()));
                }
            }
        } else if let (Some(rule), false) = (rules.iter().find(|rule| opens(rule, Protocol::Udp)), udp.is_empty()) {
            let sentence =
                "the cluster's DNS may be asked over UDP alone: an answer that does not fit comes over TCP".into();
            let effects = vec![format!("{} cannot take a long answer", self.names(&udp))];
            self.report(Mistake::DnsUdpOnly, &rule.at, policy, (sentence, effects, DNS_PORTS.into()));
        }
    }

    fn types(&mut self, policy: &Policy, selected: &[usize]) {
        let direction = match (policy.types_given, policy.ingress.as_deref(), policy.egress.as_deref()) {
            (false, Some([]), Some([_, ..])) if !policy.written.contains(&Direction::Ingress) => Direction::Ingress,
            (true, Some([_, ..]), Some([])) if !policy.written.contains(&Direction::Egress) => Direction::Egress,
            _ => return,
        };
        // Where another policy isolates the same pods, nothing surprises.
        let alone = |place: &usize| self.evaluator.isolating(*place, direction).sure.len() == 1;
        let surprised: Vec<_> = selected.iter().copied().filter(alone).collect();
        if surprised.is_empty() {
            return;
        }
        let names = self.names(&surprised);
        let (sentence, effect, cure) = match direction {
            Direction::Ingress => (
                "without policyTypes a policy isolates ingress as well, and this one has egress rules alone",
                "lets nothing in",
                "policyTypes: [Egress]\n",
            ),
            Direction::Egress => (
                "policyTypes name Egress, and no egress rule is written",
                "lets nothing out, not even to DNS",
                "policyTypes: [Ingress]\n",
            ),
        };
        let told = (sentence.into(), vec![format!("{names} {effect}")], cure.into());
        self.report(Mistake::SurprisingType, &policy.at, policy, told);
    }

    /// Whom a peer with these selectors finds; every cluster's DNS is among them.
    fn finds(&self, policy: &Policy, namespaces: Option<&Selector>, pods: Option<&Selector>) -> bool {
        (0..self.evaluator.facts().count()).any(|place| {
            let workload = self.evaluator.facts().at(place);
            self.in_namespace(policy, namespaces, &workload.namespace)
                && pods.is_none_or(|pods| pods.fit(&workload.labels, &workload.varying) != Fit::No)
        })
    }

    fn in_namespace(&self, policy: &Policy, namespaces: Option<&Selector>, namespace: &str) -> bool {
        match namespaces {
            None => policy.namespace == namespace,
            Some(selector) => selector.matches(self.evaluator.namespace_labels(namespace)),
        }
    }

    fn peers(&mut self, policy: &'e Policy, direction: Direction, rule: &'e Rule) {
        for (index, peer) in rule.peers.iter().enumerate() {
            match &peer.scope {
                Scope::Block { ip_block } => self.block(policy, direction, peer, ip_block),
                Scope::Pods { namespace_selector, pod_selector } => {
                    let (namespaces, pods) = (namespace_selector.as_ref(), pod_selector.as_ref());
                    if !self.finds(policy, namespaces, pods) {
                        let before = index.checked_sub(1).map(|before| &rule.peers[before].scope);
                        let after = rule.peers.get(index + 1).map(|after| &after.scope);
                        self.peer(policy, peer, (namespaces, pods), [before, after]);
                    }
                }
            }
        }
    }

    /// A peer that finds nobody.
    fn peer(
        &mut self,
        policy: &'e Policy,
        peer: &Peer,
        (namespaces, pods): (Option<&Selector>, Option<&Selector>),
        neighbours: [Option<&Scope>; 2],
    ) {
        let at = &peer.at;
        if let (None, Some(pods)) = (namespaces, pods) {
            let beside = neighbours.into_iter().flatten().find_map(|scope| match scope {
                Scope::Pods { namespace_selector: Some(selector), pod_selector: None } => Some(selector),
                _ => None,
            });
            if let Some(selector) = beside.filter(|selector| self.finds(policy, Some(selector), Some(pods))) {
                let sentence = format!(
                    "two items admit all pods of namespaces with {selector}, and those with {pods} of {}, which are none",
                    policy.namespace
                );
                let effects =
                    vec![format!("every pod of a namespace with {selector} is admitted, whatever its labels")];
                let cure = format!("- namespaceSelector: {}\n  podSelector: {}\n", yaml(selector), yaml(pods));
                return self.report(Mistake::TwoItemsForOne, at, policy, (sentence, effects, cure));
            }
            let elsewhere = self.places(|workload| pods.matches(&workload.labels));
            if let Some(place) = elsewhere.first().filter(|_| !pods.is_everything()) {
                let namespace = &self.evaluator.workloads()[*place].namespace;
                let sentence = format!(
                    "a podSelector alone finds pods of {} only, and none there carries {pods}",
                    policy.namespace
                );
                let effects = vec![format!("{} carries it, and is not admitted by this peer", self.names(&elsewhere))];
                let cure = format!(
                    "- namespaceSelector: {{matchLabels: {{{NAME_LABEL}: {namespace}}}}}\n  podSelector: {}\n",
                    yaml(pods)
                );
                return self.report(Mistake::PeerNamespace, at, policy, (sentence, effects, cure));
            }
        }
        if let (Some(namespaces), Some(pods)) = (namespaces, pods)
            && self.finds(policy, Some(namespaces), None)
            && self.finds(policy, None, Some(pods))
            && !pods.is_everything()
        {
            let sentence = format!(
                "one item admits pods with {pods} in namespaces with {namespaces}, and there are none; each of the two alone finds some"
            );
            let effects = vec!["this peer admits nobody at hand".into()];
            let cure = format!("- namespaceSelector: {}\n- podSelector: {}\n", yaml(namespaces), yaml(pods));
            return self.report(Mistake::OneItemForTwo, at, policy, (sentence, effects, cure));
        }
        let of_controller = pods.and_then(|pods| {
            let mut workloads = self.evaluator.workloads().iter();
            workloads.find(|own| {
                self.in_namespace(policy, namespaces, &own.namespace) && pods.matches(&own.controller_labels)
            })
        });
        if let (Some(workload), Some(pods)) = (of_controller, pods) {
            return self.report(Mistake::LabelsNotOnTemplate, at, policy, not_on_template(pods, workload));
        }
        if let Some(selector) = namespaces
            && !self.evaluator.cluster().namespaces.values().any(|labels| selector.matches(labels))
        {
            return self.namespace_label(policy, at, selector);
        }
        // Where the pods of that namespace are not at hand, somebody may well be there.
        let mut near =
            self.evaluator.workloads().iter().filter(|own| self.in_namespace(policy, namespaces, &own.namespace));
        if let (Some(pods), Some(near)) = (pods, near.next()) {
            let sentence = format!("no pod carries {pods} where this peer looks for it");
            let effects = vec!["this peer admits nobody at hand".into()];
            let cure = format!("- {}", labels_of("podSelector", near));
            self.report(Mistake::MatchesNothing, at, policy, (sentence, effects, cure));
        }
    }

    fn namespace_label(&mut self, policy: &Policy, at: &Location, selector: &Selector) {
        let known = &self.evaluator.cluster().namespaces;
        let by_name = selector.requirements().iter().find(|requirement| requirement.key == NAME_LABEL);
        let cure = match by_name.map(|requirement| &requirement.operator) {
            // A namespace that is not at hand may be in the cluster, unless its name is nearly one of these.
            Some(Operator::Equals(name)) => match known.keys().find(|own| (1..=2).contains(&distance(own, name))) {
                Some(near) => format!("namespaceSelector: {{matchLabels: {{{NAME_LABEL}: {near}}}}}\n"),
                None => return,
            },
            Some(_) => return,
            None => match known.iter().find(|(_, labels)| labels.len() > 1) {
                Some((name, labels)) => {
                    let own = labels.iter().find(|(key, _)| *key != NAME_LABEL);
                    let (key, value) = own.map_or((NAME_LABEL, name.as_str()), |(key, value)| (key, value));
                    format!("namespaceSelector: {{matchLabels: {{{key}: {value}}}}}    # as {name} carries it\n")
                }
                // No labels of any namespace are at hand.
                None => return,
            },
        };
        let sentence = format!("no namespace carries {selector}");
        let effects = vec!["this peer admits nobody at hand".into()];
        self.report(Mistake::NamespaceLabel, at, policy, (sentence, effects, cure));
    }

    fn block(&mut self, policy: &Policy, direction: Direction, peer: &Peer, block: &IpBlock) {
        if block.cidr.prefix_len() == 0 {
            return;
        }
        let services = self.evaluator.cluster().services.iter();
        let held = services.filter(|service| service.cluster_ip.is_some_and(|address| block.contains(address)));
        if let (Direction::Egress, Some(service)) = (direction, held.clone().next()) {
            let names: Vec<_> = held.take(5).collect();
            let sentence = format!(
                "ipBlock {block} holds the address of {}, which no policy sees: it is translated before",
                join(&names, "and")
            );
            let effects = vec!["connections to it are judged by the pods behind it".into()];
            let labels =
                service.selector.iter().flatten().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>();
            let cure = format!(
                "- namespaceSelector: {{matchLabels: {{{NAME_LABEL}: {}}}}}\n  podSelector: {{matchLabels: {{{}}}}}\n",
                service.namespace,
                labels.join(", ")
            );
            return self.report(Mistake::BlockOfService, &peer.at, policy, (sentence, effects, cure));
        }
        let pods =
            self.places(|workload| !workload.host_network && workload.addresses.iter().any(|own| block.contains(*own)));
        if let Some(place) = pods.first() {
            let workload = &self.evaluator.workloads()[*place];
            let sentence = format!(
                "ipBlock {block} holds pods' addresses, which change, and not every network admits pods by them"
            );
            let effects = vec![format!("whether it admits {} hangs on the network", self.names(&pods))];
            let cure = format!(
                "- namespaceSelector: {{matchLabels: {{{NAME_LABEL}: {}}}}}\n  {}",
                workload.namespace,
                labels_of("podSelector", workload)
            );
            self.report(Mistake::BlockOfPods, &peer.at, policy, (sentence, effects, cure));
        }
    }

    fn ports(&mut self, policy: &Policy, direction: Direction, rule: &Rule, selected: &[usize]) {
        let destinations = match direction {
            Direction::Ingress => selected.to_vec(),
            // Whom it admits by their labels; who is admitted along with everyone says nothing of ports.
            Direction::Egress => self.places_of(policy, rule),
        };
        if destinations.is_empty() {
            return;
        }
        let pods: Vec<_> = destinations.iter().map(|place| &self.evaluator.workloads()[*place]).collect();
        for port in &rule.ports {
            match &port.target {
                Target::Named(name) if pods.iter().all(|pod| pod.port(name, port.protocol).is_none()) => {
                    let known: Vec<_> = pods.iter().flat_map(|pod| &pod.ports).collect();
                    let sentence =
                        format!("no pod that this rule leads to gives a {} port the name {name}", port.protocol);
                    let effects = vec![format!("the port admits nothing to {}", self.names(&destinations))];
                    let own = known.iter().find(|own| own.protocol == port.protocol);
                    let cure = own.map_or(
                        "containers: [{ports: [{name: ".to_owned() + name + ", containerPort: …}]}]\n",
                        |own| format!("- {{protocol: {}, port: {}}}\n", own.protocol, own.name),
                    );
                    self.report(Mistake::NamedPort, &port.at, policy, (sentence, effects, cure));
                }
                Target::Range(number, last) if number == last => {
                    self.service_port(policy, rule, port, *number, &pods);
                }
                _ => {}
            }
        }
    }

    fn places_of(&self, policy: &Policy, rule: &Rule) -> Vec<usize> {
        let narrow =
            |peer: &&Peer| matches!(&peer.scope, Scope::Pods { pod_selector: Some(pods), .. } if !pods.is_everything());
        self.places(|workload| {
            rule.peers.iter().filter(narrow).any(|peer| match &peer.scope {
                Scope::Pods { namespace_selector, pod_selector } => {
                    self.in_namespace(policy, namespace_selector.as_ref(), &workload.namespace)
                        && pod_selector.as_ref().is_some_and(|pods| pods.matches(&workload.labels))
                }
                Scope::Block { .. } => false,
            })
        })
    }

    fn service_port(&mut self, policy: &Policy, rule: &Rule, port: &Port, number: u16, pods: &[&Workload]) {
        let services = &self.evaluator.cluster().services;
        // Every pod must be one that does not listen there, and a Service must lead from there to elsewhere.
        let mut leads = None;
        for pod in pods {
            if listens(pod, number) {
                return;
            }
            let own = services.iter().filter(|service| service.selects(pod));
            let ports = own.flat_map(|service| service.ports.iter().map(move |own| (service, own)));
            for (service, own) in ports.filter(|(_, own)| own.protocol == port.protocol) {
                let target = own.target.on(pod, port.protocol);
                if target == Some(number) {
                    return;
                }
                if let (true, Some(target)) = (own.port == number, target) {
                    leads = Some((service, own, target));
                }
            }
        }
        let Some((service, own, target)) = leads else { return };
        let admitted = rule
            .ports
            .iter()
            .any(|other| matches!(other.target, Target::Range(first, last) if (first..=last).contains(&target)));
        if admitted {
            return;
        }
        let sentence = format!(
            "{} {number} is the port of Service {service}, and policies see the pod's, {target}",
            port.protocol
        );
        let effects = vec![format!("the port admits nothing to {}", join(pods, "and"))];
        let cure = match &own.target {
            TargetPort::Name(name) => format!("- {{protocol: {}, port: {name}}}\n", port.protocol),
            TargetPort::Number(_) => format!("- {{protocol: {}, port: {target}}}\n", port.protocol),
        };
        self.report(Mistake::ServicePort, &port.at, policy, (sentence, effects, cure));
    }

    /// Pairs that a rule admits by name on its side, and that the other side's policies do not let through at all.
    fn other_side(&mut self, policy: &Policy, direction: Direction, rule: &Rule, selected: &[usize]) {
        let other = match direction {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        };
        let mut closed = Vec::new();
        let peers = self.places_of(policy, rule);
        for (&own, &peer) in selected.iter().flat_map(|own| peers.iter().map(move |peer| (own, peer))) {
            if own == peer || self.evaluator.isolating(peer, other).is_open() {
                continue;
            }
            let (subject, far) = (Endpoint::Workload(own), Endpoint::Workload(peer));
            let here = self.evaluator.side(direction, subject, far);
            let there = self.evaluator.side(other, far, subject);
            let admits = here.admissions.iter().filter(|own| std::ptr::eq(own.rule, rule));
            let admitted = admits.fold(Connections::none(), |set, own| set.union(&own.connections));
            if !admitted.is_none() && admitted.intersection(&there.reach.possible).is_none() {
                closed.push((own, peer, there.isolated_by));
            }
        }
        let Some((own, peer, by)) = closed.first() else { return };
        let workload = |place: &usize| &self.evaluator.workloads()[*place];
        let (source, destination) = if direction == Direction::Egress { (own, peer) } else { (peer, own) };
        let sentence = format!(
            "{} of {} is isolated by {}, and no rule there admits what this rule does",
            other,
            workload(peer),
            join(by, "and")
        );
        let pairs = closed.iter().take(5).map(|(own, peer, _)| {
            let (from, to) = if direction == Direction::Egress { (own, peer) } else { (peer, own) };
            format!("{} -> {} stays closed", workload(from), workload(to))
        });
        let effects = pairs.collect();
        let (field, from) = if direction == Direction::Egress { ("ingress", "from") } else { ("egress", "to") };
        let admitted = if direction == Direction::Egress { workload(source) } else { workload(destination) };
        let cure = format!(
            "# in a policy of namespace {} that selects {}\n{field}:\n- {from}:\n  - namespaceSelector: {{matchLabels: {{{NAME_LABEL}: {}}}}}\n    {}",
            workload(peer).namespace,
            workload(peer),
            admitted.namespace,
            labels_of("podSelector", admitted)
        );
        self.report(Mistake::OtherSide, &rule.at, policy, (sentence, effects, cure));
    }
}

const DNS_RULE: &str = "egress:
- to:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    podSelector: {matchLabels: {k8s-app: kube-dns}}
  ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
";

const DNS_PORTS: &str = "ports:
- {protocol: UDP, port: 53}
- {protocol: TCP, port: 53}
";

/// Whether a pod's containers declare a port of that number.
fn listens(pod: &Workload, number: u16) -> bool {
    let containers = pod.template.at_path(&["spec", "containers"]).map(Node::items).unwrap_or_default();
    let ports = containers.iter().filter_map(|container| container.get("ports")).flat_map(Node::items);
    let mut numbers = ports.filter_map(|port| port.get("containerPort").and_then(Node::integer));
    numbers.any(|own| own == i64::from(number))
}

fn not_on_template(selector: &Selector, workload: &Workload) -> (String, Vec<String>, String) {
    let kind = &workload.kind;
    let sentence = format!(
        "{selector} stands in the metadata of {kind} {workload}, and not on its pod template: policies see pods"
    );
    let effects = vec![format!("{workload} is not selected")];
    let missing = selector.unmet(&workload.labels).filter_map(|requirement| {
        let value = workload.controller_labels.get(&requirement.key)?;
        Some(format!("{}: {value:?}", requirement.key))
    });
    let missing: Vec<_> = missing.collect();
    let cure =
        format!("# {kind} {workload}\nspec: {{template: {{metadata: {{labels: {{{}}}}}}}}}\n", missing.join(", "));
    (sentence, effects, cure)
}

/// A selector for the pods of a workload, in one line.
fn labels_of(field: &str, workload: &Workload) -> String {
    let labels: Vec<_> = workload.labels.iter().map(|(key, value)| format!("{key}: {value:?}")).collect();
    format!("{field}: {{matchLabels: {{{}}}}}\n", labels.join(", "))
}

/// A selector in one line of YAML.
fn yaml(selector: &Selector) -> String {
    let (mut labels, mut expressions) = (Vec::new(), Vec::new());
    for requirement in selector.requirements() {
        let key = &requirement.key;
        let expression = |operator: &str, values: &[String]| match values {
            [] => format!("{{key: {key}, operator: {operator}}}"),
            values => format!("{{key: {key}, operator: {operator}, values: {values:?}}}"),
        };
        match &requirement.operator {
            Operator::Equals(value) => labels.push(format!("{key}: {value:?}")),
            Operator::In(values) => expressions.push(expression("In", values)),
            Operator::NotIn(values) => expressions.push(expression("NotIn", values)),
            Operator::Exists => expressions.push(expression("Exists", &[])),
            Operator::DoesNotExist => expressions.push(expression("DoesNotExist", &[])),
        }
    }
    let mut parts = Vec::new();
    if !labels.is_empty() {
        parts.push(format!("matchLabels: {{{}}}", labels.join(", ")));
    }
    if !expressions.is_empty() {
        parts.push(format!("matchExpressions: [{}]", expressions.join(", ")));
    }
    format!("{{{}}}", parts.join(", "))
}
