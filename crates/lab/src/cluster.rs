//! What the cluster is to hold, and what follows from it: pods, addresses, names. Nothing here touches the network.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use jiff::Timestamp;
use star_netpol::manifest::Object;
use star_netpol::node::Node;
use star_netpol::policy::Policy;
use star_netpol::selector::{Labels, is_namespace_name};
use star_netpol::service::{Service, TargetPort};
use star_netpol::workload::Workload;
use star_netpol::{Problem, Protocol};

use crate::enforce::{Subject, World};
use crate::fabric::NODE;
use crate::pod::{Container, Spec};
use crate::{dns, image, service};

/// A namespace and a name in it.
pub(crate) type Key = (String, String);

/// The label that every namespace carries.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The annotation by which a pod asks for an address.
const ADDRESSES: &str = "cni.projectcalico.org/ipAddrs";

/// Namespaces that are there from the start.
const NAMESPACES: [&str; 2] = ["default", "kube-system"];

/// No workload has more pods: a process and a network each.
const MAX_REPLICAS: u32 = 250;

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

/// All objects.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    pub(crate) services: BTreeMap<Key, ServiceObject>,
    /// By kind, namespace and name.
    pub(crate) workloads: BTreeMap<(String, String, String), WorkloadObject>,
    pub(crate) policies: BTreeMap<Key, PolicyObject>,
    /// Of the pod that got its address last.
    last_pod: Ipv4Addr,
    /// Of the Service that got its address last.
    last_service: Ipv4Addr,
    /// Where programs find what their images hold.
    images: image::Files,
}

#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) labels: Labels,
    pub(crate) created: Timestamp,
}

#[derive(Debug)]
pub(crate) struct ServiceObject {
    pub(crate) service: Service,
    /// None if it is headless.
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) created: Timestamp,
    node: Node,
}

#[derive(Debug)]
pub(crate) struct WorkloadObject {
    pub(crate) workload: Workload,
    pub(crate) pods: Vec<PodObject>,
    node: Node,
    containers: Vec<Container>,
    /// How many pods it has had.
    made: u64,
}

#[derive(Debug)]
pub(crate) struct PodObject {
    pub(crate) spec: Spec,
    /// What its template said.
    template: Vec<Container>,
    pub(crate) created: Timestamp,
}

#[derive(Debug)]
pub(crate) struct PolicyObject {
    pub(crate) policy: Policy,
    pub(crate) labels: Labels,
    pub(crate) annotations: Labels,
    pub(crate) created: Timestamp,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Created,
    Configured,
    Unchanged,
    /// The lab has no use for it.
    Skipped,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped: star-lab has no use for it",
        }
    }
}

/// What an object is called: `networkpolicy.networking.k8s.io/default-deny`.
pub(crate) fn resource(object: &Object) -> String {
    let kind = object.kind.to_lowercase();
    let group = object.api_version.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    format!("{kind}{group}")
}

/// In which order objects are made: what others need comes first.
pub(crate) fn rank(object: &Object) -> u8 {
    match object.kind.as_str() {
        "Namespace" => 0,
        "Service" => 1,
        "NetworkPolicy" => 3,
        _ => 2,
    }
}

impl Cluster {
    /// A cluster with its own namespaces and nothing in them.
    pub(crate) fn new(images: image::Files) -> Self {
        let created = Timestamp::now();
        let namespace = |name: &str| {
            let labels = Labels::from([(NAME_LABEL.to_owned(), name.to_owned())]);
            (name.to_owned(), Namespace { labels, created })
        };
        Self {
            namespaces: NAMESPACES.map(namespace).into(),
            services: BTreeMap::new(),
            workloads: BTreeMap::new(),
            policies: BTreeMap::new(),
            last_pod: NODE,
            last_service: service::DNS,
            images,
        }
    }

