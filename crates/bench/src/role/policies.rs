//! A thousand workloads and five hundred policies: read, evaluated, changed.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::json;
use star_netpol::evaluator::Endpoint;
use star_netpol::reach::Reach;
use star_netpol::{Cluster, Evaluator, Matrix, manifest};

use crate::process::memory;

const NAMESPACES: usize = 20;
const APPS: usize = 50;

/// What one turn took.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Turn {
    /// From text to policies ready to be asked.
    pub(crate) read_ms: f64,
    /// Every ordered pair's connections.
    pub(crate) all_pairs_ms: f64,
    /// The same, each pair asked by itself, with all its reasons.
    pub(crate) one_by_one_ms: f64,
    /// One policy of one app changed: every pair that it touches.
    pub(crate) change_ms: f64,
    /// A policy that selects all pods of a namespace changed.
    pub(crate) wide_change_ms: f64,
    /// Resident, with all pairs held, before any is asked by itself.
    pub(crate) resident: f64,
}

/// One turn, told as JSON on stdout.
pub(super) fn run() -> anyhow::Result<()> {
    let text = manifests();
    let begun = Instant::now();
    let mut evaluator = evaluator(&text)?;
    let read_ms = millis(begun);
    anyhow::ensure!(
        evaluator.workloads().len() == 1_000 && evaluator.policies().count() == 500,
        "not the cluster meant"
    );

    let begun = Instant::now();
    let mut matrix = Matrix::new(&evaluator);
    let all: Vec<usize> = (0..evaluator.workloads().len()).collect();
    let open = ask(&matrix, &all, all.len());
    let all_pairs_ms = millis(begun);
    let resident = memory(std::process::id())?.resident;

    let begun = Instant::now();
    let mut open_one_by_one = 0;
    for (source, destination) in all.iter().flat_map(|source| all.iter().map(move |to| (*source, *to))) {
        let pair = evaluator.pair(Endpoint::Workload(source), Endpoint::Workload(destination));
        open_one_by_one += usize::from(source != destination && !pair.reach.sure.is_none());
    }
    let one_by_one_ms = millis(begun);
    anyhow::ensure!(open == open_one_by_one, "{open} open pairs, and {open_one_by_one} asked one by one");

    let mut change = |name: &str| -> anyhow::Result<f64> {
        let policy = evaluator.policies().find(|policy| policy.name == name);
        let mut policy = policy.with_context(|| format!("no policy {name}"))?.clone();
        policy.ingress = Some(Vec::new());
        let begun = Instant::now();
        let touched = evaluator.apply(policy);
        matrix.update(&evaluator, &touched);
        ask(&matrix, &touched, all.len());
        Ok(millis(begun))
    };
    let turn = Turn {
        read_ms,
        all_pairs_ms,
        one_by_one_ms,
        change_ms: change("app-7")?,
        wide_change_ms: change("same-namespace")?,
        resident,
    };
    println!("{}", serde_json::to_string(&turn)?);
    Ok(())
}

/// How many of the pairs from and to these workloads are open.
fn ask(matrix: &Matrix, workloads: &[usize], count: usize) -> usize {
    let open = |reach: Reach| usize::from(!black_box(reach).sure.is_none());
    let mut found = 0;
    for &one in workloads {
        for other in (0..count).filter(|other| *other != one) {
            found += open(matrix.reach(one, other));
            // All workloads are asked from both ends already.
            if workloads.len() < count {
                found += open(matrix.reach(other, one));
            }
        }
    }
    found
}

