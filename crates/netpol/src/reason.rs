//! Why a verdict is what it is, in sentences that can be read aloud.
//!
//! No sentence says that a policy denies: a policy isolates a pod, and its rules admit.

use crate::{
    connections::{Connections, Protocol},
    doubt::Doubt,
    endpoint::{Endpoint, Place, Pods},
    evaluator::{Admission, Evaluator, IpBlockPods, Pair, Side},
    facts::Match,
    policy::{Direction, Peer, Policy, Port, Rule, Scope, Target},
    reach::Verdict,
    selector::{Labels, Requirement, Selector},
    workload::Workload,
};

/// One connection that a reason is about; without it, it is about all of them.
pub(crate) type About = Option<(Protocol, u16)>;

/// Why a rule does not admit an endpoint on a port.
struct Miss {
    /// What would have to be otherwise; the nearest miss is the one with the least of it.
    unmet: usize,
    /// Whether the port at least is among the rule's.
    port_matches: bool,
    sentence: String,
}

impl Evaluator {
    /// The reasons for what a pair's two sides let pass: a sentence or two for each side.
    pub fn reasons(&self, pair: &Pair<'_>, about: About) -> Vec<String> {
        let sides = [&pair.egress, &pair.ingress];
        sides.into_iter().map(|side| self.reason(side, about)).collect()
    }

    fn reason(&self, side: &Side<'_>, about: About) -> String {
        let mut parts = vec![self.isolation(side)];
        if !side.isolated_by.is_empty() {
            let admitting: Vec<_> = side.admissions.iter().filter(|admission| concerns(admission, about)).collect();
            parts.extend(admitting.iter().map(|admission| self.admission(side, admission)));
            if admitting.is_empty() {
                parts.push(self.nothing_admits(side, about));
                parts.extend(self.nearest_miss(side, about));
            }
        }
        let subject = self.name(side.subject);
        let undecided = match about {
            Some((protocol, port)) => side.reach.verdict(protocol, port) == Verdict::Undecided,
            None => !side.reach.is_decided(),
        };
        for doubt in &side.doubts {
            match doubt {
                Doubt::SameNode => parts.push(format!("{subject} is open to it all the same: {doubt}")),
                _ if undecided => parts.push(format!("undecided for {subject}: {doubt}")),
                _ => {}
            }
        }
        parts.join("; ")
    }

    /// `ingress of stars/backend is isolated by stars/backend-policy and stars/default-deny`.
    fn isolation(&self, side: &Side<'_>) -> String {
        let (direction, subject) = (side.direction, self.name(side.subject));
        match side.isolated_by.as_slice() {
            [] => match side.subject {
                Endpoint::Address(_) | Endpoint::Block(_) => {
                    format!("{subject} is outside, where no NetworkPolicy applies")
                }
                Endpoint::Pods(Pods { place: Place::Namespaces(_), .. }) => {
                    format!("{direction} of {subject} is not asked: of which namespace it is, is not known")
                }
                Endpoint::Workload(_) | Endpoint::Pods(_) => format!("{direction} of {subject} is open"),
            },
            policies => format!("{direction} of {subject} is isolated by {}", join(policies, "and")),
        }
    }

    /// `rule 1 of stars/frontend-policy (policies.yaml:9) admits client/client on TCP 80`.
    fn admission(&self, side: &Side<'_>, admission: &Admission<'_>) -> String {
        let Admission { policy, number, rule, .. } = admission;
        format!("rule {number} of {policy} ({}) {}", rule.at, self.admits_what(side, admission))
    }

    fn admits_what(&self, side: &Side<'_>, admission: &Admission<'_>) -> String {
        let Admission { connections, doubt, .. } = admission;
        let on = match connections.is_all() {
            true => String::new(),
            false => format!(" on {connections}"),
        };
        let may = if doubt.is_some() { "may admit" } else { "admits" };
        let doubt = doubt.as_ref().map(|doubt| format!(": {doubt}")).unwrap_or_default();
        let other = self.name(side.other);
        format!("{may} {}{other}{on}{doubt}", preposition(side))
    }

    fn nothing_admits(&self, side: &Side<'_>, about: About) -> String {
        let on = about.map(|(protocol, port)| format!(" on {protocol} {port}")).unwrap_or_default();
        format!("no rule admits {}{}{on}", preposition(side), self.name(side.other))
    }

