//! The index: what the cluster holds, and what follows from it. A plain value: no server, no clock, no network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;
use star_netpol::Problem;
use star_netpol::manifest::Object;
use star_netpol::node::Node;
use star_netpol::selector::{Labels, Selector, is_namespace_name};
use star_netpol::workload::Workload;

use crate::family::{Families, Family};
use crate::image;

mod address;
mod ignored;
mod kind;
mod namespace;
mod network;
mod policy;
mod service;
mod workload;

use address::Pool;
pub(crate) use kind::{Kind, grouped, singular};
pub(crate) use namespace::Namespace;
pub(crate) use policy::PolicyObject;
pub(crate) use service::ServiceObject;
pub(crate) use workload::{PodObject, WorkloadObject};

/// A namespace and a name in it.
pub(crate) type Key = (String, String);

/// Kinds that a lab has no use for, and that change nothing in who reaches whom.
const USELESS: [&str; 11] = [
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "LimitRange",
    "ResourceQuota",
];

/// The addresses of each family that there is.
type Pools = BTreeMap<Family, Pool>;

/// All objects.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    pub(crate) services: BTreeMap<Key, ServiceObject>,
    /// By kind, namespace and name.
    pub(crate) workloads: BTreeMap<(String, String, String), WorkloadObject>,
    pub(crate) policies: BTreeMap<Key, PolicyObject>,
    families: Families,
    pod_addresses: Pools,
    service_addresses: Pools,
    /// How many pods there have been.
    made: u64,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Created,
    Configured,
    Unchanged,
    Deleted,
    /// It was to be deleted, and is not there.
    NotFound,
    /// The lab has no use for it.
    Skipped,
}

/// What became of an object, and what is doubtful about it, a line each.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Change {
    pub(crate) outcome: Outcome,
    pub(crate) warnings: Vec<String>,
}

impl Outcome {
    /// Of an object that is applied: whether it is the same as before, if there was one.
    fn of(same: Option<bool>) -> Self {
        match same {
            None => Self::Created,
            Some(false) => Self::Configured,
            Some(true) => Self::Unchanged,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::NotFound => "not found",
            Self::Skipped => "skipped: star-lab has no use for it",
        }
    }
}

/// In which order objects are made: what others need comes first.
fn rank(object: &Object) -> u8 {
    match object.kind.as_str() {
        "Namespace" => 0,
        "Service" => 1,
        "NetworkPolicy" => 3,
        _ => 2,
    }
}

impl Cluster {
    /// A cluster with its own namespaces, made `now`, and nothing in them.
    pub(crate) fn new(families: Families, now: Timestamp) -> Self {
        let pools = |pool: fn(Family) -> Pool| families.list().iter().map(|family| (*family, pool(*family))).collect();
        Self {
            namespaces: namespace::OWN.map(|name| (name.to_owned(), Namespace::own(name, now))).into(),
            services: BTreeMap::new(),
            workloads: BTreeMap::new(),
            policies: BTreeMap::new(),
            families,
            pod_addresses: pools(|family| Pool::new(family.pods(), Some(family.node()), family.node())),
            service_addresses: pools(|family| Pool::new(family.services(), None, family.dns())),
            made: 0,
        }
    }

