use super::Cluster;
use crate::manifest::parse;

fn cluster(text: &str) -> Cluster {
    Cluster::new(&parse(&"t.yaml".into(), text).unwrap(), "default").unwrap()
}

/// Kind, name, addresses and replicas of each workload.
fn workloads(cluster: &Cluster) -> Vec<String> {
    let described = cluster.workloads.iter().map(|workload| {
        let addresses: Vec<_> = workload.addresses.iter().map(ToString::to_string).collect();
        let replicas = workload.replicas.map_or("-".into(), |count| count.to_string());
        format!("{} {workload} x{replicas} [{}]", workload.kind, addresses.join(" "))
    });
    described.collect()
}

const DEPLOYMENT: &str = "
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: [{}]}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1f, ownerReferences: [{kind: Deployment, name: web, controller: true}]}, spec: {replicas: 2, template: {metadata: {labels: {app: web, pod-template-hash: 1f}}, spec: {containers: [{}]}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-0e, ownerReferences: [{kind: Deployment, name: web, controller: true}]}, spec: {replicas: 0, template: {metadata: {labels: {app: old}}, spec: {containers: [{}]}}}}
";

fn pod(name: &str, address: &str, labels: &str, rest: &str) -> String {
    format!(
        "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{{labels}}}, ownerReferences: [{{kind: ReplicaSet, name: web-1f, controller: true}}]}}, spec: {{nodeName: n1}}, status: {{podIP: {address}{rest}}}}}\n"
    )
}

#[test]
fn pods_merge_into_the_workload_that_controls_them() {
    let (a, b) = (
        pod("web-1f-a", "10.0.0.1", "app: web, pod-template-hash: 1f", ""),
        pod("web-1f-b", "10.0.0.2", "app: web, pod-template-hash: 1f", ""),
    );
    let text = format!("{DEPLOYMENT}{a}{b}");
    let whole = cluster(&text);
    assert_eq!(workloads(&whole), ["Deployment default/web x2 [10.0.0.1 10.0.0.2]"]);
    assert_eq!(whole.workloads[0].node.as_deref(), Some("n1"));
    assert_eq!(whole.warnings, [""; 0]);
    let elsewhere = b.replace("n1", "n2");
    assert_eq!(cluster(&format!("{DEPLOYMENT}{a}{elsewhere}")).workloads[0].node, None);
}

#[test]
fn pods_without_their_owner_still_merge_under_its_name() {
    let labels = "app: web, pod-template-hash: 1f";
    let text = format!("{}{}", pod("web-1f-a", "10.0.0.1", labels, ""), pod("web-1f-b", "10.0.0.2", labels, ""));
    assert_eq!(workloads(&cluster(&text)), ["Deployment default/web x2 [10.0.0.1 10.0.0.2]"]);
    let other = text.replace("pod-template-hash: 1f", "x: y");
    assert_eq!(workloads(&cluster(&other)), ["ReplicaSet default/web-1f x2 [10.0.0.1 10.0.0.2]"]);
}

#[test]
fn a_pod_that_a_policy_could_tell_apart_stands_for_itself() {
    let labelled = pod("web-1f-a", "10.0.0.1", "app: web, quarantine: x", "");
    let usual = pod("web-1f-b", "10.0.0.2", "app: web", "");
    let cluster = cluster(&format!("{DEPLOYMENT}{labelled}{usual}"));
    assert_eq!(workloads(&cluster), ["Deployment default/web x2 [10.0.0.2]", "Pod default/web-1f-a x1 [10.0.0.1]"]);
    assert!(
        cluster.warnings[0]
            .contains("Pod default/web-1f-a has other labels, ports or network than the rest of its workload"),
        "{:?}",
        cluster.warnings
    );
}

#[test]
fn pods_that_are_done_have_no_network() {
    let done = |phase: &str| workloads(&cluster(&pod("a", "10.0.0.1", "", &format!(", phase: {phase}")))).len();
    assert_eq!(["Succeeded", "Failed", "Running", "Pending"].map(done), [0, 0, 1, 1]);
    let both = pod("a", "10.0.0.1", "", ", phase: Succeeded") + &pod("b", "10.0.0.2", "", ", phase: Failed");
    assert_eq!(cluster(&both).warnings, ["left out, since finished: Pod default/a, Pod default/b"]);
}

#[test]
fn owners_that_own_each_other_lead_in_no_circle() {
    let owned = |name: &str, owner: &str| {
        format!(
            "---\n{{apiVersion: apps/v1, kind: ReplicaSet, metadata: {{name: {name}, ownerReferences: [{{kind: ReplicaSet, name: {owner}, controller: true}}]}}, spec: {{template: {{spec: {{containers: [{{}}]}}}}}}}}\n"
        )
    };
    assert_eq!(workloads(&cluster(&format!("{}{}", owned("a", "b"), owned("b", "a")))).len(), 2);
}

