//! Workloads: which pods they make, by which names.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use jiff::Timestamp;
use star_netpol::node::Node;
use star_netpol::workload::Workload;

use super::{Pools, texts};
use crate::family::Family;
use crate::pod::{Container, Spec};

/// The annotation by which a pod asks for an address.
const ADDRESSES: &str = "cni.projectcalico.org/ipAddrs";

/// No workload has more pods: a process and a network each.
const MAX_REPLICAS: i64 = 250;

/// The longest name that a pod gets whose controller makes it up, without its last five letters.
/// <https://github.com/kubernetes/apiserver/blob/master/pkg/storage/names/generate.go>
const MAX_BASE: usize = 58;

/// What makes pods, and the pods that it has made.
#[derive(Debug)]
pub(crate) struct WorkloadObject {
    pub(crate) workload: Workload,
    pub(crate) pods: Vec<PodObject>,
    pub(crate) node: Node,
    pub(crate) created: Timestamp,
    containers: Vec<Container>,
    replicas: usize,
    /// Names the template: pods of another one give way.
    template: String,
    /// The first number of a StatefulSet's pods.
    first: u64,
    /// The only addresses that its only pod may have, one of a family.
    asked: Vec<IpAddr>,
}

/// A pod that is wanted.
#[derive(Debug)]
pub(crate) struct PodObject {
    pub(crate) spec: Spec,
    pub(crate) created: Timestamp,
    /// What it is called below a headless Service.
    pub(super) host: Host,
    template: String,
}

/// The name of a pod below that of a headless Service.
/// <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-s-hostname-and-subdomain-fields>
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    hostname: Option<String>,
    /// The Service.
    subdomain: Option<String>,
}

impl Host {
    /// What a pod is called below a Service of this name, if it has a name there.
    pub(super) fn below(&self, service: &str) -> Option<&str> {
        self.hostname.as_deref().filter(|_| self.subdomain.as_deref() == Some(service))
    }
}

impl WorkloadObject {
    /// What `node` says of a workload whose pods run `containers`; none of them is there yet.
    ///
    /// # Errors
    ///
    /// What an API server would refuse, and what a lab has no room for.
    pub(super) fn new(
        workload: Workload,
        node: Node,
        containers: Vec<Container>,
        pools: &Pools,
        created: Timestamp,
    ) -> Result<Self, String> {
        let replicas = replicas(&workload, &node)?;
        let asked = asked(&workload.template, replicas, pools)?;
        let first = node.at_path(&["spec", "ordinals", "start"]).and_then(Node::integer);
        let first = first.and_then(|first| u64::try_from(first).ok()).unwrap_or_default();
        let template = String::new();
        let mut made = Self { workload, pods: Vec::new(), node, created, containers, replicas, template, first, asked };
        let (labels, containers) = (&made.workload.labels, &made.containers);
        made.template = suffix(10, format!("{labels:?}{containers:?}{:?}{:?}", made.host(""), made.asked));
        Ok(made)
    }

    /// Takes over those of `pods` that it would make itself.
    pub(super) fn adopt(&mut self, mut pods: Vec<PodObject>) {
        pods.retain(|pod| pod.template == self.template);
        if self.is("StatefulSet") {
            let numbers: BTreeSet<_> = (0..self.replicas).map(|place| self.numbered(place as u64)).collect();
            pods.retain(|pod| numbers.contains(&pod.spec.name));
        }
        pods.truncate(self.replicas);
        self.pods = pods;
    }

    /// How many pods it asks for.
    pub(crate) fn replicas(&self) -> usize {
        self.replicas
    }

    /// How many pods it lacks.
    pub(super) fn lacks(&self) -> usize {
        self.replicas.saturating_sub(self.pods.len())
    }

    /// The addresses that its pod must have, those that it asks for.
    pub(super) fn asked(&self) -> &[IpAddr] {
        &self.asked
    }