    /// Has the cluster follow a source of objects: what is `gone` from it goes, what others need last; what it holds is
    /// applied, what others need first. An object that gives no namespace is in `namespace`. Says for each what became
    /// of it; one that is refused costs itself alone.
    pub(crate) fn reset<'o>(
        &mut self,
        gone: &'o [Object],
        objects: &'o [Object],
        namespace: &str,
        now: Timestamp,
    ) -> Vec<(&'o Object, Result<Change, Vec<String>>)> {
        let sorted = |objects: &'o [Object]| {
            let mut sorted: Vec<_> = objects.iter().collect();
            sorted.sort_by_key(|object| rank(object));
            sorted
        };
        let mut changes = Vec::new();
        for object in sorted(gone).into_iter().rev() {
            let within = object.namespace.as_deref().unwrap_or(namespace);
            let change = self.delete(&object.kind, within, &object.name, now).map(Change::from);
            changes.push((object, change.map_err(|refused| vec![refused])));
        }
        for object in sorted(objects) {
            changes.push((object, self.apply(object, namespace, now)));
        }
        changes
    }

    /// Makes the cluster hold `object`; one that gives no namespace is in `namespace`.
    ///
    /// # Errors
    ///
    /// What a cluster would refuse, and what a lab cannot run: a line each. Then nothing has changed.
    pub(crate) fn apply(&mut self, object: &Object, namespace: &str, now: Timestamp) -> Result<Change, Vec<String>> {
        let namespace = object.namespace.as_deref().unwrap_or(namespace).to_owned();
        let at = &object.node.at;
        if object.name.is_empty() {
            return Err(vec![format!("error: {at}: the {} has no metadata.name", object.kind)]);
        }
        if USELESS.contains(&object.kind.as_str()) {
            return Ok(Outcome::Skipped.into());
        }
        // Names become those of folders, files and hosts.
        if !object.name.split('.').all(is_namespace_name) || !is_namespace_name(&namespace) {
            return Err(vec![format!(
                "error: {at}: {} {:?} in namespace {namespace:?}: a name is made of lower-case letters, digits, '-' and '.', and \
                 begins and ends with a letter or digit",
                object.kind, object.name
            )]);
        }
        let told =
            |problems: Vec<Problem>| problems.iter().map(|problem| format!("error: {problem}")).collect::<Vec<_>>();
        let mut read = star_netpol::Cluster::new(std::slice::from_ref(object), &namespace).map_err(told)?;
        let mut warnings = std::mem::take(&mut read.warnings);
        if object.kind == "Namespace" {
            let (made, outcome) = Namespace::applied(object, self.namespaces.get(&object.name), now);
            self.namespaces.insert(object.name.clone(), made);
            return Ok(Change { outcome, warnings });
        }
        let found = (read.policies.pop(), read.services.pop(), read.workloads.pop());
        if matches!(found, (None, None, None)) {
            return Err(vec![format!(
                "error: {at}: no matches for kind {:?} in version {:?}; star-lab knows Namespaces, Services, NetworkPolicies \
                 and what makes pods",
                object.kind, object.api_version
            )]);
        }
        if !self.namespaces.contains_key(&namespace) {
            return Err(vec![format!(
                "Error from server (NotFound): error when creating {:?}: namespaces {namespace:?} not found",
                &*at.file
            )]);
        }
        let key = (namespace, object.name.clone());
        let outcome = match found {
            (Some(policy), ..) => {
                let (made, outcome) = PolicyObject::applied(object, policy, self.policies.get(&key), now);
                self.policies.insert(key, made);
                outcome
            }
            (_, Some(service), _) => {
                let Self { services, service_addresses, families, .. } = self;
                let taken = |address| {
                    services.iter().any(|(other, object)| *other != key && object.addresses.contains(&address))
                };
                let before = services.get(&key);
                let pools = (*families, service_addresses);
                let (made, outcome) = ServiceObject::applied(object, service, before, pools, taken, now)?;
                services.insert(key, made);
                outcome
            }
            (.., Some(workload)) => {
                let ignored = ignored::warning(&workload, &object.node);
                let outcome = self.apply_workload(object, workload, now)?;
                warnings.extend(ignored.filter(|_| outcome != Outcome::Unchanged));
                outcome
            }
            (None, None, None) => Outcome::Skipped,
        };
        Ok(Change { outcome, warnings })
    }

    fn apply_workload(&mut self, object: &Object, workload: Workload, now: Timestamp) -> Result<Outcome, Vec<String>> {
        if workload.host_network {
            return Err(vec![format!(
                "error: {}: {workload} asks for hostNetwork; star-lab has no host's network to give",
                workload.at
            )]);
        }
        let key = (workload.kind.clone(), workload.namespace.clone(), workload.name.clone());
        let before = self.workloads.get(&key);
        let outcome = Outcome::of(before.map(|before| before.node == object.node));
        if outcome == Outcome::Unchanged {
            return Ok(outcome);
        }
        let created = before.map_or(now, |before| before.created);
        let containers = image::containers(&workload)?;
        let (at, named) = (workload.at.clone(), workload.to_string());
        let mut made = WorkloadObject::new(workload, object.node.clone(), containers, &self.pod_addresses, created)
            .map_err(|refused| vec![refused])?;
        let others = self.workloads.iter().filter(|(other, _)| **other != key).flat_map(|(_, other)| &other.pods);
        for pod in others {
            if let Some(taken) = made.asked().iter().find(|address| pod.spec.addresses.contains(address)) {
                return Err(vec![format!("error: {at}: {named}: the address {taken} is taken")]);
            }
            if pod.spec.namespace == made.workload.namespace && made.claims(&pod.spec.name) {
                return Err(vec![format!(
                    "Error from server (AlreadyExists): error when creating {:?}: pods {:?} already exists",
                    &*at.file, pod.spec.name
                )]);
            }
        }
        let before = self.workloads.remove(&key);
        made.adopt(before.map(|before| before.pods).unwrap_or_default());
        self.workloads.insert(key.clone(), made);
        match self.complete(&key, now) {
            Ok(()) => Ok(outcome),
            Err(refused) => Err(vec![format!("error: {at}: {named}: {refused}")]),
        }
    }

    /// Has a workload have as many pods as it asks for.
    fn complete(&mut self, key: &(String, String, String), now: Timestamp) -> Result<(), String> {
        let mut taken: BTreeSet<_> = self.pods().flat_map(|(_, pod)| pod.spec.addresses.clone()).collect();
        let Some(workload) = self.workloads.get_mut(key) else { return Ok(()) };
        for _ in 0..workload.lacks() {
            let mut addresses = Vec::new();
            for family in self.families.list() {
                let asked = workload.asked().iter().copied().find(|address| Family::of(*address) == *family);
                let next = || self.pod_addresses.get_mut(family)?.next(|address: IpAddr| taken.contains(&address));
                addresses.push(asked.or_else(next).ok_or("no address is free for more pods")?);
            }
            taken.extend(addresses.iter().copied());
            workload.make(addresses, self.made, now);
            self.made += 1;
        }
        Ok(())
    }

    /// Removes an object of a kind as manifests name it. A pod that a workload made is made anew.
    ///
    /// # Errors
    ///
    /// When it may not be removed, in the words of `kubectl`.
    pub(crate) fn delete(
        &mut self,
        kind: &str,
        namespace: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<Outcome, String> {
        if USELESS.contains(&kind) {
            return Ok(Outcome::Skipped);
        }
        let key = (namespace.to_owned(), name.to_owned());
        let found = match kind {
            "Namespace" => {
                if namespace::OWN.contains(&name) {
                    return Err(format!(
                        "Error from server (Forbidden): namespaces {name:?} is forbidden: this namespace may not be deleted"
                    ));
                }
                self.services.retain(|(namespace, _), _| namespace != name);
                self.workloads.retain(|(_, namespace, _), _| namespace != name);
                self.policies.retain(|(namespace, _), _| namespace != name);
                self.namespaces.remove(name).is_some()
            }
            "Service" => self.services.remove(&key).is_some(),
            "NetworkPolicy" => self.policies.remove(&key).is_some(),
            "Pod" => {
                let is = |pod: &PodObject| pod.spec.namespace == namespace && pod.spec.name == name;
                let of = self.workloads.iter().find(|(_, workload)| workload.pods.iter().any(is));
                match of.map(|(of, _)| of.clone()) {
                    None => false,
                    Some(of) if of.0 == "Pod" => self.workloads.remove(&of).is_some(),
                    Some(of) => {
                        if let Some(workload) = self.workloads.get_mut(&of) {
                            workload.pods.retain(|pod| !is(pod));
                        }
                        self.complete(&of, now)?;
                        true
                    }
                }
            }
            _ => self.workloads.remove(&(kind.to_owned(), key.0, key.1)).is_some(),
        };
        Ok(if found { Outcome::Deleted } else { Outcome::NotFound })
    }

    /// The names of a namespace's objects that a selector selects; of all namespaces' names, for a kind without one.
    pub(crate) fn named(&self, kind: Kind, namespace: &str, selector: &Selector) -> Vec<String> {
        let within = |of: &str, labels: &Labels| of == namespace && selector.matches(labels);
        let mut names: Vec<_> = match kind {
            Kind::Namespace => {
                let selected = self.namespaces.iter().filter(|(_, object)| selector.matches(&object.labels));
                selected.map(|(name, _)| name).collect()
            }
            Kind::Pod => {
                let pods = self.pods().map(|(_, pod)| &pod.spec);
                pods.filter(|spec| within(&spec.namespace, &spec.labels)).map(|spec| &spec.name).collect()
            }
            Kind::Service => {
                let selected = self.services.iter().filter(|((of, _), object)| within(of, &object.labels));
                selected.map(|((_, name), _)| name).collect()
            }
            Kind::NetworkPolicy => {
                let selected = self.policies.iter().filter(|((of, _), object)| within(of, &object.labels));
                selected.map(|((_, name), _)| name).collect()
            }
            kind => {
                let of = self.workloads.iter().filter(|((of, ..), _)| of == kind.name());
                let selected = of.filter(|((_, of, _), object)| within(of, &texts(&object.node, "labels")));
                selected.map(|((.., name), _)| name).collect()
            }
        };
        names.sort();
        names.into_iter().cloned().collect()
    }

    /// All pods, each with what it belongs to.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (&Workload, &PodObject)> {
        self.workloads.values().flat_map(|object| object.pods.iter().map(|pod| (&object.workload, pod)))
    }
}

impl From<Outcome> for Change {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, warnings: Vec::new() }
    }
}

/// A field of an object's metadata that holds texts.
pub(crate) fn texts(node: &Node, field: &str) -> Labels {
    let entries = node.at_path(&["metadata", field]).map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.to_string(), entry.value.text().unwrap_or_default().to_owned())).collect()
}

#[cfg(test)]
pub(crate) mod tests;
