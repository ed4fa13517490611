//! What makes pods: a pod template and what owns it, or a bare Pod.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use crate::{connections::Protocol, location::Location, manifest::Object, node::Node, selector::Labels};

/// A workload: pods that no policy can tell apart.
///
/// Displayed as `namespace/name`.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Where it stands.
    pub at: Location,
    /// `Deployment`, `Pod` and so on; any kind that has a pod template.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name, unique among all workloads of the namespace that a [`Cluster`](crate::Cluster) holds.
    pub name: String,
    /// The labels of its pods: of the template, or of the Pod itself.
    pub labels: Labels,
    /// The labels that its pods carry besides, with values that the manifests do not give or that differ from pod to pod.
    pub varying: BTreeSet<String>,
    /// The labels of the controller itself, which no policy sees; none of a bare Pod.
    pub(crate) controller_labels: Labels,
    /// The ports to which its containers give names.
    pub ports: Vec<NamedPort>,
    /// Whether its pods share their node's network.
    pub host_network: bool,
    /// The node that all its pods run on, if the manifests say so.
    pub node: Option<String>,
    /// Its pods' addresses, as far as the manifests give them.
    pub addresses: Vec<IpAddr>,
    /// How many pods it asks for; nothing where that depends on the nodes, as for a DaemonSet.
    pub replicas: Option<u32>,
    /// The number in the name of its first pod, where a controller numbers them.
    pub(crate) first_ordinal: u64,
    /// The pod template, or the Pod: `metadata` and `spec`.
    pub template: Node,
}

/// A container's port and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// The name, unique in the pod.
    pub name: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub port: u16,
}

/// An object's controlling owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// Labels that controllers put on their pods, each pod or revision its own.
pub(crate) const GENERATED: [&str; 10] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    POD_NAME,
    POD_INDEX,
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    JOB_NAMES[0],
    JOB_NAMES[1],
    COMPLETION_INDEX,
];

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
const JOB_NAMES: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];
const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The labels that a controller of this kind puts on its pods besides the template's, with values of its own making.
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/>
fn varying(kind: &str, is_indexed: bool) -> &'static [&'static str] {
    const UIDS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];
    match (kind, is_indexed) {
        ("Deployment", _) => &["pod-template-hash"],
        ("StatefulSet", _) => &[POD_NAME, POD_INDEX, "controller-revision-hash"],
        ("DaemonSet", _) => &["controller-revision-hash", "pod-template-generation"],
        ("Job", false) => &UIDS,
        ("Job", true) => &[UIDS[0], UIDS[1], COMPLETION_INDEX],
        ("CronJob", false) => &[UIDS[0], UIDS[1], JOB_NAMES[0], JOB_NAMES[1]],
        ("CronJob", true) => &[UIDS[0], UIDS[1], JOB_NAMES[0], JOB_NAMES[1], COMPLETION_INDEX],
        _ => &[],
    }
}

/// Of more pods than these a workload's pods do not stand apart.
const MOST_APART: u32 = 100;

impl Workload {
    /// The workload that an object is, if it makes pods.
    pub(crate) fn read(object: &Object, namespace: &str) -> Option<Self> {
        let node = &object.node;
        let has_pods = |template: &&Node| template.at_path(&["spec", "containers"]).is_some();
        let template = match object.kind.as_str() {
            "Pod" => Some(node),
            _ => node
                .at_path(&["spec", "jobTemplate", "spec", "template"])
                .or_else(|| node.at_path(&["spec", "template"]))
                .filter(has_pods),
        }?;
        let spec = template.get("spec");
        let field = |name| spec.and_then(|spec| spec.get(name));
        let listed = node.at_path(&["status", "podIPs"]).map(Node::items).unwrap_or_default();
        let listed = listed.iter().filter_map(|item| item.get("ip"));
        let single = node.at_path(&["status", "podIP"]);
        let mut addresses: Vec<IpAddr> = listed.chain(single).filter_map(|ip| ip.text()?.parse().ok()).collect();
        addresses.sort();
        addresses.dedup();
        let job = node.at_path(&["spec", "jobTemplate", "spec"]).or_else(|| node.get("spec"));
        // An indexed Job has a pod for each index, whether they run beside each other or not.
        let indexed = job.filter(|job| job.get("completionMode").and_then(Node::text) == Some("Indexed"));
        let is_indexed = indexed.is_some();
        let fields: &[&str] = if is_indexed { &["completions"] } else { &["replicas", "parallelism"] };
        let count = fields.iter().find_map(|field| job.and_then(|spec| spec.get(field)));
        let replicas = count.and_then(Node::integer);
        let mut labels = labels(template);
        if object.kind == "Job" {
            labels.extend(JOB_NAMES.map(|key| (key.to_owned(), object.name.clone())));
        }
        let varying = varying(&object.kind, is_indexed).iter().filter(|key| !labels.contains_key(**key));
        Some(Self {
            at: node.at.clone(),
            kind: object.kind.clone(),
            namespace: object.namespace(namespace).to_owned(),
            name: object.name.clone(),
            varying: varying.map(|key| (*key).to_owned()).collect(),
            controller_labels: if object.kind == "Pod" { Labels::new() } else { self::labels(node) },
            labels,
            ports: named_ports(template),
            host_network: field("hostNetwork").is_some_and(Node::is_true),
            node: field("nodeName").and_then(Node::text).map(Into::into),
            addresses,
            replicas: match object.kind.as_str() {
                "DaemonSet" => None,
                _ => Some(replicas.map_or(1, |count| count.clamp(0, u32::MAX.into()) as u32)),
            },
            first_ordinal: node
                .at_path(&["spec", "ordinals", "start"])
                .and_then(Node::integer)
                .and_then(|start| u64::try_from(start).ok())
                .unwrap_or(0),
            template: template.clone(),
        })
    }