    /// Makes the cluster hold `object`; one that gives no namespace is in `namespace`. What is doubtful comes as warnings.
    ///
    /// # Errors
    ///
    /// What a cluster would refuse, and what a lab cannot run: a line each.
    pub(crate) fn apply(&mut self, object: &Object, namespace: &str) -> Result<(Outcome, Vec<String>), Vec<String>> {
        let namespace = object.namespace.as_deref().unwrap_or(namespace).to_owned();
        let at = &object.node.at;
        if object.name.is_empty() {
            return Err(vec![format!("error: {at}: the {} has no metadata.name", object.kind)]);
        }
        if USELESS.contains(&object.kind.as_str()) {
            return Ok((Outcome::Skipped, Vec::new()));
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
        let warnings = std::mem::take(&mut read.warnings);
        if object.kind == "Namespace" {
            return Ok((self.apply_namespace(object), warnings));
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
        let outcome = match found {
            (Some(policy), ..) => self.apply_policy(object, policy),
            (_, Some(service), _) => self.apply_service(object, service)?,
            (.., Some(workload)) => self.apply_workload(object, workload)?,
            _ => Outcome::Skipped,
        };
        Ok((outcome, warnings))
    }

    fn apply_namespace(&mut self, object: &Object) -> Outcome {
        let mut labels = texts(&object.node, "labels");
        labels.insert(NAME_LABEL.to_owned(), object.name.clone());
        match self.namespaces.get_mut(&object.name) {
            Some(namespace) if namespace.labels == labels => Outcome::Unchanged,
            Some(namespace) => {
                namespace.labels = labels;
                Outcome::Configured
            }
            None => {
                self.namespaces.insert(object.name.clone(), Namespace { labels, created: Timestamp::now() });
                Outcome::Created
            }
        }
    }

    fn apply_policy(&mut self, object: &Object, policy: Policy) -> Outcome {
        let labels = texts(&object.node, "labels");
        let annotations = texts(&object.node, "annotations");
        let key = (policy.namespace.clone(), policy.name.clone());
        let before = self.policies.remove(&key);
        let (outcome, created) = match &before {
            None => (Outcome::Created, Timestamp::now()),
            Some(old) if (&old.policy, &old.labels, &old.annotations) == (&policy, &labels, &annotations) => {
                (Outcome::Unchanged, old.created)
            }
            Some(old) => (Outcome::Configured, old.created),
        };
        self.policies.insert(key, PolicyObject { policy, labels, annotations, created });
        outcome
    }

    fn apply_service(&mut self, object: &Object, service: Service) -> Result<Outcome, Vec<String>> {
        let at = service.at.clone();
        let named = service.to_string();
        let refuse = |what: String| Err(vec![format!("error: {at}: service {named}: {what}")]);
        let key = (service.namespace.clone(), service.name.clone());
        let before = self.services.get(&key);
        if before.is_some_and(|before| before.node == object.node) {
            return Ok(Outcome::Unchanged);
        }
        if service.kind == "ExternalName" {
            return refuse(
                "star-lab's DNS knows no names outside of the cluster: ExternalName leads nowhere".to_owned(),
            );
        }
        let asked = match service.cluster_ip {
            Some(IpAddr::V4(address)) => Some(address),
            Some(IpAddr::V6(_)) => return refuse("star-lab's addresses are IPv4: leave clusterIP out".to_owned()),
            None => None,
        };
        let taken =
            |address| self.services.iter().any(|(other, object)| *other != key && object.address == Some(address));
        let address = match (asked, before.and_then(|before| before.address)) {
            _ if service.headless => None,
            (Some(address), _) if !service::contains(address) => {
                return refuse(format!("clusterIP {address} is not in 10.96.0.0/12; leave it out"));
            }
            (Some(address), _) if taken(address) => {
                return refuse(format!("clusterIP {address} is taken; leave it out"));
            }
            (Some(address), _) | (None, Some(address)) => Some(address),
            (None, None) => {
                loop {
                    self.last_service = Ipv4Addr::from_bits(self.last_service.to_bits() + 1);
                    if !self.services.values().any(|object| object.address == Some(self.last_service)) {
                        break;
                    }
                }
                Some(self.last_service)
            }
        };
        let (outcome, created) = match self.services.get(&key) {
            Some(before) => (Outcome::Configured, before.created),
            None => (Outcome::Created, Timestamp::now()),
        };
        self.services.insert(key, ServiceObject { service, address, created, node: object.node.clone() });
        Ok(outcome)
    }

    fn apply_workload(&mut self, object: &Object, workload: Workload) -> Result<Outcome, Vec<String>> {
        if workload.host_network {
            return Err(vec![format!(
                "error: {}: {workload} asks for hostNetwork; star-lab has no host's network to give",
                workload.at
            )]);
        }
        if workload.replicas.is_some_and(|replicas| replicas > MAX_REPLICAS) {
            return Err(vec![format!(
                "error: {}: {workload} asks for more than {MAX_REPLICAS} replicas, which one machine's lab has no room for",
                workload.at
            )]);
        }
        let key = (workload.kind.clone(), workload.namespace.clone(), workload.name.clone());
        let before = self.workloads.get(&key);
        if before.is_some_and(|before| before.node == object.node) {
            return Ok(Outcome::Unchanged);
        }
        let containers = image::containers(&workload, &self.images)?;
        let asked =
            self.asked(&workload).map_err(|refused| vec![format!("error: {}: {workload}: {refused}", workload.at)])?;
        let before = self.workloads.remove(&key);
        let outcome = if before.is_some() { Outcome::Configured } else { Outcome::Created };
        let (mut pods, made) = before.map(|before| (before.pods, before.made)).unwrap_or_default();
        // Pods of another template give way to new ones.
        pods.retain(|pod| pod.spec.labels == workload.labels && pod.template == containers);
        pods.truncate(workload.replicas.unwrap_or(1) as usize);
        let mut held = WorkloadObject { workload, pods, node: object.node.clone(), containers, made };
        while held.pods.len() < held.workload.replicas.unwrap_or(1) as usize {
            let address = match (asked, self.pod_address(&held)) {
                (Some(address), _) => address,
                (None, Some(address)) => address,
                (None, None) => return Err(vec!["error: no address is free for more pods".to_owned()]),
            };
            held.add_pod(address);
        }
        self.workloads.insert(key, held);
        Ok(outcome)
    }

    /// The address that a pod asks for, as with Calico: `cni.projectcalico.org/ipAddrs: '["10.244.0.9"]'`.
    /// <https://docs.tigera.io/calico/latest/networking/ipam/use-specific-ip>
    fn asked(&self, workload: &Workload) -> Result<Option<Ipv4Addr>, String> {
        let annotations = texts(&workload.template, "annotations");
        let Some(text) = annotations.get(ADDRESSES) else { return Ok(None) };
        let [address] = serde_json::from_str::<Vec<Ipv4Addr>>(text)
            .ok()
            .and_then(|list| list.try_into().ok())
            .unwrap_or([Ipv4Addr::UNSPECIFIED]);
        let other = |(of, pod): (&Workload, &PodObject)| {
            pod.spec.address == address
                && (&of.kind, &of.namespace, &of.name) != (&workload.kind, &workload.namespace, &workload.name)
        };
        match workload.replicas {
            _ if !is_pods(address) => {
                Err(format!("{ADDRESSES} {text:?} is not a list of one address in 10.244.0.0/16, not 10.244.0.1"))
            }
            Some(2..) => Err(format!("{ADDRESSES} gives one address to several replicas; leave it out")),
            _ if self.pods().any(other) => Err(format!("{ADDRESSES} {address} is taken")),
            _ => Ok(Some(address)),
        }
    }

    fn pod_address(&mut self, making: &WorkloadObject) -> Option<Ipv4Addr> {
        let made = making.pods.iter().map(|pod| pod.spec.address);
        let taken: BTreeSet<_> = self.pods().map(|(_, pod)| pod.spec.address).chain(made).collect();
        for _ in 0..=u16::MAX {
            let [_, _, high, low] = self.last_pod.octets();
            let [high, low] = u16::from_be_bytes([high, low]).wrapping_add(1).to_be_bytes();
            self.last_pod = Ipv4Addr::new(10, 244, high, low);
            if is_pods(self.last_pod) && !taken.contains(&self.last_pod) {
                return Some(self.last_pod);
            }
        }
        None
    }

    /// Removes an object.
    ///
    /// # Errors
    ///
    /// When there is none of that name, in the words of `kubectl`.
    pub(crate) fn delete(&mut self, kind: &str, group: &str, namespace: &str, name: &str) -> Result<(), String> {
        let key = (namespace.to_owned(), name.to_owned());
        let (found, plural) = match kind {
            "Namespace" => {
                if NAMESPACES.contains(&name) {
                    return Err(format!(
                        "Error from server (Forbidden): namespaces {name:?} is forbidden: this namespace may not be deleted"
                    ));
                }
                self.services.retain(|(namespace, _), _| namespace != name);
                self.workloads.retain(|(_, namespace, _), _| namespace != name);
                self.policies.retain(|(namespace, _), _| namespace != name);
                (self.namespaces.remove(name).is_some(), "namespaces")
            }
            "Service" => (self.services.remove(&key).is_some(), "services"),
            "NetworkPolicy" => (self.policies.remove(&key).is_some(), "networkpolicies"),
            _ => {
                let (namespace, name) = key;
                (
                    self.workloads.remove(&(kind.to_owned(), namespace, name)).is_some(),
                    &*format!("{}s", kind.to_lowercase()),
                )
            }
        };
        match found {
            true => Ok(()),
            false => {
                let group = if group.is_empty() { String::new() } else { format!(".{group}") };
                Err(format!("Error from server (NotFound): {plural}{group} {name:?} not found"))
            }
        }
    }

    /// All pods, each with what it belongs to.
    pub(crate) fn pods(&self) -> impl Iterator<Item = (&Workload, &PodObject)> {
        self.workloads.values().flat_map(|object| object.pods.iter().map(|pod| (&object.workload, pod)))
    }

    /// What each port of each Service leads to, of the pods that are `ready`.
    pub(crate) fn service_ports(&self, ready: &BTreeSet<Key>) -> Vec<service::Port> {
        let mut ports = Vec::new();
        for ServiceObject { service, address, .. } in self.services.values() {
            let Some(address) = address else { continue };
            for port in &service.ports {
                ports.push(service::Port {
                    address: *address,
                    transport: port.protocol.into(),
                    port: port.port,
                    endpoints: self.endpoints(service, &port.target, port.protocol, ready),
                });
            }
        }
        ports
    }

    /// The pods behind a port of a Service.
    pub(crate) fn endpoints(
        &self,
        service: &Service,
        target: &TargetPort,
        protocol: Protocol,
        ready: &BTreeSet<Key>,
    ) -> Vec<SocketAddrV4> {
        let selected =
            self.pods().filter(|(workload, pod)| service.selects(workload) && ready.contains(&pod.spec.key()));
        let endpoint = |(workload, pod): (&Workload, &PodObject)| {
            Some(SocketAddrV4::new(pod.spec.address, target.on(workload, protocol)?))
        };
        selected.filter_map(endpoint).collect()
    }

    /// What the cluster's DNS knows.
    pub(crate) fn names(&self, ready: &BTreeSet<Key>) -> dns::Names {
        let mut names = dns::Names::new();
        for ServiceObject { service, address, .. } in self.services.values() {
            let addresses = match address {
                Some(address) => vec![*address],
                // A headless Service's name means its pods.
                None => {
                    let selected = self
                        .pods()
                        .filter(|(workload, pod)| service.selects(workload) && ready.contains(&pod.spec.key()));
                    selected.map(|(_, pod)| pod.spec.address).collect()
                }
            };
            if !addresses.is_empty() {
                names.insert(dns::service_name(&service.name, &service.namespace), addresses);
            }
        }
        names
    }

    /// What decides on packets.
    pub(crate) fn world(&self) -> World<'_> {
        let subject = |(workload, pod)| {
            let (workload, pod): (&Workload, &PodObject) = (workload, pod);
            Subject {
                namespace: &workload.namespace,
                labels: &workload.labels,
                ports: &workload.ports,
                address: pod.spec.address,
            }
        };
        World {
            policies: self.policies.values().map(|object| &object.policy).collect(),
            pods: self.pods().map(subject).collect(),
            namespaces: self.namespaces.iter().map(|(name, namespace)| (name.as_str(), &namespace.labels)).collect(),
        }
    }
}

impl WorkloadObject {
    fn add_pod(&mut self, address: Ipv4Addr) {
        let Workload { kind, namespace, name, labels, .. } = &self.workload;
        let suffix = |length, what: &str| suffix(length, (kind, namespace, name, what, self.made));
        let pod = match kind.as_str() {
            "Pod" => name.clone(),
            "StatefulSet" => {
                let taken: BTreeSet<_> = self.pods.iter().map(|pod| pod.spec.name.clone()).collect();
                let mut free = (0..).map(|number| format!("{name}-{number}")).filter(|pod| !taken.contains(pod));
                free.next().expect("there are more numbers than pods")
            }
            "Deployment" => {
                let template = format!("{:?}{:?}", labels, self.containers);
                format!("{name}-{}-{}", self::suffix(10, (kind, namespace, name, &template)), suffix(5, "pod"))
            }
            _ => format!("{name}-{}", suffix(5, "pod")),
        };
        let mut containers = self.containers.clone();
        for container in &mut containers {
            container.know_the_pod(&pod, namespace, address);
        }
        self.made += 1;
        let (namespace, labels) = (namespace.clone(), labels.clone());
        let spec = Spec { namespace, name: pod, labels, address, containers };
        self.pods.push(PodObject { spec, template: self.containers.clone(), created: Timestamp::now() });
    }
}

/// Whether an address may be a pod's.
fn is_pods(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [10, 244, rest @ ..] if !matches!(rest, [0, 0 | 1] | [255, 255]))
}

/// A suffix as Kubernetes makes them, without vowels and what looks like others; of the same `seed` the same.
fn suffix(length: usize, seed: impl Hash) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let mut left = hasher.finish();
    let letter = |_| {
        let letter = LETTERS[(left % 27) as usize];
        left /= 27;
        char::from(letter)
    };
    (0..length).map(letter).collect()
}

/// A field of an object's metadata that holds texts.
fn texts(node: &Node, field: &str) -> Labels {
    let entries = node.at_path(&["metadata", field]).map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.to_string(), entry.value.text().unwrap_or_default().to_owned())).collect()
}