fn evaluator(text: &str) -> anyhow::Result<Evaluator> {
    let objects = manifest::parse(&"generated.yaml".into(), text)?;
    let cluster = Cluster::new(&objects, "default").map_err(|problems| anyhow!("{problems:?}"))?;
    Ok(Evaluator::new(cluster, Default::default()))
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Twenty namespaces of fifty apps. In each, everything is isolated both ways, a namespace's own pods and DNS are
/// admitted, monitoring may scrape, and twenty-one apps admit two others, on a number and on a name.
fn manifests() -> String {
    let mut text = String::new();
    let mut policy = |namespace: usize, name: &str, spec: &str| {
        let meta = format!("metadata: {{name: {name}, namespace: ns-{namespace}}}");
        let _ = writeln!(text, "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, {meta}, spec: {spec}}}");
    };
    for ns in 0..NAMESPACES {
        policy(ns, "default-deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
        policy(ns, "same-namespace", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}");
        policy(
            ns,
            "dns",
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}]}]}",
        );
        policy(
            ns,
            "scrape",
            "{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [batch]}]}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: t0}}}], ports: [{port: 9000, endPort: 9100}]}]}",
        );
        for app in 0..21 {
            let peer = |app: usize| {
                format!(
                    "{{namespaceSelector: {{matchLabels: {{team: t{}}}}}, podSelector: {{matchLabels: {{app: app-{}}}}}}}",
                    app % 5,
                    app % APPS
                )
            };
            let ports = format!("ports: [{{port: {}}}, {{port: http}}]", 8000 + app * 7);
            let rule =
                |direction: &str| format!("[{{{direction}: [{}, {}], {ports}}}]", peer(app + ns), peer(app * 3 + 1));
            let spec = format!(
                "{{podSelector: {{matchLabels: {{app: app-{app}}}}}, policyTypes: [Ingress, Egress], ingress: {}, egress: {}}}",
                rule("from"),
                rule("to")
            );
            policy(ns, &format!("app-{app}"), &spec);
        }
    }
    for ns in 0..NAMESPACES {
        let _ = writeln!(
            text,
            "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: ns-{ns}, labels: {{team: t{}}}}}}}",
            ns % 5
        );
        for app in 0..APPS {
            let tier = ["web", "data", "batch"][app % 3];
            let labels = format!("labels: {{app: app-{app}, tier: {tier}, app.kubernetes.io/name: app-{app}}}");
            let spec = format!("{{containers: [{{ports: [{{name: http, containerPort: {}}}]}}]}}", 8080 + app % 4);
            let _ = writeln!(
                text,
                "---\n{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: app-{app}, namespace: ns-{ns}}}, spec: {{template: {{metadata: {{{labels}}}, spec: {spec}}}}}}}"
            );
        }
    }
    text
}

/// How large an export of a cluster is that has the thousand workloads' pods and little else.
const EXPORT_BYTES: usize = 43_000_000;

/// What `kubectl get -A -o json pods` prints of such a cluster.
pub(crate) fn export() -> String {
    let variables: Vec<_> = (0..30)
        .map(|i| json!({"name": format!("VARIABLE_{i}"), "value": format!("some value of some length {i}")}))
        .collect();
    let mut text = "{\n\"apiVersion\": \"v1\",\n\"kind\": \"List\",\n\"items\": [\n".to_owned();
    for number in 0.. {
        let (ns, app, replica) = (number % NAMESPACES, number / NAMESPACES % APPS, number / NAMESPACES / APPS);
        let address = format!("10.{replica}.{ns}.{app}");
        let ready = ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
            .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}));
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": format!("app-{app}-7d9c5b-{number:05x}"),
                "namespace": format!("ns-{ns}"),
                "uid": format!("{number:036x}"),
                "labels": {"app": format!("app-{app}"), "tier": "web", "pod-template-hash": "7d9c5b"},
                "annotations": {"cni.projectcalico.org/podIP": format!("{address}/32")},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("app-{app}-7d9c5b"), "controller": true, "uid": "0f0e"}],
            },
            "spec": {
                "nodeName": format!("node-{}", number % 97),
                "containers": [{
                    "name": "app",
                    "image": "registry.example.com/team/app:v1.2.3",
                    "env": variables,
                    "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                    "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
                }],
            },
            "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": ready},
        });
        text += &format!("{pod:#}");
        if text.len() >= EXPORT_BYTES {
            break;
        }
        text += ",\n";
    }
    text + "\n]\n}\n"
}
