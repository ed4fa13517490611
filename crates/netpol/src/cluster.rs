//! What a set of objects says about a cluster: its namespaces, workloads, Services and policies.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    location::{Location, Problem},
    manifest::Object,
    node::Node,
    policy::Policy,
    selector::Labels,
    service::Service,
    strict::distance,
    workload::{Owner, Workload, labels, owner},
};

/// The label that every namespace carries, its value the namespace's name.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#automatic-labelling>
pub(crate) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A cluster as manifests describe it.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Every namespace that is defined or mentioned, and its labels.
    pub namespaces: BTreeMap<String, Labels>,
    /// What makes pods, sorted by namespace and name.
    pub workloads: Vec<Workload>,
    /// The Services, sorted by namespace and name.
    pub services: Vec<Service>,
    /// The NetworkPolicies, sorted by namespace and name.
    pub policies: Vec<Policy>,
    /// Policies of other kinds, in the order read.
    pub foreign: Vec<Foreign>,
    /// What was passed over or is doubtful, a line each.
    pub warnings: Vec<String>,
}

/// A policy of another kind: what it does is not known here, only whom it may concern.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// Where it stands.
    pub at: Location,
    /// Its kind and name, such as `CiliumNetworkPolicy stars/l7`.
    pub name: String,
    /// The only namespace that it can concern; nothing if it may concern all.
    pub namespace: Option<String>,
}

impl Cluster {
    /// The cluster that the objects describe; what gives no namespace is in `namespace`.
    ///
    /// # Errors
    /// Everything that the API server would refuse in a NetworkPolicy. Other objects are read leniently.
    pub fn new(objects: &[Object], namespace: &str) -> Result<Self, Vec<Problem>> {
        let mut cluster = Self::default();
        let mut problems = Vec::new();
        let mut last = BTreeMap::new();
        for object in objects {
            let namespace = object.namespace.as_deref().unwrap_or(namespace);
            let key = (group(object), object.kind.as_str(), namespace, object.name.as_str());
            if let (Some(before), false) = (last.insert(key, object), object.name.is_empty()) {
                let (earlier, later, name) = (&before.node.at, &object.node.at, &object.name);
                let kind = &object.kind;
                let warning = format!(
                    "{later}: {kind} {namespace}/{name} stands at {earlier} as well: this one, the last, counts"
                );
                cluster.warnings.push(warning);
            }
        }
        let counts = |object: &&Object| {
            let namespace = object.namespace.as_deref().unwrap_or(namespace);
            let key = (group(object), object.kind.as_str(), namespace, object.name.as_str());
            object.name.is_empty() || last.get(&key).is_some_and(|last| std::ptr::eq(*last, *object))
        };
        let mut pods = Vec::new();
        let mut passed_over = BTreeMap::new();
        for object in objects.iter().filter(counts) {
            match policy_kind(object) {
                PolicyKind::Ours => match Policy::read(&object.node, namespace) {
                    Ok(policy) => cluster.policies.push(policy),
                    Err(found) => problems.extend(found),
                },
                PolicyKind::Unserved => problems.push(unserved(object)),
                PolicyKind::Foreign => cluster.foreign.push(Foreign::read(object, namespace)),
                PolicyKind::None if object.kind == "Namespace" => {
                    cluster.namespaces.insert(object.name.clone(), labels(&object.node));
                }
                PolicyKind::None => match (Service::read(object, namespace), Workload::read(object, namespace)) {
                    (Some(service), _) => cluster.services.push(service),
                    (_, Some(workload)) => pods.push((workload, owner(&object.node), has_pods(&object.node))),
                    _ => *passed_over.entry(object.kind.as_str()).or_insert(0) += 1,
                },
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        cluster.warnings.extend(passed_over_warning(&passed_over));
        cluster.warnings.extend(cluster.policies.iter().flat_map(idle_rules));
        let unevaluated = |foreign: &Foreign| {
            let Foreign { at, name, .. } = foreign;
            format!("{at}: {name} is not evaluated: what it could change is undecided")
        };
        cluster.warnings.extend(cluster.foreign.iter().map(unevaluated));
        cluster.workloads = merge(pods, &mut cluster.warnings);
        cluster.policies.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        cluster.services.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        cluster.complete_namespaces();
        Ok(cluster)
    }

    /// The Service of that namespace and name.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        let key = |service: &Service| (service.namespace.as_str(), service.name.as_str()).cmp(&(namespace, name));
        self.services.binary_search_by(key).ok().map(|place| &self.services[place])
    }

    /// Namespaces that are only mentioned are there too, and all carry the label that Kubernetes gives them.
    fn complete_namespaces(&mut self) {
        let workloads = self.workloads.iter().map(|workload| &workload.namespace);
        let services = self.services.iter().map(|service| &service.namespace);
        let policies = self.policies.iter().map(|policy| &policy.namespace);
        let mentioned: BTreeSet<_> = workloads.chain(services).chain(policies).cloned().collect();
        for name in mentioned {
            self.namespaces.entry(name).or_default();
        }
        for (name, labels) in &mut self.namespaces {
            labels.insert(NAME_LABEL.into(), name.clone());
        }
    }
}

enum PolicyKind {
    /// A NetworkPolicy of `networking.k8s.io/v1`.
    Ours,
    /// A NetworkPolicy of a version that no API server knows.
    Unserved,
    /// A policy of another API.
    Foreign,
    /// No policy.
    None,
}

/// How the kinds end that allow or deny connections besides NetworkPolicy: those of the policy API's other kinds, Calico,
/// Cilium, Antrea, Istio, Linkerd, OVN, Kuma, Consul and AWS.
const FOREIGN: [&str; 7] = [
    "NetworkPolicy",
    "AuthorizationPolicy",
    "ServerAuthorization",
    "EgressFirewall",
    "TrafficPermission",
    "ServiceIntentions",
    "SecurityGroupPolicy",
];

/// The API group, empty for the core's.
fn group(object: &Object) -> &str {
    object.api_version.split_once('/').map_or("", |(group, _)| group)
}

fn policy_kind(object: &Object) -> PolicyKind {
    // Groups of one word are Kubernetes' own, and know no policies; a group or kind that differs by little is a mistake.
    let group = group(object);
    let own = !group.contains('.') || distance(group, "networking.k8s.io") <= 3;
    let kind = object.kind.as_str();
    match own {
        true if kind == "NetworkPolicy" && object.api_version == "networking.k8s.io/v1" => PolicyKind::Ours,
        true if distance(kind, "NetworkPolicy") <= 2 => PolicyKind::Unserved,
        true => PolicyKind::None,
        // A staged policy of Calico's is written down and not enforced.
        false if kind.starts_with("Staged") => PolicyKind::None,
        false if FOREIGN.iter().any(|ending| kind.ends_with(ending)) => PolicyKind::Foreign,
        false => PolicyKind::None,
    }
}

fn unserved(object: &Object) -> Problem {
    let Object { api_version, kind, name, node, .. } = object;
    let message = format!(
        "{kind} {name}: no API server takes {kind} of {api_version}: write apiVersion: networking.k8s.io/v1 and kind: NetworkPolicy"
    );
    Problem::new(&node.at, message)
}

impl Foreign {
    fn read(object: &Object, namespace: &str) -> Self {
        let Object { kind, name, .. } = object;
        let namespace = object.namespace.as_deref().unwrap_or(namespace);
        let everywhere = ["Cluster", "Global", "Admin"].iter().any(|word| kind.contains(word));
        // Istio's root namespace speaks for the whole mesh.
        let everywhere = everywhere || kind == "AuthorizationPolicy" && namespace == "istio-system";
        match everywhere {
            true => Self { at: object.node.at.clone(), name: format!("{kind} {name}"), namespace: None },
            false => Self {
                at: object.node.at.clone(),
                name: format!("{kind} {namespace}/{name}"),
                namespace: Some(namespace.to_owned()),
            },
        }
    }