    /// Makes a pod: the `number`th that this cluster makes.
    pub(super) fn make(&mut self, addresses: Vec<IpAddr>, number: u64, created: Timestamp) {
        let Workload { namespace, name, .. } = &self.workload;
        let mut labels = self.workload.labels.clone();
        let drawn = |base: String| format!("{}-{}", &base[..base.len().min(MAX_BASE - 1)], suffix(5, (&base, number)));
        let pod = match self.workload.kind.as_str() {
            "Pod" => name.clone(),
            "StatefulSet" => {
                let taken = |name: &String| self.pods.iter().any(|pod| pod.spec.name == *name);
                let mut free = (0..).map(|place| (place, self.numbered(place))).filter(|(_, pod)| !taken(pod));
                let (place, pod) = free.next().expect("there are more numbers than pods");
                labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), pod.clone());
                labels.insert("apps.kubernetes.io/pod-index".to_owned(), (self.first + place).to_string());
                pod
            }
            "Deployment" => {
                labels.insert("pod-template-hash".to_owned(), self.template.clone());
                drawn(format!("{name}-{}", self.template))
            }
            _ => drawn(name.clone()),
        };
        let mut containers = self.containers.clone();
        for container in &mut containers {
            container.know_the_pod(&pod, namespace, &addresses);
        }
        let host = self.host(&pod);
        let namespace = namespace.clone();
        let spec = Spec { namespace, name: pod, number, labels, addresses, containers };
        self.pods.push(PodObject { spec, created, host, template: self.template.clone() });
        if self.is("StatefulSet") {
            // `web-10` comes after `web-9`.
            self.pods.sort_by_key(|pod| (pod.spec.name.len(), pod.spec.name.clone()));
        }
    }

    /// Whether its pods would be called like `name`, one that somebody else's pod has.
    pub(super) fn claims(&self, name: &str) -> bool {
        match self.workload.kind.as_str() {
            "Pod" => name == self.workload.name,
            "StatefulSet" => (0..self.replicas).any(|place| self.numbered(place as u64) == name),
            _ => false,
        }
    }

    /// What a pod is called below a headless Service: as its template says, or by its own name in a StatefulSet.
    fn host(&self, pod: &str) -> Host {
        let text = |node: &Node, field: &str| node.at_path(&["spec", field]).and_then(Node::text).map(str::to_owned);
        match self.is("StatefulSet") {
            true => Host { hostname: Some(pod.to_owned()), subdomain: text(&self.node, "serviceName") },
            false => {
                let template = &self.workload.template;
                Host { hostname: text(template, "hostname"), subdomain: text(template, "subdomain") }
            }
        }
    }

    fn is(&self, kind: &str) -> bool {
        self.workload.kind == kind
    }

    /// The name of a StatefulSet's pod.
    fn numbered(&self, place: u64) -> String {
        format!("{}-{}", self.workload.name, self.first + place)
    }
}

/// How many pods a workload asks for.
fn replicas(workload: &Workload, node: &Node) -> Result<usize, String> {
    let path: &[&str] = match workload.kind.as_str() {
        "Pod" | "DaemonSet" => return Ok(1),
        "Job" => &["spec", "parallelism"],
        "CronJob" => &["spec", "jobTemplate", "spec", "parallelism"],
        _ => &["spec", "replicas"],
    };
    let Some(value) = node.at_path(path) else { return Ok(1) };
    let (at, field) = (&value.at, path.join("."));
    let kind = &workload.kind;
    match value.integer() {
        Some(count) if count < 0 => Err(format!(
            "error: {at}: The {kind} {:?} is invalid: {field}: Invalid value: {count}: must be greater than or equal to 0",
            workload.name
        )),
        Some(count) if count > MAX_REPLICAS => Err(format!(
            "error: {at}: {workload} asks for more than {MAX_REPLICAS} replicas, which one machine's lab has no room for"
        )),
        Some(count) => Ok(count as usize),
        None => Err(format!("error: {at}: {workload}: {field} must be a whole number")),
    }
}

/// The addresses that a pod asks for, as with Calico: `cni.projectcalico.org/ipAddrs: '["10.244.0.9"]'`, one of a family.
/// <https://docs.tigera.io/calico/latest/networking/ipam/use-specific-ip>
fn asked(template: &Node, replicas: usize, pools: &Pools) -> Result<Vec<IpAddr>, String> {
    let annotations = texts(template, "annotations");
    let Some(text) = annotations.get(ADDRESSES) else { return Ok(Vec::new()) };
    let addresses = serde_json::from_str::<Vec<IpAddr>>(text).unwrap_or_default();
    let families: BTreeSet<_> = addresses.iter().map(|address| Family::of(*address)).collect();
    let held = |address: &IpAddr| pools.get(&Family::of(*address)).is_some_and(|pool| pool.holds(*address));
    if addresses.is_empty() || families.len() < addresses.len() || !addresses.iter().all(held) {
        let ranges: Vec<_> = pools.keys().map(|family| format!("{}, not {}", family.pods(), family.node())).collect();
        return Err(format!(
            "error: {}: {ADDRESSES} {text:?} is not a list of one address in {}",
            template.at,
            ranges.join(", or of one in ")
        ));
    }
    if replicas > 1 {
        return Err(format!("error: {}: {ADDRESSES} gives one address to several replicas; leave it out", template.at));
    }
    Ok(addresses)
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

#[cfg(test)]
mod tests;