#[test]
fn workloads_of_one_name_are_told_apart_by_kind() {
    let text = DEPLOYMENT.replacen("kind: Deployment", "kind: StatefulSet", 1) + "---" + DEPLOYMENT;
    assert_eq!(
        workloads(&cluster(&text)),
        ["Deployment default/deployment/web x2 []", "StatefulSet default/statefulset/web x2 []"]
    );
}

#[test]
fn replicas_are_one_unless_given_and_a_daemon_sets_are_not_known() {
    let replicas = |kind: &str, spec: &str| {
        cluster(&format!("{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: a}}, spec: {{{spec}template: {{spec: {{containers: [{{}}]}}}}}}}}")).workloads[0].replicas
    };
    assert_eq!(replicas("Deployment", ""), Some(1));
    assert_eq!(replicas("Deployment", "replicas: 0, "), Some(0));
    assert_eq!(replicas("StatefulSet", "replicas: 3, "), Some(3));
    assert_eq!(replicas("DaemonSet", ""), None);
}

#[test]
fn sidecars_ports_count_and_those_of_other_initial_containers_do_not() {
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{ports: [{name: web, containerPort: 80}, {containerPort: 81}]}], initContainers: [{ports: [{name: setup, containerPort: 82}]}, {restartPolicy: Always, ports: [{name: proxy, containerPort: 83, protocol: UDP}]}]}}";
    let ports = cluster(text).workloads[0]
        .ports
        .iter()
        .map(|port| format!("{} {} {}", port.name, port.protocol, port.port))
        .collect::<Vec<_>>();
    assert_eq!(ports, ["web TCP 80", "proxy UDP 83"]);
}

#[test]
fn what_no_policy_concerns_is_counted() {
    let text = "{apiVersion: v1, kind: Secret, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Secret, metadata: {name: b}}\n---\n{apiVersion: example.org/v1, kind: Widget, metadata: {name: c}, spec: {template: {}}}\n";
    assert_eq!(
        cluster(text).warnings,
        ["passed over 3 objects of kinds that are not read here: Secret (2), Widget (1)"]
    );
    let one = "{apiVersion: v1, kind: Secret, metadata: {name: a}}";
    assert_eq!(cluster(one).warnings, ["passed over 1 object of kinds that are not read here: Secret (1)"]);
}

#[test]
fn objects_are_the_same_only_with_kind_group_namespace_and_name() {
    let policy = |version: &str, namespace: &str| {
        format!(
            "---\n{{apiVersion: {version}, kind: NetworkPolicy, metadata: {{name: a, namespace: {namespace}}}, spec: {{}}}}\n"
        )
    };
    let own = "networking.k8s.io/v1";
    let different = format!("{}{}{}", policy(own, "x"), policy(own, "y"), policy("projectcalico.org/v3", "x"));
    let cluster = cluster(&different);
    assert_eq!((cluster.policies.len(), cluster.foreign.len(), cluster.warnings.len()), (2, 1, 1));
    assert_eq!(cluster.foreign[0].name, "NetworkPolicy x/a");
    assert!(cluster.warnings[0].ends_with("NetworkPolicy x/a is not evaluated: what it could change is undecided"));
    let namespaces: Vec<_> = cluster.namespaces.keys().collect();
    assert_eq!(namespaces, ["x", "y"]);
}

#[test]
fn a_mesh_wide_authorization_policy_concerns_every_namespace() {
    let policy = |namespace: &str| {
        cluster(&format!(
            "{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: a, namespace: {namespace}}}}}"
        ))
    };
    assert!(policy("istio-system").foreign[0].concerns("x"));
    assert!(policy("x").foreign[0].concerns("x"));
    assert!(!policy("x").foreign[0].concerns("y"));
}

#[test]
fn policies_that_are_not_kubernetes_own_are_known_by_kind_and_group() {
    let foreign = |version: &str, kind: &str| {
        cluster(&format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}}}")).foreign.len()
    };
    assert_eq!(foreign("k8s.ovn.org/v1", "EgressFirewall"), 1);
    assert_eq!(foreign("crd.antrea.io/v1beta1", "NetworkPolicy"), 1);
    assert_eq!(foreign("projectcalico.org/v3", "StagedNetworkPolicy"), 0);
    assert_eq!(foreign("cilium.io/v2", "CiliumEndpoint"), 0);
    assert_eq!(foreign("networking.k8s.io/v1", "Ingress"), 0);
    assert_eq!(foreign("policy.linkerd.io/v1beta1", "ServerAuthorization"), 1);
    assert_eq!(foreign("kuma.io/v1alpha1", "MeshTrafficPermission"), 1);
    assert_eq!(foreign("kyverno.io/v1", "ClusterPolicy"), 0);
    assert_eq!(foreign("networking.k8s.aws/v1alpha1", "ClusterNetworkPolicy"), 1);
    assert_eq!(foreign("networking.k8s.aws/v1alpha1", "ApplicationNetworkPolicy"), 1);
    assert_eq!(foreign("networking.k8s.aws/v1alpha1", "NetworkPolicy"), 1);
    assert_eq!(foreign("networking.gke.io/v1alpha1", "FQDNNetworkPolicy"), 1);
    assert_eq!(foreign("networking.gke.io/v1", "ManagedCertificate"), 0);
    assert_eq!(foreign("policy.linkerd.io/v1beta3", "Server"), 1);
    assert_eq!(foreign("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy"), 0);
}

