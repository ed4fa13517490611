//! The world outside: whom a workload lets in and reaches besides the workloads that the manifests name.
//!
//! Outside are addresses, cut into ranges at every block that occurs in the policies at hand, and pods, in classes: any
//! pod, any pod of the subject's own namespace, and those that a peer of a rule selects.
//!
//! **Nothing that changes escapes.** Take two sets of policies, and say that for every class of either the same
//! connections are admitted to the whole class. A pod that a rule of the first admits is of the class of that rule's
//! peer; the second admits that class there too, so it admits the pod; and the other way round. In the same way the pods
//! that a namespace may get are compared as subjects: those that a policy selects which changed, and those that it selects
//! together with another. If such a pod is let through before and not after, then none selects it before, and one that is
//! new isolates it; or one admits before that changed, and one isolates it after: the class of the two shows it. Ranges
//! are exact, since no block ends within one.

use std::{collections::BTreeSet, fmt, net::IpAddr, sync::LazyLock};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use serde::{Serialize, Serializer};

use crate::{
    connections::{Connections, Protocol},
    doubt::Doubt,
    endpoint::{Endpoint, Place, Pods},
    evaluator::{Evaluator, Side},
    policy::{Direction, Policy, Scope},
    reach::{Reach, Verdict, settle},
    reason::join,
    selector::{Fit, Selector},
    workload::Workload,
};

/// Somebody outside, or many who fare alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outsiders {
    /// Everyone: any address, and any pod.
    Everyone,
    /// Everyone but the pods that have lines of their own.
    Others,
    /// Addresses, whoever has them.
    Addresses(Addresses),
    /// Pods.
    Pods(Pods),
}

/// Ranges of addresses, sorted, that do not touch.
///
/// Displayed as blocks, or as a block and what it does not hold, whichever is shorter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    ranges: Vec<(IpAddr, IpAddr)>,
}

/// What passes between a subject and outsiders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Passage {
    /// What passes.
    pub reach: Reach,
    /// Ports that pass by their name, which pods outside may give to any port.
    pub named: BTreeSet<(Protocol, String)>,
}

/// What outsiders are there to be told apart: the blocks and the peers of some policies.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// Where ranges begin, by family: `false` for IPv4.
    starts: [BTreeSet<u128>; 2],
    pods: Vec<Pods>,
}

