//! What controllers add to their pods, and what becomes of pods that are not alike.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use star_netpol::{Cluster, Evaluator, destination::Destination, manifest::parse};

fn of(documents: &[&str]) -> Evaluator {
    let objects = parse(&"t.yaml".into(), &documents.join("\n---\n")).unwrap();
    Evaluator::new(Cluster::new(&objects, "x").unwrap(), Default::default())
}

#[track_caller]
fn expect(evaluator: &Evaluator, pairs: &[(&str, &str, &str)]) {
    for (source, destination, verdict) in pairs {
        let [from, to]: [Destination; 2] = [source, destination].map(|end| end.parse().unwrap());
        let edge = evaluator.edge(evaluator.endpoint(&from.host, "x").unwrap(), &to, "x").unwrap();
        assert_eq!(edge.verdict.to_string(), *verdict, "{source} -> {destination}: {:?}", edge.reasons);
    }
}

fn names(evaluator: &Evaluator) -> Vec<String> {
    evaluator.workloads().iter().map(|workload| format!("{} {workload}", workload.kind)).collect()
}

fn policy(selector: &str, rest: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p}}, spec: {{podSelector: {selector}{rest}}}}}"
    )
}

fn controller(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: {name}}}, spec: {{{spec}template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{}}]}}}}}}}}"
    )
}

fn pod(name: &str, owner: &str, labels: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{{labels}}}, ownerReferences: [{{{owner}, controller: true}}]}}, spec: {{containers: [{{}}]}}}}"
    )
}

const CLIENT: &str = "{apiVersion: v1, kind: Pod, metadata: {name: client}, spec: {}}";

/// Every order of three documents.
fn orders(documents: [&str; 3]) -> Vec<[&str; 3]> {
    let [a, b, c] = documents;
    vec![[a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]]
}

#[test]
fn a_policy_on_one_pod_of_a_stateful_set_isolates_that_one_whatever_the_order() {
    let set = controller("StatefulSet", "db", "replicas: 2, ");
    let policy = policy("{matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}", "");
    let pods = [0, 1].map(|index| {
        pod(
            &format!("db-{index}"),
            "kind: StatefulSet, name: db",
            &format!(
                "app: db, statefulset.kubernetes.io/pod-name: db-{index}, apps.kubernetes.io/pod-index: '{index}', controller-revision-hash: a1"
            ),
        )
    });
    let verdicts = [("client", "db-0", "denied"), ("client", "db-1", "allowed")];
    let both = format!("{}\n---\n{}", pods[0], pods[1]);
    let reversed = format!("{}\n---\n{}", pods[1], pods[0]);
    for given in [String::new(), both.clone(), reversed.clone(), pods[1].clone()] {
        for order in orders([&set, &policy, &given]) {
            let evaluator = of(&[order[0], order[1], order[2], CLIENT]);
            expect(&evaluator, &verdicts);
            assert_eq!(names(&evaluator), ["Pod x/client", "Pod x/db-0", "Pod x/db-1"]);
        }
    }
    for given in [both, reversed] {
        expect(&of(&[&given, &policy, CLIENT]), &verdicts);
    }
    let unknown = of(&[&set, &policy, CLIENT]).endpoint(&"db".parse::<Destination>().unwrap().host, "x").unwrap_err();
    assert_eq!(unknown.to_string(), "the manifests have no workload x/db: did you mean x/db-0 or x/db-1?");
    let later = controller("StatefulSet", "db", "replicas: 1, ordinals: {start: 3}, ");
    assert_eq!(names(&of(&[&later, &policy])), ["Pod x/db-3"]);
}

#[test]
fn peers_by_the_index_of_a_pod_are_found() {
    let set = controller("StatefulSet", "db", "replicas: 3, ");
    let rule = "[{from: [{podSelector: {matchExpressions: [{key: apps.kubernetes.io/pod-index, operator: In, values: ['0', '1']}]}}]}]";
    let policy = policy("{matchExpressions: [{key: app, operator: DoesNotExist}]}", &format!(", ingress: {rule}"));
    let evaluator = of(&[&set, &policy, CLIENT]);
    expect(&evaluator, &[("db-0", "client", "allowed"), ("db-1", "client", "allowed"), ("db-2", "client", "denied")]);
}

#[test]
fn pods_that_nobody_tells_apart_stay_one_workload() {
    let set = controller("StatefulSet", "db", "replicas: 2, ");
    assert_eq!(names(&of(&[&set, &policy("{matchLabels: {app: db}}", "")])), ["StatefulSet x/db"]);
    let service = "{apiVersion: v1, kind: Service, metadata: {name: first}, spec: {selector: {apps.kubernetes.io/pod-index: '0'}, ports: [{port: 80}]}}";
    let evaluator = of(&[&set, service, CLIENT, &policy("{matchLabels: {app: db}}", "")]);
    expect(&evaluator, &[("client", "first.x:80", "denied")]);
    assert_eq!(names(&evaluator).len(), 3);
}

#[test]
fn a_policy_that_comes_later_and_tells_merged_pods_apart_leaves_them_undecided_by_name() {
    let set = controller("StatefulSet", "db", "replicas: 2, ");
    let mut evaluator = of(&[&set, CLIENT]);
    let text = policy("{matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}", "");
    let read = Cluster::new(&parse(&"p.yaml".into(), &text).unwrap(), "x").unwrap().policies.remove(0);
    assert_eq!(evaluator.apply(read), [1]);
    expect(&evaluator, &[("client", "db", "undecided")]);
    let from: Destination = "client".parse().unwrap();
    let edge = evaluator.edge(evaluator.endpoint(&from.host, "x").unwrap(), &"db".parse().unwrap(), "x").unwrap();
    assert!(
        edge.reasons[1]
            .contains("whether x/p (p.yaml:1) isolates it hangs on the label statefulset.kubernetes.io/pod-name"),
        "{:?}",
        edge.reasons
    );
    assert_eq!(evaluator.delete("x", "p"), [1]);
    expect(&evaluator, &[("client", "db", "allowed")]);
}

