//! An object as a row of a table, and as JSON.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};
use star_netpol::node::{self, Entry, Node, Scalar};
use star_netpol::selector::Labels;
use star_netpol::service::ServicePort;
use star_netpol::workload::Workload;

use super::View;
use crate::cluster::{Key, Kind, Namespace, PodObject, PolicyObject, ServiceObject, WorkloadObject, texts};
use crate::pod::Pod;
use crate::publish::balanced;

/// An object to be listed.
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) labels: Labels,
    /// After the name: those of every listing, then those of `-o wide`.
    pub(super) columns: Vec<String>,
    pub(super) wide: Vec<String>,
    pub(super) json: Value,
}

impl View<'_> {
    /// The objects of a kind, by namespace and name.
    pub(super) fn rows(&self, kind: Kind) -> Vec<Row> {
        let now = Timestamp::now();
        let mut rows: Vec<_> = match kind {
            Kind::Pod => self.cluster.pods().map(|(workload, pod)| self.pod(workload, pod, now)).collect(),
            Kind::Service => self.cluster.services.iter().map(|(key, object)| self.service(key, object, now)).collect(),
            Kind::NetworkPolicy => self
                .cluster
                .policies
                .iter()
                .map(|((namespace, name), object)| policy(namespace, name, object, now))
                .collect(),
            Kind::Namespace => self.cluster.namespaces.iter().map(|(name, object)| space(name, object, now)).collect(),
            kind => {
                let of = self.cluster.workloads.values().filter(|object| object.workload.kind == kind.name());
                of.map(|object| self.workload(kind, object, now)).collect()
            }
        };
        rows.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        rows
    }

    fn pod(&self, workload: &Workload, pod: &PodObject, now: Timestamp) -> Row {
        let PodObject { spec, created, .. } = pod;
        let running = self.pods.get(&spec.key());
        let containers = running.map(|pod| pod.containers.as_slice()).unwrap_or_default();
        let ready = containers.iter().filter(|container| container.is_running()).count();
        let restarts: u32 = containers.iter().map(|container| container.restarts).sum();
        let status = running.map_or("Pending", Pod::status);
        let images: Vec<_> = spec
            .containers
            .iter()
            .map(|container| json!({"name": container.name, "image": container.image, "command": container.command}))
            .collect();
        let statuses: Vec<_> = containers
            .iter()
            .map(|container| {
                json!({"name": container.container(), "ready": container.is_running(), "restartCount": container.restarts})
            })
            .collect();
        let addresses: Vec<_> = spec.addresses.iter().map(|address| json!({"ip": address})).collect();
        let phase = match status {
            "Running" | "CrashLoopBackOff" => "Running",
            "Completed" => "Succeeded",
            "Pending" => "Pending",
            _ => "Failed",
        };
        let mut metadata = metadata(&spec.namespace, &spec.name, &spec.labels, *created);
        if workload.kind != "Pod" {
            metadata["ownerReferences"] = json!([{"kind": workload.kind, "name": workload.name}]);
        }
        Row {
            kind: Kind::Pod,
            namespace: spec.namespace.clone(),
            name: spec.name.clone(),
            labels: spec.labels.clone(),
            columns: vec![
                format!("{ready}/{}", spec.containers.len()),
                status.to_owned(),
                restarts.to_string(),
                age(*created, now),
            ],
            wide: vec![spec.addresses[0].to_string(), "star-lab".to_owned(), "<none>".to_owned(), "<none>".to_owned()],
            json: json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": {"nodeName": "star-lab", "containers": images},
                "status": {"phase": phase, "podIP": spec.addresses[0], "podIPs": addresses, "containerStatuses": statuses},
            }),
        }
    }

    fn service(&self, key: &Key, object: &ServiceObject, now: Timestamp) -> Row {
        let ServiceObject { service, family_policy, families, addresses, labels, created, .. } = object;
        let outside = |port: &ServicePort| {
            let is_balanced = balanced(service).any(|balanced| balanced == port.port);
            self.published.iter().find(|published| is_balanced && published.is_of(key, port.port))
        };
        let external = match service.kind.as_str() {
            "LoadBalancer" => {
                service.ports.iter().find_map(outside).map(|published| published.address.ip().to_string())
            }
            _ => Some("<none>".to_owned()),
        };
        let external = external.unwrap_or_else(|| "<pending>".to_owned());
        let port = |port: &ServicePort| match outside(port) {
            Some(published) => format!("{}:{}/{}", port.port, published.address.port(), port.protocol),
            None => format!("{}/{}", port.port, port.protocol),
        };
        let ports: Vec<_> = service.ports.iter().map(port).collect();
        let selector =
            service.selector.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
        let mut cluster_ips: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
        if service.headless {
            cluster_ips.push("None".to_owned());
        }
        let cluster_ip = cluster_ips.first().cloned().unwrap_or_default();
        let families: Vec<_> = families.iter().map(|family| family.name()).collect();
        let outside: Vec<_> = service.ports.iter().filter_map(outside).collect();
        let ingress: Vec<_> = outside
            .iter()
            .map(|published| json!({"ip": published.address.ip(), "ports": [{"port": published.address.port(), "protocol": "TCP"}]}))
            .collect();
        let targets: Vec<_> = service
            .ports
            .iter()
            .map(|port| {
                let target = match &port.target {
                    star_netpol::service::TargetPort::Number(number) => json!(number),
                    star_netpol::service::TargetPort::Name(name) => json!(name),
                };
                json!({"name": port.name, "protocol": port.protocol, "port": port.port, "targetPort": target})
            })
            .collect();
        Row {
            kind: Kind::Service,
            namespace: key.0.clone(),
            name: key.1.clone(),
            labels: labels.clone(),
            columns: vec![service.kind.clone(), cluster_ip.clone(), external, or_none(ports), age(*created, now)],
            wide: vec![or_none(selector)],
            json: json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata(&key.0, &key.1, labels, *created),
                "spec": {
                    "type": service.kind, "clusterIP": cluster_ip, "clusterIPs": cluster_ips,
                    "ipFamilies": families, "ipFamilyPolicy": family_policy.name(),
                    "selector": service.selector, "ports": targets,
                },
                "status": {"loadBalancer": {"ingress": ingress}},
            }),
        }
    }

    fn workload(&self, kind: Kind, object: &WorkloadObject, now: Timestamp) -> Row {
        let WorkloadObject { workload, pods, node, created, .. } = object;
        let wanted = object.replicas();
        let ready = pods.iter().filter(|pod| self.pods.get(&pod.spec.key()).is_some_and(Pod::is_ready)).count();
        let age = age(*created, now);
        let counts = |counts: &[usize]| counts.iter().map(usize::to_string).collect::<Vec<_>>();
        let mut columns = match kind {
            Kind::Deployment => [vec![format!("{ready}/{wanted}")], counts(&[pods.len(), ready])].concat(),
            Kind::StatefulSet => vec![format!("{ready}/{wanted}")],
            Kind::DaemonSet => {
                let counted = counts(&[wanted, pods.len(), ready, pods.len(), ready]);
                [counted, vec!["<none>".to_owned()]].concat()
            }
            Kind::ReplicaSet | Kind::ReplicationController => counts(&[wanted, pods.len(), ready]),
            _ => counts(&[pods.len()]),
        };
        columns.push(age);
        let containers = workload.template.at_path(&["spec", "containers"]).map(Node::items).unwrap_or_default();
        let each = |field: &str| {
            let texts = containers.iter().filter_map(|container| container.get(field)?.text());
            or_none(texts.map(str::to_owned).collect())
        };
        let metadata_labels = texts(node, "labels");
        let mut json = value(node);
        json["metadata"]["namespace"] = workload.namespace.clone().into();
        json["metadata"]["creationTimestamp"] = second(*created).into();
        json["status"] = match kind {
            Kind::DaemonSet => {
                json!({"desiredNumberScheduled": wanted, "currentNumberScheduled": pods.len(), "numberReady": ready})
            }
            _ => json!({"replicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready}),
        };
        Row {
            kind,
            namespace: workload.namespace.clone(),
            name: workload.name.clone(),
            labels: metadata_labels,
            columns,
            wide: vec![each("name"), each("image"), selector(node)],
            json,
        }
    }
}

/// A workload's selector, in one line.
fn selector(node: &Node) -> String {
    let Some(selector) = node.at_path(&["spec", "selector"]) else { return "<none>".to_owned() };
    let equal = |entries: &[Entry]| {
        let pair = |entry: &Entry| format!("{}={}", entry.key, entry.value.text().unwrap_or_default());
        entries.iter().map(pair).collect::<Vec<_>>()
    };
    let mut told = match (selector.get("matchLabels"), selector.get("matchExpressions")) {
        // A ReplicationController's selector is labels alone.
        (None, None) => equal(selector.entries()),
        (labels, _) => equal(labels.map(Node::entries).unwrap_or_default()),
    };
    for expression in selector.get("matchExpressions").map(Node::items).unwrap_or_default() {
        let text = |field: &str| expression.get(field).and_then(Node::text).unwrap_or_default();
        let values: Vec<_> =
            expression.get("values").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
        told.push(match text("operator") {
            "Exists" => text("key").to_owned(),
            "DoesNotExist" => format!("!{}", text("key")),
            operator => format!("{} {} ({})", text("key"), operator.to_lowercase(), values.join(",")),
        });
    }
    or_none(told)
}

/// An object as it was written.
fn value(node: &Node) -> Value {
    match &node.value {
        node::Value::Scalar(_, Scalar::Null) => Value::Null,
        node::Value::Scalar(_, Scalar::Bool) => node.is_true().into(),
        node::Value::Scalar(_, Scalar::Integer(number)) => (*number).into(),
        node::Value::Scalar(text, Scalar::Float) => text.parse::<f64>().map_or_else(|_| json!(text), Value::from),
        node::Value::Scalar(text, Scalar::String) => json!(text),
        node::Value::Sequence(items) => items.iter().map(value).collect(),
        node::Value::Mapping(entries) => {
            entries.iter().map(|entry| (entry.key.to_string(), value(&entry.value))).collect()
        }
    }
}

/// An object's metadata: without labels where there are none, as the API has it.
fn metadata(namespace: &str, name: &str, labels: &Labels, created: Timestamp) -> Value {
    let mut metadata = json!({"name": name, "namespace": namespace, "creationTimestamp": second(created)});
    if !labels.is_empty() {
        metadata["labels"] = json!(labels);
    }
    metadata
}

fn policy(namespace: &str, name: &str, object: &PolicyObject, now: Timestamp) -> Row {
    let PolicyObject { policy, labels, annotations, created } = object;
    let selector = match policy.pod_selector.is_everything() {
        true => "<none>".to_owned(),
        false => policy.pod_selector.to_string(),
    };
    let mut json = serde_json::to_value(policy).unwrap_or_default();
    json["metadata"]["creationTimestamp"] = second(*created).into();
    for (field, texts) in [("labels", labels), ("annotations", annotations)] {
        if !texts.is_empty() {
            json["metadata"][field] = json!(texts);
        }
    }
    let columns = vec![selector, age(*created, now)];
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    Row { kind: Kind::NetworkPolicy, namespace, name, labels: labels.clone(), columns, wide: Vec::new(), json }
}

fn space(name: &str, Namespace { labels, created }: &Namespace, now: Timestamp) -> Row {
    let metadata = json!({"name": name, "labels": labels, "creationTimestamp": second(*created)});
    Row {
        kind: Kind::Namespace,
        namespace: String::new(),
        name: name.to_owned(),
        labels: labels.clone(),
        columns: vec!["Active".to_owned(), age(*created, now)],
        wide: Vec::new(),
        json: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "status": {"phase": "Active"}}),
    }
}

fn or_none(list: Vec<String>) -> String {
    if list.is_empty() { "<none>".to_owned() } else { list.join(",") }
}

/// A moment as Kubernetes writes it, to the second.
fn second(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How long ago, as `kubectl` rounds it.
fn age(created: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(created).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let with = |large: i64, unit: char, small: i64, rest: char| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{rest}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => with(minutes, 'm', seconds % 60, 's'),
        () if hours < 3 => format!("{minutes}m"),
        () if hours < 8 => with(hours, 'h', minutes % 60, 'm'),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => with(days, 'd', hours % 24, 'h'),
        () => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn ages_are_rounded_as_kubectl_does() {
        let created = Timestamp::UNIX_EPOCH;
        for (seconds, told) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (599, "9m59s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (18_720, "5h12m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
        ] {
            assert_eq!(age(created, created + SignedDuration::from_secs(seconds)), told);
        }
    }
}