    /// Whether it may concern pods of this namespace.
    pub fn concerns(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|own| own == namespace)
    }
}

/// Whether the object has pods now, as far as it says: a finished Pod or Job has no network, an old ReplicaSet no pod.
fn has_pods(node: &Node) -> bool {
    let phase = node.at_path(&["status", "phase"]).and_then(Node::text);
    let scaled_away = owner(node).is_some() && node.at_path(&["spec", "replicas"]).and_then(Node::integer) == Some(0);
    let conditions = node.at_path(&["status", "conditions"]).map(Node::items).unwrap_or_default();
    let text = |condition: &Node, field| condition.get(field).and_then(Node::text).map(str::to_owned);
    let finished = conditions.iter().any(|condition| {
        matches!(text(condition, "type").as_deref(), Some("Complete" | "Failed"))
            && text(condition, "status").as_deref() == Some("True")
    });
    !matches!(phase, Some("Succeeded" | "Failed")) && !scaled_away && !finished
}

fn passed_over_warning(kinds: &BTreeMap<&str, usize>) -> Option<String> {
    let total: usize = kinds.values().sum();
    let list = kinds.iter().map(|(kind, count)| format!("{kind} ({count})")).collect::<Vec<_>>().join(", ");
    let objects = if total == 1 { "object" } else { "objects" };
    (total > 0).then(|| format!("passed over {total} {objects} of kinds that are not read here: {list}"))
}

/// Rules under a direction that `policyTypes` leaves out do nothing; whoever wrote them expects otherwise.
fn idle_rules(policy: &Policy) -> Option<String> {
    let (at, idle) = policy.idle.as_ref()?;
    Some(format!("{at}: NetworkPolicy {policy}: its {idle} rules do nothing, since its policyTypes leave {idle} out"))
}