    fn nearest_miss(&self, side: &Side<'_>, about: About) -> Option<String> {
        let rules = side.isolated_by.iter().flat_map(|policy| {
            let rules = policy.rules(side.direction).unwrap_or_default().iter().enumerate();
            rules.map(move |(index, rule)| (*policy, index + 1, rule))
        });
        let misses = rules.filter_map(|(policy, number, rule)| {
            let miss = self.miss(side, policy, rule, about)?;
            // A policy that selects every pod was not written for this one; nor a rule without ports for this port.
            let general = usize::from(policy.pod_selector.is_everything());
            let rank = (miss.unmet + general, rule.ports.is_empty() || !miss.port_matches);
            Some((rank, format!("rule {number} of {policy} ({}) {}", rule.at, miss.sentence)))
        });
        // Of equals the first, by namespace, name and number.
        misses.min_by_key(|(rank, _)| *rank).map(|(_, sentence)| sentence)
    }

    /// Why this rule does not admit the other end on the port; nothing if it does.
    fn miss(&self, side: &Side<'_>, policy: &Policy, rule: &Rule, about: About) -> Option<Miss> {
        let destination = match side.direction {
            Direction::Ingress => side.subject,
            Direction::Egress => side.other,
        };
        let destination = self.workload(destination);
        let admitted = |(protocol, port)| rule.ports.iter().any(|item| item.holds(protocol, port, destination));
        let port_matches = match about {
            None => rule.ports.is_empty() || rule.ports.iter().any(|port| port.resolves(destination)),
            Some(about) => rule.ports.is_empty() || admitted(about),
        };
        let peers = rule.peers.iter().map(|peer| self.peer_miss(policy, peer, side.other));
        let (unmet, what) = peers.min_by_key(|(unmet, _)| *unmet).unwrap_or_default();
        let what = match rule.peers.len() {
            0 | 1 => what,
            count => format!("none of its {count} peers fits; with the nearest, {what}"),
        };
        let ports = if rule.ports.is_empty() { "every port".to_owned() } else { join(&rule.ports, "and") };
        let ports_miss = match about {
            Some((protocol, port)) => format!("admits {ports} only, not {protocol} {port}"),
            None => format!(
                "admits {ports} only, a name that {} gives no port",
                self.name(side.other_of(destination.is_some()))
            ),
        };
        let sentence = match (unmet, port_matches) {
            (0, true) => return None,
            (0, false) => ports_miss,
            (_, true) => match about {
                Some((protocol, port)) => format!("matches {protocol} {port}, but {what}"),
                None => format!("admits {ports}, but {what}"),
            },
            (_, false) => format!("{ports_miss}, and {what}"),
        };
        Some(Miss { unmet: unmet + usize::from(!port_matches), port_matches, sentence })
    }

    /// How many requirements of a peer the endpoint does not meet, and what they are: `its pods must carry role=frontend
    /// in namespace stars; client/client carries role=client`.
    fn peer_miss(&self, policy: &Policy, peer: &Peer, other: Endpoint<'_>) -> (usize, String) {
        let name = self.name(other);
        if let (Endpoint::Block(_) | Endpoint::Pods(_), Match::Yes) = (other, self.facts().admits(policy, peer, other))
        {
            return (0, String::new());
        }
        let (namespace_selector, pod_selector) = match (&peer.scope, other) {
            (Scope::Pods { namespace_selector, pod_selector }, Endpoint::Workload(_)) => {
                (namespace_selector, pod_selector)
            }
            (Scope::Pods { .. }, Endpoint::Address(_)) => {
                return (1, format!("it admits pods, and {name} is not a pod's address"));
            }
            (Scope::Pods { .. }, Endpoint::Block(_)) => {
                return (1, format!("it admits pods, and {name} is a block of addresses"));
            }
            (Scope::Block { ip_block }, Endpoint::Block(_)) => {
                return (1, format!("its addresses must lie in {ip_block}"));
            }
            (Scope::Pods { namespace_selector, pod_selector }, Endpoint::Pods(_)) => {
                let pods = match pod_selector {
                    Some(selector) if !selector.is_everything() => format!("carry {selector}"),
                    _ => "be".to_owned(),
                };
                return (
                    1,
                    format!("its pods must {pods} {}, which is not {name}", place(policy, namespace_selector.as_ref())),
                );
            }
            (Scope::Block { ip_block }, Endpoint::Address(address)) => {
                let unmet = usize::from(!ip_block.contains(address));
                return (unmet, format!("its addresses must lie in {ip_block}"));
            }
            (Scope::Block { ip_block }, Endpoint::Workload(_) | Endpoint::Pods(_)) => {
                let what = match self.options().ip_block_pods {
                    IpBlockPods::Ignore => format!("its ipBlock {ip_block} is taken to admit no pod"),
                    _ => format!("its addresses must lie in {ip_block}, and those of {name} do not"),
                };
                return (1, what);
            }
        };
        let Some(workload) = self.workload(other) else { return (1, String::new()) };
        let no_labels = Selector::default();
        let pods = pod_selector.as_ref().unwrap_or(&no_labels);
        let mut has = Vec::new();
        let mut unmet = 0;
        for requirement in pods.unmet(&workload.labels) {
            unmet += 1;
            has.push(carries(requirement, &workload.labels));
        }
        match namespace_selector {
            None if policy.namespace != workload.namespace => {
                unmet += 1;
                has.push(format!("is in namespace {}", workload.namespace));
            }
            None => {}
            Some(selector) => {
                let labels = self.namespace_labels(&workload.namespace);
                for requirement in selector.unmet(labels) {
                    unmet += 1;
                    has.push(format!("is in namespace {}, which {}", workload.namespace, carries(requirement, labels)));
                }
            }
        }
        let place = place(policy, namespace_selector.as_ref());
        let must = if pods.is_everything() { "be".to_owned() } else { format!("carry {pods}") };
        (unmet, format!("its pods must {must} {place}; {name} {}", join(&has, "and")))
    }