    /// The number that its pods give a port's name.
    pub fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        self.ports.iter().find(|port| port.name == name && port.protocol == protocol).map(|port| port.port)
    }

    /// Whether no policy can tell their pods apart: of the labels that controllers make only those of `asked` count.
    pub(crate) fn is_like(&self, other: &Self, asked: &BTreeSet<&str>) -> bool {
        let own = |workload: &Self| {
            let labels = workload.labels.iter().filter(|(key, _)| !GENERATED.contains(&key.as_str()));
            labels.map(|(key, value)| (key.clone(), value.clone())).collect::<Labels>()
        };
        let made = GENERATED.iter().filter(|key| asked.contains(**key)).all(|key| {
            let varies = self.varying.contains(*key) || other.varying.contains(*key);
            varies || self.labels.get(*key) == other.labels.get(*key)
        });
        made && self.host_network == other.host_network && self.ports == other.ports && own(self) == own(other)
    }

    /// Its pods, each by itself, where a controller numbers them and one of their own labels is among those of `asked`.
    pub(crate) fn apart(&self, asked: &BTreeSet<&str>) -> Option<Vec<Self>> {
        let own: &[&str] = match self.kind.as_str() {
            "StatefulSet" => &[POD_NAME, POD_INDEX],
            "Job" => &[COMPLETION_INDEX],
            _ => &[],
        };
        let count = self.replicas.filter(|count| (1..=MOST_APART).contains(count))?;
        if !own.iter().any(|key| asked.contains(key) && self.varying.contains(*key)) {
            return None;
        }
        let pod = |ordinal: u64| {
            let mut pod = Self { kind: "Pod".into(), replicas: Some(1), ..self.clone() };
            pod.name = format!("{}-{ordinal}", self.name);
            for key in own {
                pod.varying.remove(*key);
                let value = if *key == POD_NAME { pod.name.clone() } else { ordinal.to_string() };
                pod.labels.insert((*key).to_owned(), value);
            }
            pod
        };
        Some((0..u64::from(count)).map(|index| pod(self.first_ordinal.saturating_add(index))).collect())
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// `metadata.labels`, every value as text.
pub(crate) fn labels(object: &Node) -> Labels {
    let labels = object.at_path(&["metadata", "labels"]).map(Node::entries).unwrap_or_default();
    labels.iter().map(|entry| (entry.key.to_string(), entry.value.text().unwrap_or_default().to_owned())).collect()
}

/// The object that controls this one, if any. A node controls its static pods, and each of them is its own.
/// <https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/>
pub(crate) fn owner(object: &Node) -> Option<Owner> {
    let owners = object.at_path(&["metadata", "ownerReferences"]).map(Node::items).unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.get("controller").is_some_and(Node::is_true))?;
    let text = |field| owner.get(field).and_then(Node::text).map(str::to_owned);
    Some(Owner { kind: text("kind")?, name: text("name")? }).filter(|owner| owner.kind != "Node")
}

/// Those of containers that run beside each other: ordinary ones, and initial ones that are restarted (sidecars).
fn named_ports(template: &Node) -> Vec<NamedPort> {
    let containers = |field| template.at_path(&["spec", field]).map(Node::items).unwrap_or_default();
    let restarted = |container: &&Node| container.get("restartPolicy").and_then(Node::text) == Some("Always");
    let sidecars = containers("initContainers").iter().filter(restarted);
    let ports = containers("containers").iter().chain(sidecars).filter_map(|container| container.get("ports"));
    let named = ports.flat_map(Node::items).filter_map(|port| {
        let protocol = port.get("protocol").and_then(Node::text).map_or(Some(Protocol::Tcp), Protocol::named);
        let number = port.get("containerPort").and_then(Node::integer);
        Some(NamedPort {
            name: port.get("name")?.text()?.to_owned(),
            protocol: protocol?,
            port: u16::try_from(number?).ok()?,
        })
    });
    named.collect()
}