/// Pods join the workload that controls them. Those whose labels, ports or network are not as the others' a policy can
/// tell apart: they stand for themselves.
fn merge(pods: Vec<(Workload, Option<Owner>, bool)>, warnings: &mut Vec<String>) -> Vec<Workload> {
    let key = |workload: &Workload| Owner { kind: workload.kind.clone(), name: workload.name.clone() };
    let owners: BTreeMap<(String, Owner), Option<Owner>> =
        pods.iter().map(|(workload, owner, _)| ((workload.namespace.clone(), key(workload)), owner.clone())).collect();
    let root = |workload: &Workload| {
        let mut root = key(workload);
        // Bounded: owners that own each other would else lead in a circle.
        for _ in 0..8 {
            match owners.get(&(workload.namespace.clone(), root.clone())) {
                Some(Some(owner)) => root = owner.clone(),
                _ => break,
            }
        }
        deployment(root, workload)
    };
    let mut groups: BTreeMap<(String, Owner), Vec<(Workload, bool)>> = BTreeMap::new();
    for (workload, owner, _) in pods.into_iter().filter(|(.., has_pods)| *has_pods) {
        let group = (workload.namespace.clone(), root(&workload));
        groups.entry(group).or_default().push((workload, owner.is_none()));
    }
    let mut workloads = Vec::new();
    for ((_, root), mut members) in groups {
        // The controller itself comes first, if it is there.
        members.sort_by_key(|(_, is_root)| !is_root);
        let without_root = members.first().is_some_and(|(_, is_root)| !is_root);
        let mut alike: Vec<Vec<Workload>> = Vec::new();
        for (member, _) in members {
            match alike.iter_mut().find(|group| group[0].is_like(&member)) {
                Some(group) => group.push(member),
                None => alike.push(vec![member]),
            }
        }
        let is_pod = |member: &Workload| member.kind == "Pod";
        let pods = |group: &Vec<Workload>| group.iter().filter(|member| is_pod(member)).count();
        let mut home = alike.remove(0);
        let most =
            (0..alike.len()).rev().max_by_key(|place| pods(&alike[*place])).filter(|place| pods(&alike[*place]) > 0);
        if let (0, Some(most)) = (pods(&home), most) {
            // No pod is as its template: something is added to each, a mesh's sidecar say. Then the pods count.
            let Workload { labels, ports, host_network, template, .. } = alike[most][0].clone();
            home[0] = Workload { labels, ports, host_network, template, ..home.swap_remove(0) };
            home.extend(alike.remove(most));
        }
        workloads.push(join(home, without_root.then_some(root)));
        for member in alike.into_iter().flatten() {
            warnings.push(format!(
                "{}: {} {member} has other labels, ports or network than the rest of its workload: it stands for itself",
                member.at, member.kind
            ));
            workloads.push(member);
        }
    }
    distinguish(&mut workloads);
    workloads.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    workloads
}

/// Members that are alike as one workload, called as the first of them, or as the controller that is not in the input.
fn join(members: Vec<Workload>, root: Option<Owner>) -> Workload {
    let pods: Vec<_> = members.iter().filter(|member| member.kind == "Pod").map(|pod| pod.node.clone()).collect();
    let addresses = members.iter().flat_map(|member| member.addresses.iter().copied()).collect();
    let mut own = members.into_iter().next().expect("a group begins with a member");
    if let Some(root) = root {
        if own.kind == "Pod" {
            own.replicas = u32::try_from(pods.len()).ok();
        }
        (own.kind, own.name) = (root.kind, root.name);
    }
    // One node counts only if every pod runs on it.
    let together = pods.windows(2).all(|pair| pair[0] == pair[1]);
    let node = pods.into_iter().next().unwrap_or(own.node);
    Workload { addresses, node: node.filter(|_| together), ..own }
}

/// A ReplicaSet that is not in the input was most likely made by a Deployment: its name then ends in the pods' hash.
fn deployment(owner: Owner, pod: &Workload) -> Owner {
    let hash = pod.labels.get("pod-template-hash").map(|hash| format!("-{hash}"));
    match hash.and_then(|hash| owner.name.strip_suffix(&hash)) {
        Some(name) if owner.kind == "ReplicaSet" => Owner { kind: "Deployment".into(), name: name.into() },
        _ => owner,
    }
}

/// Workloads of one name and several kinds are told apart as `kubectl` does: `statefulset/web`.
fn distinguish(workloads: &mut [Workload]) {
    let mut names = BTreeMap::new();
    for workload in &*workloads {
        *names.entry(workload.to_string()).or_insert(0) += 1;
    }
    for workload in workloads {
        if names[&workload.to_string()] > 1 {
            workload.name = format!("{}/{}", workload.kind.to_lowercase(), workload.name);
        }
    }
}

#[cfg(test)]
mod tests;