    /// What every policy that isolates a side says, a line each; rules are indented below their policy.
    pub(crate) fn every_policy(&self, side: &Side<'_>, about: About) -> Vec<String> {
        let mut lines = Vec::new();
        let other = self.name(side.other);
        for policy in &side.isolated_by {
            let rules = policy.rules(side.direction).unwrap_or_default();
            let at = &policy.at;
            let admissions: Vec<_> = side.admissions.iter().filter(|own| std::ptr::eq(own.policy, *policy)).collect();
            let admits = admissions.iter().any(|admission| admission.doubt.is_none() && concerns(admission, about));
            let may = admissions.iter().any(|admission| concerns(admission, about));
            let verdict = match (admits, may) {
                (true, _) => "admits",
                (false, true) => "may admit",
                (false, false) => "does not admit",
            };
            let why = if rules.is_empty() { format!(": it has no {} rule", side.direction) } else { String::new() };
            lines.push(format!("{policy} ({at}) {verdict} {}{other}{why}", preposition(side)));
            for (index, rule) in rules.iter().enumerate() {
                let own =
                    admissions.iter().find(|admission| admission.number == index + 1 && concerns(admission, about));
                let sentence = match (own, self.miss(side, policy, rule, about)) {
                    (Some(admission), _) => self.admits_what(side, admission),
                    (None, Some(miss)) => miss.sentence,
                    (None, None) => continue,
                };
                lines.push(format!("  rule {} (line {}) {sentence}", index + 1, rule.at.line));
            }
        }
        lines
    }
}

/// Whether an admission is about the connection.
fn concerns(admission: &Admission<'_>, about: About) -> bool {
    match about {
        None => !admission.connections.is_none(),
        Some((protocol, port)) => admission.connections.covers(&Connections::port(protocol, port)),
    }
}

impl<'e> Side<'e> {
    fn other_of(&self, destination_is_workload: bool) -> Endpoint<'e> {
        match (self.direction, destination_is_workload) {
            (Direction::Ingress, true) => self.subject,
            _ => self.other,
        }
    }
}

impl Port {
    fn holds(&self, protocol: Protocol, port: u16, destination: Option<&Workload>) -> bool {
        self.protocol == protocol
            && match &self.target {
                Target::Every => true,
                Target::Range(first, last) => (first..=last).contains(&&port),
                Target::Named(name) => destination.and_then(|pod| pod.port(name, protocol)) == Some(port),
            }
    }

    fn resolves(&self, destination: Option<&Workload>) -> bool {
        match &self.target {
            Target::Named(name) => destination.is_some_and(|pod| pod.port(name, self.protocol).is_some()),
            Target::Every | Target::Range(..) => true,
        }
    }
}

/// What a label is instead of what it must be: `carries role=client`, `carries no role`.
fn carries(requirement: &Requirement, labels: &Labels) -> String {
    let key = &requirement.key;
    match labels.get(key) {
        Some(value) => format!("carries {key}={value}"),
        None => format!("carries no {key}"),
    }
}

/// Where a peer's pods are.
fn place(policy: &Policy, namespace_selector: Option<&Selector>) -> String {
    match namespace_selector {
        None => format!("in namespace {}", policy.namespace),
        Some(selector) if selector.is_everything() => "in any namespace".into(),
        Some(selector) => format!("in a namespace with {selector}"),
    }
}

/// What a rule admits: who comes `from` nowhere else, or traffic `to` somewhere.
fn preposition(side: &Side<'_>) -> &'static str {
    match side.direction {
        Direction::Ingress => "",
        Direction::Egress => "traffic to ",
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn join(items: &[impl ToString], word: &str) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    match items.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, before)) => format!("{} {word} {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests;