#[test]
fn a_jobs_pods_carry_its_name_and_a_deployments_a_hash() {
    let job = controller("Job", "once", "");
    for key in ["job-name", "batch.kubernetes.io/job-name"] {
        let policy = policy(&format!("{{matchLabels: {{{key}: once}}}}"), "");
        expect(&of(&[&job, &policy, CLIENT]), &[("client", "once", "denied"), ("once", "client", "allowed")]);
        let other = policy.replace("once}", "twice}");
        expect(&of(&[&job, &other, CLIENT]), &[("client", "once", "allowed")]);
    }
    let key = |operator: &str| policy(&format!("{{matchExpressions: [{{key: pod-template-hash, {operator}}}]}}"), "");
    let deployment = controller("Deployment", "web", "");
    let set = controller("StatefulSet", "db", "");
    let hangs = |operator: &str| of(&[&deployment, &set, &key(operator), CLIENT]);
    expect(&hangs("operator: Exists"), &[("client", "web", "denied"), ("client", "db", "allowed")]);
    expect(&hangs("operator: DoesNotExist"), &[("client", "web", "allowed"), ("client", "db", "denied")]);
    expect(&hangs("operator: In, values: [a1]"), &[("client", "web", "undecided"), ("client", "db", "allowed")]);
    let peer = policy(
        "{matchExpressions: [{key: app, operator: DoesNotExist}]}",
        ", ingress: [{from: [{podSelector: {matchLabels: {pod-template-hash: a1}}}], ports: [{port: 80}]}]",
    );
    expect(&of(&[&deployment, &peer, CLIENT]), &[("web", "client:80", "undecided"), ("web", "client:81", "denied")]);
}

#[test]
fn an_indexed_jobs_pods_stand_apart_by_their_index() {
    let job = controller("Job", "map", "completionMode: Indexed, completions: 2, parallelism: 1, ");
    let policy = policy("{matchLabels: {batch.kubernetes.io/job-completion-index: '1'}}", "");
    expect(&of(&[&job, &policy, CLIENT]), &[("client", "map-0", "allowed"), ("client", "map-1", "denied")]);
}

#[test]
fn of_pods_that_differ_none_speaks_for_its_controller_unless_most_are_alike() {
    let pods = |labels: [&str; 3]| {
        let mut number = 0;
        labels.map(|labels| {
            number += 1;
            pod(&format!("p{number}"), "kind: StatefulSet, name: db", labels)
        })
    };
    let [a, b, c] = pods(["app: db, role: primary", "app: db, role: replica", "app: db, role: replica"]);
    for order in orders([&a, &b, &c]) {
        assert_eq!(names(&of(&order)), ["StatefulSet x/db", "Pod x/p1"]);
        assert_eq!(of(&order).workloads()[0].labels["role"], "replica");
    }
    for order in [[a.as_str(), b.as_str()], [b.as_str(), a.as_str()]] {
        assert_eq!(names(&of(&order)), ["Pod x/p1", "Pod x/p2"]);
        let set = controller("StatefulSet", "db", "replicas: 2, ");
        assert_eq!(names(&of(&[order[0], &set, order[1]])), ["Pod x/p1", "Pod x/p2"]);
    }
}

#[test]
fn static_pods_of_one_node_are_each_their_own() {
    let of_node = |name: &str| pod(name, "kind: Node, name: n1", &format!("component: {name}"));
    let evaluator = of(&[&of_node("etcd-n1"), &of_node("kube-apiserver-n1"), &of_node("kube-scheduler-n1")]);
    assert_eq!(names(&evaluator), ["Pod x/etcd-n1", "Pod x/kube-apiserver-n1", "Pod x/kube-scheduler-n1"]);
    let alike = |name: &str| pod(name, "kind: Node, name: n1", "app: a");
    assert_eq!(names(&of(&[&alike("a-n1"), &alike("b-n1")])).len(), 2);
}

#[test]
fn what_hangs_on_a_label_is_told_in_the_order_of_policies_whatever_the_order_they_come_in() {
    let named = |name: &str| {
        policy("{matchLabels: {pod-template-hash: a1}}", "").replace("name: p}", &format!("name: {name}}}"))
    };
    let deployment = controller("Deployment", "web", "");
    let told = |order: [&str; 3]| {
        let mut evaluator = of(&[&deployment, CLIENT]);
        for name in order {
            let read = Cluster::new(&parse(&"p.yaml".into(), &named(name)).unwrap(), "x").unwrap().policies.remove(0);
            assert_eq!(evaluator.apply(read), [1]);
        }
        let from: Destination = "client".parse().unwrap();
        let source = evaluator.endpoint(&from.host, "x").unwrap();
        let edge = evaluator.edge(source, &"web".parse().unwrap(), "x").unwrap();
        let places: Vec<_> = ["x/a ", "x/b ", "x/c "].iter().map(|name| edge.reasons[1].find(name).unwrap()).collect();
        assert!(places.is_sorted(), "{order:?}: {}", edge.reasons[1]);
    };
    told(["a", "b", "c"]);
    told(["c", "b", "a"]);
    told(["b", "c", "a"]);
}
