//! What a set of objects says about a cluster: its namespaces, workloads, Services and policies.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    location::{Location, Problem},
    manifest::Object,
    node::Node,
    policy::{Policy, Scope},
    selector::{Labels, Selector},
    service::Service,
    strict::distance,
    workload::{GENERATED, Owner, Workload, labels, owner},
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
    /// What kubectl would not send as it is read here: `y` and `n` without quotes, which are booleans to it. Refused by
    /// the API server all the same.
    pub unquoted: Vec<Problem>,
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
            let namespace = object.namespace(namespace);
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
            let namespace = object.namespace(namespace);
            let key = (group(object), object.kind.as_str(), namespace, object.name.as_str());
            object.name.is_empty() || last.get(&key).is_some_and(|last| std::ptr::eq(*last, *object))
        };
        let mut pods = Vec::new();
        let mut passed_over = BTreeMap::new();
        let mut finished = Vec::new();
        for object in objects.iter().filter(counts) {
            match policy_kind(object) {
                PolicyKind::Ours => match Policy::read(&object.node, namespace) {
                    Ok(mut policy) => {
                        cluster.unquoted.append(&mut policy.unquoted);
                        cluster.policies.push(policy);
                    }
                    Err(found) => problems.extend(found),
                },
                PolicyKind::Unserved => problems.push(unserved(object)),
                PolicyKind::Foreign => cluster.foreign.push(Foreign::read(object, namespace)),
                PolicyKind::None if object.kind == "Namespace" => {
                    cluster.namespaces.insert(object.name.clone(), labels(&object.node));
                }
                PolicyKind::None => match (Service::read(object, namespace), Workload::read(object, namespace)) {
                    (Some(service), _) => cluster.services.push(service),
                    (_, Some(workload)) => {
                        let has_pods = has_pods(&object.node);
                        if is_finished(&object.node) {
                            finished.push(format!("{} {workload}", workload.kind));
                        }
                        pods.push((workload, owner(&object.node), has_pods));
                    }
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
        cluster.warnings.extend(finished_warning(&finished));
        cluster.workloads = merge(pods, &asked(&cluster.policies, &cluster.services), &mut cluster.warnings);
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
/// Cilium, Antrea, EKS, GKE, Istio, Linkerd, OVN, Kuma, Consul, NSX and AWS.
const FOREIGN: [&str; 7] = [
    "NetworkPolicy",
    "AuthorizationPolicy",
    "ServerAuthorization",
    "EgressFirewall",
    "TrafficPermission",
    "ServiceIntentions",
    "SecurityGroupPolicy",
];

/// Kinds of the same that only their group tells from others of that name.
const FOREIGN_IN: [(&str, &str); 3] =
    [("policy.linkerd.io", "Server"), ("nsx.vmware.com", "SecurityPolicy"), ("crd.nsx.vmware.com", "SecurityPolicy")];

/// Groups of others whose names are nearly Kubernetes' own.
const NEAR: [&str; 2] = ["networking.k8s.aws", "networking.gke.io"];

/// The API group, empty for the core's.
fn group(object: &Object) -> &str {
    object.api_version.split_once('/').map_or("", |(group, _)| group)
}

fn policy_kind(object: &Object) -> PolicyKind {
    // Groups of one word are Kubernetes' own, and know no policies; a group or kind that differs by little is a mistake.
    let group = group(object);
    let own = !group.contains('.') || distance(group, "networking.k8s.io") <= 3 && !NEAR.contains(&group);
    let kind = object.kind.as_str();
    let foreign = || FOREIGN.iter().any(|ending| kind.ends_with(ending)) || FOREIGN_IN.contains(&(group, kind));
    match own {
        true if kind == "NetworkPolicy" && object.api_version == "networking.k8s.io/v1" => PolicyKind::Ours,
        true if distance(kind, "NetworkPolicy") <= 3 => PolicyKind::Unserved,
        true if !group.contains('.') || group == "networking.k8s.io" => PolicyKind::None,
        _ if foreign() && !enforces_nothing(object) => PolicyKind::Foreign,
        _ => PolicyKind::None,
    }
}

/// Whether a policy of another kind is written down and watched, and changes nothing: Calico's staged ones, and Istio's
/// and Linkerd's that audit or are tried dry.
fn enforces_nothing(object: &Object) -> bool {
    let text = |path: &[&str]| object.node.at_path(path).and_then(Node::text).unwrap_or_default();
    object.kind.starts_with("Staged")
        || text(&["spec", "action"]) == "AUDIT"
        || text(&["spec", "accessPolicy"]) == "audit"
        || object.node.at_path(&["metadata", "annotations", "istio.io/dry-run"]).is_some_and(|dry| {
            // An annotation is text, and people leave the quotes out.
            dry.text() == Some("true")
        })
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
        let namespace = object.namespace(namespace);
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

/// Whether the object has pods now, as far as it says: an old ReplicaSet has none.
fn has_pods(node: &Node) -> bool {
    let scaled_away = owner(node).is_some() && node.at_path(&["spec", "replicas"]).and_then(Node::integer) == Some(0);
    !scaled_away && !is_finished(node)
}

/// Whether it is a Pod or Job that is done: it has no network any more.
fn is_finished(node: &Node) -> bool {
    let phase = node.at_path(&["status", "phase"]).and_then(Node::text);
    let conditions = node.at_path(&["status", "conditions"]).map(Node::items).unwrap_or_default();
    let text = |condition: &Node, field| condition.get(field).and_then(Node::text).map(str::to_owned);
    let finished = conditions.iter().any(|condition| {
        matches!(text(condition, "type").as_deref(), Some("Complete" | "Failed"))
            && text(condition, "status").as_deref() == Some("True")
    });
    matches!(phase, Some("Succeeded" | "Failed")) || finished
}

/// The labels that policies and Services ask for: pods that differ in none of them are alike to all.
fn asked<'c>(policies: &'c [Policy], services: &'c [Service]) -> BTreeSet<&'c str> {
    let rules = policies.iter().flat_map(|policy| [&policy.ingress, &policy.egress]).flatten().flatten();
    let peers = rules.flat_map(|rule| &rule.peers).filter_map(|peer| match &peer.scope {
        Scope::Pods { pod_selector, .. } => pod_selector.as_ref(),
        Scope::Block { .. } => None,
    });
    let selectors = policies.iter().map(|policy| &policy.pod_selector).chain(peers);
    let keys = selectors.flat_map(Selector::requirements).map(|requirement| requirement.key.as_str());
    keys.chain(services.iter().filter_map(|own| own.selector.as_ref()).flat_map(|own| own.keys().map(String::as_str)))
        .collect()
}

fn finished_warning(finished: &[String]) -> Option<String> {
    let (named, more) = finished.split_at(finished.len().min(5));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    (!named.is_empty()).then(|| format!("left out, since finished: {}{more}", named.join(", ")))
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
/// tell apart: they stand for themselves. Nothing hangs on the order of the input.
fn merge(
    pods: Vec<(Workload, Option<Owner>, bool)>,
    asked: &BTreeSet<&str>,
    warnings: &mut Vec<String>,
) -> Vec<Workload> {
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
    let mut numbered = BTreeSet::new();
    for (workload, owner, _) in pods.into_iter().filter(|(.., has_pods)| *has_pods) {
        let namespace = workload.namespace.clone();
        match workload.apart(asked).filter(|_| owner.is_none()) {
            Some(apart) => {
                numbered.insert((namespace.clone(), key(&workload)));
                for pod in apart {
                    groups.entry((namespace.clone(), key(&pod))).or_default().push((pod, true));
                }
            }
            None => {
                let group = (namespace, root(&workload));
                groups.entry(group).or_default().push((workload, owner.is_none()));
            }
        }
    }
    // Pods of a controller whose pods stand apart join the one of their own name.
    for group in numbered {
        for (pod, _) in groups.remove(&group).unwrap_or_default() {
            groups.entry((group.0.clone(), key(&pod))).or_default().push((pod, false));
        }
    }
    let mut workloads: Vec<_> =
        groups.into_iter().flat_map(|((_, root), members)| merge_group(root, members, asked, warnings)).collect();
    distinguish(&mut workloads);
    workloads.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    workloads
}

/// The workloads of one controller: its own, and those that stand for themselves.
fn merge_group(
    root: Owner,
    mut members: Vec<(Workload, bool)>,
    asked: &BTreeSet<&str>,
    warnings: &mut Vec<String>,
) -> Vec<Workload> {
    // The controller itself comes first, if it is there.
    members.sort_by(|(a, a_is_root), (b, b_is_root)| (!a_is_root, &a.name).cmp(&(!b_is_root, &b.name)));
    let has_root = members.first().is_some_and(|(_, is_root)| *is_root);
    let mut alike: Vec<Vec<Workload>> = Vec::new();
    for (member, _) in members {
        match alike.iter_mut().find(|group| group[0].is_like(&member, asked)) {
            Some(group) => group.push(member),
            None => alike.push(vec![member]),
        }
    }
    let pods = |group: &Vec<Workload>| group.iter().filter(|member| member.kind == "Pod").count();
    // Most of the pods speak for the workload, unless as many differ.
    let most = alike.iter().map(pods).max().unwrap_or(0);
    let mut largest = (0..alike.len()).filter(|place| most > 0 && pods(&alike[*place]) == most);
    let most = largest.next().filter(|_| largest.next().is_none());
    let own = match (has_root, most) {
        _ if alike.len() == 1 => Some(alike.remove(0)),
        (true, _) if pods(&alike[0]) > 0 || alike.iter().all(|group| pods(group) == 0) => Some(alike.remove(0)),
        (true, Some(most)) => {
            // No pod is as its template: something is added to each, a mesh's sidecar say. Then the pods count.
            let pod = alike[most][0].clone();
            let mut home = alike.remove(0);
            home.extend(alike.remove(most - 1));
            let Workload { labels, varying, ports, host_network, template, .. } = pod;
            home[0] = Workload { labels, varying, ports, host_network, template, ..home[0].clone() };
            Some(home)
        }
        (true, None) => {
            let controller = alike.remove(0).swap_remove(0);
            warnings.push(format!(
                "{}: {} {controller}: its pods differ from its template and from each other: each stands for itself",
                controller.at, controller.kind
            ));
            None
        }
        (false, Some(most)) => Some(alike.remove(most)),
        (false, None) => None,
    };
    let own = own.map(|members| join(members, (!has_root).then_some(root), asked));
    let mut workloads: Vec<_> = own.into_iter().collect();
    for member in alike.into_iter().flatten() {
        warnings.push(format!(
            "{}: {} {member} has other labels, ports or network than the rest of its workload: it stands for itself",
            member.at, member.kind
        ));
        workloads.push(member);
    }
    workloads
}

/// Members that are alike as one workload, called as the first of them, or as the controller that is not in the input.
fn join(members: Vec<Workload>, root: Option<Owner>, asked: &BTreeSet<&str>) -> Workload {
    let pods: Vec<_> = members.iter().filter(|member| member.kind == "Pod").map(|pod| pod.node.clone()).collect();
    let addresses = members.iter().flat_map(|member| member.addresses.iter().copied()).collect();
    let (labels, varying) = made_labels(&members, asked);
    let mut own = members.into_iter().next().expect("a group begins with a member");
    own.labels.retain(|key, _| !GENERATED.contains(&key.as_str()));
    own.labels.extend(labels);
    own.varying = varying;
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

/// The labels that controllers made for the members: those that all pods share, and the keys of the others. What a
/// controller says of its pods to come counts where no pod is there.
fn made_labels(members: &[Workload], asked: &BTreeSet<&str>) -> (Labels, BTreeSet<String>) {
    let (mut labels, mut varying) = (Labels::new(), BTreeSet::new());
    let pods: Vec<_> = members.iter().filter(|member| member.kind == "Pod").collect();
    let last = members.last().into_iter().collect();
    for key in GENERATED {
        let said: &Vec<&Workload> = if pods.is_empty() { &last } else { &pods };
        let values: BTreeSet<_> = said.iter().map(|member| member.labels.get(key)).collect();
        let varies = said.iter().any(|member| member.varying.contains(key)) || values.len() > 1;
        match values.first() {
            _ if varies => drop(varying.insert(key.to_owned())),
            Some(Some(value)) => drop(labels.insert(key.to_owned(), (*value).clone())),
            // A controller that is there makes the label, whatever an incomplete pod says.
            _ if !asked.contains(key) && members[0].varying.contains(key) => drop(varying.insert(key.to_owned())),
            _ => {}
        }
    }
    (labels, varying)
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