impl Cut {
    /// What the policies tell apart that isolate a subject in one direction, in any of these evaluators, the subject
    /// being of this namespace.
    pub fn of(subjects: &[(&Evaluator, Endpoint<'_>)], direction: Direction, namespace: &str) -> Self {
        let mut cut = Self { starts: Default::default(), pods: vec![Pods::any(), Pods::of(namespace)] };
        cut.starts.iter_mut().for_each(|starts| starts.extend([0]));
        for (evaluator, subject) in subjects {
            for policy in evaluator.isolating_policies(*subject, direction) {
                let rules = policy.rules(direction).unwrap_or_default();
                for peer in rules.iter().flat_map(|rule| &rule.peers) {
                    match &peer.scope {
                        Scope::Block { ip_block } => {
                            cut.block(&ip_block.cidr);
                            ip_block.except.iter().for_each(|hole| cut.block(hole));
                        }
                        Scope::Pods { namespace_selector, pod_selector } => {
                            let place = match namespace_selector {
                                None => Place::Namespace(policy.namespace.clone()),
                                Some(selector) => Place::selected(selector),
                            };
                            let labels = pod_selector.clone().unwrap_or_default();
                            let pods = Pods { place, labels };
                            if !cut.pods.contains(&pods) && !pods.labels.is_contradictory() {
                                cut.pods.push(pods);
                            }
                        }
                    }
                }
            }
        }
        cut
    }

    fn block(&mut self, block: &IpNet) {
        let (first, last) = (block.network(), block.broadcast());
        let starts = &mut self.starts[usize::from(first.is_ipv6())];
        starts.insert(bits(first));
        // Past the last address of a family nothing begins.
        let end = if last.is_ipv6() { u128::MAX } else { u32::MAX.into() };
        starts.extend((bits(last) < end).then(|| bits(last) + 1));
    }

    /// The ranges, in the order of their addresses.
    fn ranges(&self) -> Vec<(IpAddr, IpAddr)> {
        let mut ranges = Vec::new();
        for (starts, v6) in self.starts.iter().zip([false, true]) {
            let ends = starts.iter().skip(1).map(|next| next - 1);
            let last = if v6 { u128::MAX } else { u32::MAX.into() };
            ranges.extend(
                starts.iter().zip(ends.chain([last])).map(|(first, last)| (address(*first, v6), address(last, v6))),
            );
        }
        ranges
    }

    /// What a subject lets in from each of those outside, or out to them; in the same order for every evaluator.
    fn passages(
        &self,
        evaluator: &Evaluator,
        subject: Endpoint<'_>,
        direction: Direction,
    ) -> (Vec<Passage>, Vec<Passage>) {
        let side = |other| passage(&evaluator.side(direction, subject, other));
        let ranges = self.ranges().into_iter().map(|(first, _)| side(Endpoint::Address(first))).collect();
        let pods = self.pods.iter().map(|pods| side(Endpoint::Pods(pods))).collect();
        (ranges, pods)
    }
}

/// What passes one side for all of those that the other end stands for: what hangs on which of them it is does not count.
fn passage(side: &Side<'_>) -> Passage {
    let mut named = BTreeSet::new();
    let mut sure = Connections::none();
    let mut possible = Connections::none();
    for admission in &side.admissions {
        match &admission.doubt {
            None => sure = sure.union(&admission.connections),
            Some(Doubt::NamedPort(protocol, name)) => drop(named.insert((*protocol, name.clone()))),
            // Rules whose peers are others, and blocks, of which addresses speak.
            Some(Doubt::SomePods | Doubt::AddressUnknown(_)) => {}
            Some(Doubt::PerhapsIsolated { label, .. }) if label.is_empty() => {}
            Some(_) => possible = possible.union(&admission.connections),
        }
    }
    let doubts: Vec<_> = side.doubts.iter().filter(|doubt| !is_of_the_class(doubt)).cloned().collect();
    let admitted = Reach { possible: possible.union(&sure), sure };
    let reach = settle(admitted, side.isolated_by.is_empty(), &doubts);
    let all = reach.sure.clone();
    named.retain(|(protocol, _)| !all.covers(&Connections::protocol(*protocol)));
    Passage { reach, named }
}

/// Whether a doubt is of the kind that a class of pods brings with it: some of them are selected, and some not.
fn is_of_the_class(doubt: &Doubt) -> bool {
    matches!(doubt, Doubt::PerhapsIsolated { label, .. } if label.is_empty())
}

/// Who outside passes a subject's side, in as few lines as tell all of it.
pub fn exposure(evaluator: &Evaluator, subject: Endpoint<'_>, direction: Direction) -> Vec<(Outsiders, Passage)> {
    let namespace = namespace(evaluator, subject);
    let cut = Cut::of(&[(evaluator, subject)], direction, &namespace);
    let (ranges, pods) = cut.passages(evaluator, subject, direction);
    summary(&cut, &ranges, &pods)
}

/// What a change of policies changes between a subject and outsiders who fare alike.
#[derive(Clone, Debug)]
pub struct Change {
    /// Who they are.
    pub who: Outsiders,
    /// What passed.
    pub before: Passage,
    /// What passes now.
    pub after: Passage,
    /// Which rules admit them now, or that none does, or that nothing isolates the subject.
    pub because: Vec<String>,
}

/// What passes from and to outsiders before and after a change, where the two differ. Nothing passes on a side that is
/// not there.
pub fn changes(
    before: (&Evaluator, Option<Endpoint<'_>>),
    after: (&Evaluator, Option<Endpoint<'_>>),
    direction: Direction,
) -> Vec<Change> {
    let sides = [before, after];
    let there: Vec<_> = sides.iter().filter_map(|(evaluator, subject)| Some((*evaluator, (*subject)?))).collect();
    let Some((evaluator, subject)) = there.first() else { return Vec::new() };
    let cut = Cut::of(&there, direction, &namespace(evaluator, *subject));
    let [old, new] = sides.map(|(evaluator, subject)| match subject {
        Some(subject) => cut.passages(evaluator, subject, direction),
        None => (vec![Passage::none(); cut.ranges().len()], vec![Passage::none(); cut.pods.len()]),
    });
    let both = |old: Vec<Passage>, new: Vec<Passage>| old.into_iter().zip(new).collect::<Vec<_>>();
    let (ranges, pods) = (both(old.0, new.0), both(old.1, new.1));
    let rows = summary(&cut, &ranges, &pods).into_iter().filter(|(_, (old, new))| old != new);
    let change = |(who, (before, now)): (Outsiders, (Passage, Passage))| {
        let because = match after.1 {
            Some(subject) => because(&after.0.side(direction, subject, who.first()), &after.0.name(subject)),
            None => vec!["it is gone".into()],
        };
        Change { who, before, after: now, because }
    };
    rows.map(change).collect()
}

/// The rules that admit outsiders, or that nothing isolates the subject, or that no rule admits them.
fn because(side: &Side<'_>, subject: &str) -> Vec<String> {
    let direction = side.direction;
    let admits = |doubt: &Option<Doubt>| matches!(doubt, None | Some(Doubt::NamedPort(..)));
    let admitting = side.admissions.iter().filter(|admission| admits(&admission.doubt));
    let mut reasons: Vec<_> = match side.isolated_by.as_slice() {
        [] => vec![format!("no policy isolates {direction} of {subject}")],
        _ => admitting.map(|own| format!("rule {} of {} ({})", own.number, own.policy, own.rule.at)).collect(),
    };
    if reasons.is_empty() {
        let by = join(&side.isolated_by, "and");
        reasons.push(format!("{direction} of {subject} is isolated by {by}, and no rule admits them"));
    }
    reasons.extend(side.doubts.iter().filter(|doubt| !is_of_the_class(doubt)).map(ToString::to_string));
    reasons
}

/// The workloads that are like these pods.
pub fn members(evaluator: &Evaluator, pods: &Pods) -> Vec<usize> {
    let is_one = |workload: &Workload| {
        let own = Place::Namespace(workload.namespace.clone());
        let place = match &pods.place {
            Place::Namespaces(selector) => selector.matches(evaluator.namespace_labels(&workload.namespace)),
            place => *place == own,
        };
        place && pods.labels.fit(&workload.labels, &workload.varying) == Fit::Yes
    };
    let workloads = evaluator.workloads().iter().enumerate();
    workloads.filter(|(_, workload)| is_one(workload)).map(|(index, _)| index).collect()
}

/// The policies that isolate somebody, by direction and name, and whether for certain.
pub type Isolation<'e> = [Vec<(&'e str, bool)>; 2];

/// The policies that isolate somebody in each direction. Pods that the same isolate fare alike; nothing for those in their
/// node's network, who fare like nobody else.
pub fn isolation<'e>(evaluator: &'e Evaluator, subject: Endpoint<'_>) -> Option<Isolation<'e>> {
    let isolation = Direction::ALL.map(|direction| {
        let isolating = evaluator.isolating_endpoint(subject, direction).into_iter();
        let own = isolating.filter(|(_, doubt)| !doubt.as_ref().is_some_and(is_of_the_class));
        own.map(|(compiled, doubt)| (compiled.policy.name.as_str(), doubt.is_none())).collect()
    });
    Some(isolation).filter(|_| !evaluator.workload(subject).is_some_and(|workload| workload.host_network))
}

/// The pods that a namespace may get, in the classes that a change of its policies tells apart: any, those that a policy
/// selects which is not the same before and after, and those that it selects together with another.
pub fn subjects(before: &Evaluator, after: &Evaluator, namespace: &str) -> Vec<Pods> {
    let of = |evaluator: &Evaluator| evaluator.policies_of(namespace).cloned().collect::<Vec<_>>();
    let (old, new) = (of(before), of(after));
    let changed = |own: &[Policy], other: &[Policy]| -> Vec<Selector> {
        own.iter().filter(|policy| !other.contains(policy)).map(|policy| policy.pod_selector.clone()).collect()
    };
    let (gone, come) = (changed(&old, &new), changed(&new, &old));
    let with = |changed: &[Selector], others: &[Policy]| -> Vec<Selector> {
        changed.iter().flat_map(|one| others.iter().map(|other| one.and(&other.pod_selector))).collect()
    };
    let pairs = [with(&gone, &new), with(&come, &old)].concat();
    let mut classes = vec![Selector::default()];
    for selector in gone.into_iter().chain(come).chain(pairs) {
        if !selector.is_contradictory() && !classes.contains(&selector) {
            classes.push(selector);
        }
    }
    classes.into_iter().map(|labels| Pods { place: Place::Namespace(namespace.into()), labels }).collect()
}

fn namespace(evaluator: &Evaluator, subject: Endpoint<'_>) -> String {
    match subject {
        Endpoint::Pods(Pods { place: Place::Namespace(name), .. }) => name.clone(),
        _ => evaluator.workload(subject).map(|workload| workload.namespace.clone()).unwrap_or_default(),
    }
}

/// Rows for all outsiders, those who fare alike on one; pods whose wider class fares alike are left out.
fn summary<T: Clone + PartialEq>(cut: &Cut, ranges: &[T], pods: &[T]) -> Vec<(Outsiders, T)> {
    let [anyone, own, ..] = pods else { return Vec::new() };
    if ranges.iter().chain(pods).all(|other| other == anyone) {
        return vec![(Outsiders::Everyone, anyone.clone())];
    }
    let mut rows: Vec<(Outsiders, T)> = Vec::new();
    let others = ranges.iter().all(|other| other == anyone);
    if others {
        rows.push((Outsiders::Others, anyone.clone()));
    }
    for (range, what) in cut.ranges().into_iter().zip(ranges).filter(|_| !others) {
        let alike = rows.iter_mut().find(|(_, own)| own == what);
        match alike {
            Some((Outsiders::Addresses(addresses), _)) => addresses.push(range),
            _ => rows.push((Outsiders::Addresses(Addresses { ranges: vec![range] }), what.clone())),
        }
    }
    for (place, (class, what)) in cut.pods.iter().zip(pods).enumerate() {
        let is_own = class.place == cut.pods[1].place;
        let wider = if is_own { own } else { anyone };
        let told = match place {
            0 => others,
            1 => own == anyone,
            _ => what == wider,
        };
        if !told {
            rows.push((Outsiders::Pods(class.clone()), what.clone()));
        }
    }
    rows
}

impl Outsiders {
    /// One who stands for all of them.
    fn first(&self) -> Endpoint<'_> {
        static ANYONE: LazyLock<Pods> = LazyLock::new(Pods::any);
        match self {
            Self::Everyone | Self::Others => Endpoint::Pods(&ANYONE),
            Self::Addresses(addresses) => Endpoint::Address(addresses.ranges[0].0),
            Self::Pods(pods) => Endpoint::Pods(pods),
        }
    }
}

impl Passage {
    /// Nothing passes.
    pub fn none() -> Self {
        Self { reach: Reach::none(), named: BTreeSet::new() }
    }