#[test]
fn a_policy_that_enforces_nothing_changes_nothing() {
    let foreign = |text: &str| cluster(text).foreign.len();
    let istio = |rest: &str| {
        foreign(&format!("{{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: a{rest}}}"))
    };
    assert_eq!(istio("}, spec: {action: AUDIT}"), 0);
    assert_eq!(istio("}, spec: {action: DENY}"), 1);
    assert_eq!(istio(", annotations: {istio.io/dry-run: 'true'}}"), 0);
    assert_eq!(istio(", annotations: {istio.io/dry-run: 'false'}}"), 1);
    let server = |access: &str| {
        foreign(&format!(
            "{{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {{name: a}}, spec: {{accessPolicy: {access}}}}}"
        ))
    };
    assert_eq!((server("audit"), server("deny")), (0, 1));
    for kind in ["StagedNetworkPolicy", "StagedGlobalNetworkPolicy", "StagedKubernetesNetworkPolicy"] {
        let text = format!("{{apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{name: a}}}}");
        assert_eq!(foreign(&text), 0, "{kind}");
    }
}

#[test]
fn only_a_replica_set_is_taken_for_a_deployments() {
    let job = pod("a-1f-x", "10.0.0.1", "pod-template-hash: 1f", "")
        .replace("kind: ReplicaSet, name: web-1f", "kind: Job, name: web-1f");
    assert_eq!(workloads(&cluster(&job)), ["Job default/web-1f x1 [10.0.0.1]"]);
}

#[test]
fn pods_that_all_differ_from_their_template_count_instead_of_it() {
    let injected = |name: &str, address: &str| pod(name, address, "app: web, mesh: on", "");
    let odd = pod("web-1f-c", "10.0.0.3", "app: web, quarantine: x", "");
    let text = format!("{DEPLOYMENT}{odd}{}{}", injected("web-1f-a", "10.0.0.1"), injected("web-1f-b", "10.0.0.2"));
    let cluster = cluster(&text);
    assert_eq!(
        workloads(&cluster),
        ["Deployment default/web x2 [10.0.0.1 10.0.0.2]", "Pod default/web-1f-c x1 [10.0.0.3]"]
    );
    assert_eq!(cluster.workloads[0].labels["mesh"], "on");
}

#[test]
fn a_cron_jobs_jobs_are_its_pods_until_they_are_done() {
    let cron = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: cj}, spec: {jobTemplate: {spec: {parallelism: 3, template: {metadata: {labels: {app: cj}}, spec: {containers: [{}]}}}}}}\n";
    let job = |name: &str, status: &str| {
        format!(
            "---\n{{apiVersion: batch/v1, kind: Job, metadata: {{name: {name}, ownerReferences: [{{kind: CronJob, name: cj, controller: true}}]}}, spec: {{template: {{metadata: {{labels: {{app: cj, job-name: {name}, batch.kubernetes.io/job-name: {name}}}}}, spec: {{containers: [{{}}]}}}}}}{status}}}\n"
        )
    };
    let text = format!(
        "{cron}{}{}",
        job("cj-1", ""),
        job("cj-2", ", status: {conditions: [{type: Complete, status: 'True'}]}")
    );
    assert_eq!(workloads(&cluster(&text)), ["CronJob default/cj x3 []"]);
    let alone = job("cj-2", ", status: {conditions: [{type: Complete, status: 'True'}]}");
    assert_eq!(workloads(&cluster(&alone)), [""; 0]);
}

#[test]
fn objects_that_leave_their_name_to_the_server_stay_apart() {
    let policy = |port: u16| {
        format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{generateName: p-}}, spec: {{ingress: [{{ports: [{{port: {port}}}]}}]}}}}\n"
        )
    };
    let cluster = cluster(&format!("{}{}", policy(80), policy(81)));
    let names: Vec<_> = cluster.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert!(names.len() == 2 && names[0] != names[1] && names.iter().all(|name| name.starts_with("p-")), "{names:?}");
}
