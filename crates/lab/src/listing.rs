//! `get`: objects as tables and JSON, in `kubectl`'s columns.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use star_netpol::service::ServicePort;
use star_netpol::workload::Workload;

use crate::cluster::{Cluster, Key, Namespace, PodObject, PolicyObject, ServiceObject};
use crate::control::{Answer, Kind, Output};
use crate::pod::Pod;
use crate::publish::Published;

/// What can be listed.
pub(crate) struct View<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) pods: &'a BTreeMap<Key, Pod>,
    pub(crate) published: &'a [Published],
}

/// An object to be listed.
struct Row {
    namespace: String,
    name: String,
    /// After the name: those of every listing, then those of `-o wide`.
    columns: Vec<String>,
    wide: Vec<String>,
    json: Value,
}

/// Lists objects of a kind into `answer`: those of `names`, or all.
pub(crate) fn get(
    view: &View<'_>,
    kind: Kind,
    names: &[String],
    namespace: Option<&str>,
    output: Output,
    answer: &mut Answer,
) {
    let (plural, columns, wide): (&str, &[&str], &[&str]) = match kind {
        Kind::Pods => {
            let wide = ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"].as_slice();
            ("pods", &["READY", "STATUS", "RESTARTS", "AGE"], wide)
        }
        Kind::Services => ("services", &["TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"], &["SELECTOR"]),
        Kind::NetworkPolicies => ("networkpolicies.networking.k8s.io", &["POD-SELECTOR", "AGE"], &[]),
        Kind::Namespaces => ("namespaces", &["STATUS", "AGE"], &[]),
    };
    let mut rows = view.rows(kind);
    if let Some(namespace) = namespace.filter(|_| kind != Kind::Namespaces) {
        rows.retain(|row| row.namespace == namespace);
    }
    if !names.is_empty() {
        for name in names.iter().filter(|name| !rows.iter().any(|row| row.name == **name)) {
            answer.refused.push(format!("Error from server (NotFound): {plural} {name:?} not found"));
        }
        rows.retain(|row| names.contains(&row.name));
    }
    if output == Output::Json {
        let mut items: Vec<_> = rows.into_iter().map(|row| row.json).collect();
        let json = match (names, items.pop()) {
            ([_], Some(only)) => only,
            (_, last) => {
                json!({"apiVersion": "v1", "kind": "List", "items": items.into_iter().chain(last).collect::<Vec<_>>()})
            }
        };
        answer.told = format!("{json:#}\n");
        return;
    }
    if rows.is_empty() {
        if names.is_empty() {
            let within = namespace.map(|namespace| format!(" in {namespace} namespace")).unwrap_or_default();
            answer.warned.push(format!("No resources found{within}."));
        }
        return;
    }
    if output == Output::Name {
        let singular = match kind {
            Kind::Pods => "pod",
            Kind::Services => "service",
            Kind::NetworkPolicies => "networkpolicy.networking.k8s.io",
            Kind::Namespaces => "namespace",
        };
        answer.told = rows.iter().map(|row| format!("{singular}/{}\n", row.name)).collect();
        return;
    }
    let everywhere = namespace.is_none() && kind != Kind::Namespaces;
    let wide = if output == Output::Wide { wide } else { &[] };
    let header = everywhere.then_some("NAMESPACE").into_iter().chain(["NAME"]);
    let header = header.chain(columns.iter().copied()).chain(wide.iter().copied()).map(str::to_owned).collect();
    let line = |row: Row| {
        let start = everywhere.then_some(row.namespace).into_iter().chain([row.name]);
        start.chain(row.columns).chain(row.wide.into_iter().take(wide.len())).collect()
    };
    answer.told = table(std::iter::once(header).chain(rows.into_iter().map(line)).collect());
}

impl View<'_> {
    fn rows(&self, kind: Kind) -> Vec<Row> {
        let now = Timestamp::now();
        let mut rows: Vec<_> = match kind {
            Kind::Pods => self.cluster.pods().map(|(workload, pod)| self.pod(workload, pod, now)).collect(),
            Kind::Services => {
                self.cluster.services.iter().map(|(key, object)| self.service(key, object, now)).collect()
            }
            Kind::NetworkPolicies => self
                .cluster
                .policies
                .iter()
                .map(|((namespace, name), object)| policy(namespace, name, object, now))
                .collect(),
            Kind::Namespaces => self.cluster.namespaces.iter().map(|(name, object)| space(name, object, now)).collect(),
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
        let phase = match status {
            "Running" | "CrashLoopBackOff" => "Running",
            "Completed" => "Succeeded",
            "Pending" => "Pending",
            _ => "Failed",
        };
        let owner = json!({"kind": workload.kind, "name": workload.name});
        Row {
            namespace: spec.namespace.clone(),
            name: spec.name.clone(),
            columns: vec![
                format!("{ready}/{}", spec.containers.len()),
                status.to_owned(),
                restarts.to_string(),
                age(*created, now),
            ],
            wide: vec![spec.address.to_string(), "star-lab".to_owned(), "<none>".to_owned(), "<none>".to_owned()],
            json: json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": spec.name,
                    "namespace": spec.namespace,
                    "labels": spec.labels,
                    "creationTimestamp": second(*created),
                    "ownerReferences": if workload.kind == "Pod" { json!([]) } else { json!([owner]) },
                },
                "spec": {"nodeName": "star-lab", "containers": images},
                "status": {"phase": phase, "podIP": spec.address, "podIPs": [{"ip": spec.address}], "containerStatuses": statuses},
            }),
        }
    }

    fn service(&self, key: &Key, object: &ServiceObject, now: Timestamp) -> Row {
        let ServiceObject { service, address, created, .. } = object;
        let outside = |port: &ServicePort| self.published.iter().find(|published| published.is_of(key, port.port));
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
        let cluster_ip = address.map_or("None".to_owned(), |address| address.to_string());
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
            namespace: key.0.clone(),
            name: key.1.clone(),
            columns: vec![service.kind.clone(), cluster_ip.clone(), external, or_none(ports), age(*created, now)],
            wide: vec![or_none(selector)],
            json: json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": key.1, "namespace": key.0, "creationTimestamp": second(*created)},
                "spec": {"type": service.kind, "clusterIP": cluster_ip, "selector": service.selector, "ports": targets},
                "status": {"loadBalancer": {"ingress": ingress}},
            }),
        }
    }
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
    Row { namespace: namespace.to_owned(), name: name.to_owned(), columns, wide: Vec::new(), json }
}

fn space(name: &str, Namespace { labels, created }: &Namespace, now: Timestamp) -> Row {
    let metadata = json!({"name": name, "labels": labels, "creationTimestamp": second(*created)});
    Row {
        namespace: String::new(),
        name: name.to_owned(),
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

/// Columns as wide as they need to be, three blanks between them.
fn table(rows: Vec<Vec<String>>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("   ").trim_end())
    };
    rows.iter().map(line).collect()
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

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["NAME", "AGE"], ["default-deny", "5s"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(rows.to_vec()), "NAME           AGE\ndefault-deny   5s\n");
    }
}