    /// Whether all connections pass, or some, or none.
    pub fn verdict(&self) -> Verdict {
        match self.reach.overall() {
            Verdict::Denied if !self.named.is_empty() => Verdict::Partial,
            verdict => verdict,
        }
    }
}

/// Displayed as its connections, `perhaps` those that are open, and ports by name: `TCP 80, TCP http by name`.
impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reach, named } = self;
        if named.is_empty() || !reach.sure.is_none() {
            write!(f, "{}", reach.sure)?;
        }
        for (index, (protocol, name)) in named.iter().enumerate() {
            let comma = if index == 0 && reach.sure.is_none() { "" } else { ", " };
            write!(f, "{comma}{protocol} {name} by name")?;
        }
        match reach.is_decided() {
            true => Ok(()),
            false => write!(f, ", perhaps {}", reach.possible),
        }
    }
}

impl fmt::Display for Outsiders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.pad("everyone outside"),
            Self::Others => f.pad("everyone else outside"),
            Self::Addresses(addresses) => f.pad(&addresses.to_string()),
            Self::Pods(pods) => f.pad(&pods.to_string()),
        }
    }
}

impl Serialize for Outsiders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Addresses {
    fn push(&mut self, range: (IpAddr, IpAddr)) {
        match self.ranges.last_mut() {
            Some(last) if last.1.is_ipv4() == range.0.is_ipv4() && bits(last.1) + 1 == bits(range.0) => {
                last.1 = range.1
            }
            _ => self.ranges.push(range),
        }
    }

    /// As blocks, the fewest that hold just these.
    pub fn blocks(&self) -> Vec<IpNet> {
        let blocks = self.ranges.iter().flat_map(|range| -> Vec<IpNet> {
            match *range {
                (IpAddr::V4(first), IpAddr::V4(last)) => Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect(),
                (IpAddr::V6(first), IpAddr::V6(last)) => Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect(),
                _ => Vec::new(),
            }
        });
        blocks.collect()
    }

    /// Those of one family that are not among these, within the smallest block around these.
    fn holes(&self, v6: bool) -> Option<(IpNet, Vec<IpNet>)> {
        let own: Vec<_> = self.ranges.iter().filter(|(first, _)| first.is_ipv6() == v6).collect();
        let (first, last) = (own.first()?.0, own.last()?.1);
        let width = if v6 { 128 } else { 32 };
        let common = (bits(first) ^ bits(last)).leading_zeros() as u8 - (128 - width);
        let around = IpNet::new(first, common).ok()?.trunc();
        let mut holes = Self::default();
        let mut next = Some(bits(around.network()));
        for (first, last) in own {
            if let Some(next) = next.filter(|next| *next < bits(*first)) {
                holes.ranges.push((address(next, v6), address(bits(*first) - 1, v6)));
            }
            next = bits(*last).checked_add(1);
        }
        if let Some(next) = next.filter(|next| *next <= bits(around.broadcast())) {
            holes.ranges.push((address(next, v6), around.broadcast()));
        }
        Some((around, holes.blocks()))
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks = self.blocks();
        let every =
            [false, true].map(|v6| blocks.iter().any(|own| own.prefix_len() == 0 && own.network().is_ipv6() == v6));
        if every == [true, true] {
            return f.write_str("every address");
        }
        let mut parts = Vec::new();
        for v6 in [false, true] {
            let own: Vec<_> =
                blocks.iter().filter(|block| block.network().is_ipv6() == v6).map(ToString::to_string).collect();
            match self.holes(v6) {
                Some((around, holes)) if !holes.is_empty() && holes.len() + 1 < own.len() => {
                    let holes: Vec<_> = holes.iter().map(ToString::to_string).collect();
                    parts.push(format!("{around} except {}", holes.join(", ")));
                }
                _ if own.is_empty() => {}
                _ => parts.push(own.join(", ")),
            }
        }
        f.write_str(&parts.join(" and "))
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The address of these bits; those of IPv4 fit 32.
fn address(bits: u128, v6: bool) -> IpAddr {
    match v6 {
        false => IpAddr::V4((bits as u32).into()),
        true => IpAddr::V6(bits.into()),
    }
}

#[cfg(test)]
mod tests;
