use std::{fs, path::Path};

use super::join;
use crate::{
    Cluster, Evaluator,
    destination::{Destination, Named},
    manifest::parse,
};

/// The lab's manifests, each file under its own name.
fn lab() -> Evaluator {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests");
    let folders = ["lab", "policies"].map(|folder| fs::read_dir(manifests.join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|file| file.unwrap());
    let objects = files.flat_map(|file| {
        let name = file.file_name().into_string().unwrap();
        parse(&name.into(), &fs::read_to_string(file.path()).unwrap()).unwrap()
    });
    // `kubectl apply -n stars`, as the lab does with its default-deny.
    Evaluator::new(Cluster::new(&objects.collect::<Vec<_>>(), "stars").unwrap(), Default::default())
}

fn of(manifests: &str) -> Evaluator {
    Evaluator::new(Cluster::new(&parse(&"t.yaml".into(), manifests).unwrap(), "x").unwrap(), Default::default())
}

#[track_caller]
fn reasons(evaluator: &Evaluator, source: &str, destination: &str, expected: &[&str]) {
    let from: Destination = source.parse().unwrap();
    let source = evaluator.endpoint(&from.host, "x").unwrap();
    let edge = evaluator.edge(source, &destination.parse().unwrap(), "x").unwrap();
    assert_eq!(edge.reasons, expected);
}

#[test]
fn a_closed_edge_is_told_with_its_nearest_miss() {
    reasons(
        &lab(),
        "client/client",
        "stars/backend:6379",
        &[
            "egress of client/client is open",
            "ingress of stars/backend is isolated by stars/allow-ui, stars/backend-policy and stars/default-deny; \
         no rule admits client/client on TCP 6379; \
         rule 1 of stars/backend-policy (backend-policy.yaml:11) matches TCP 6379, but its pods must carry role=frontend in namespace stars; \
         client/client carries role=client and is in namespace client",
        ],
    );
}

#[test]
fn an_open_edge_is_told_with_the_rule_that_admits_it() {
    reasons(
        &lab(),
        "client/client",
        "http://frontend.stars:80/status",
        &[
            "egress of client/client is open",
            "ingress of stars/frontend is isolated by stars/allow-ui, stars/default-deny and stars/frontend-policy; \
         rule 1 of stars/frontend-policy (frontend-policy.yaml:11) admits client/client on TCP 80",
        ],
    );
}

#[test]
fn no_sentence_says_that_a_policy_denies() {
    let evaluator = lab();
    let names: Vec<_> = evaluator.workloads().iter().map(ToString::to_string).collect();
    for (source, destination) in names.iter().flat_map(|s| names.iter().map(move |d| (s, d))) {
        let from: Destination = source.parse().unwrap();
        let source = evaluator.endpoint(&from.host, "x").unwrap();
        let edge = evaluator.edge(source, &destination.parse().unwrap(), "x").unwrap();
        let text = evaluator.explain(String::new(), &edge).to_string();
        let reasons = text.split_once('\n').unwrap().1;
        assert!(!reasons.contains("den") || reasons.replace("default-deny", "").find("den").is_none(), "{reasons}");
    }
}

const PODS: &str = "
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x, labels: {app: a}}, status: {podIP: 10.0.0.1}, spec: {}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: y, labels: {app: b}}, status: {podIP: 10.0.0.2}, spec: {containers: [{ports: [{name: web, containerPort: 80}]}]}}
";

fn miss(ingress: &str, source: &str, destination: &str) -> String {
    let policy = format!(
        "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: y}}, spec: {{podSelector: {{matchLabels: {{app: b}}}}, ingress: {ingress}}}}}\n"
    );
    let evaluator = of(&format!("{PODS}{policy}"));
    let from: Destination = source.parse().unwrap();
    let source = evaluator.endpoint(&from.host, "x").unwrap();
    let edge = evaluator.edge(source, &destination.parse().unwrap(), "x").unwrap();
    let reason = edge.reasons.last().unwrap().clone();
    reason.split_once("; rule ").map_or(reason.clone(), |(_, miss)| miss.to_owned())
}

#[test]
fn a_miss_says_what_a_peer_must_be_and_what_the_other_end_is() {
    let from = |peer: &str| miss(&format!("[{{from: [{peer}]}}]"), "x/a", "y/b:80");
    let rule = "1 of y/p (t.yaml:6) matches TCP 80, but ";
    assert_eq!(from("{podSelector: {}}"), format!("{rule}its pods must be in namespace y; x/a is in namespace x"));
    assert_eq!(
        from("{namespaceSelector: {}, podSelector: {matchLabels: {app: c}}}"),
        format!("{rule}its pods must carry app=c in any namespace; x/a carries app=a")
    );
    assert_eq!(
        from("{namespaceSelector: {matchLabels: {team: t}}}"),
        format!("{rule}its pods must be in a namespace with team=t; x/a is in namespace x, which carries no team")
    );
    assert_eq!(
        from(
            "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: y}}, podSelector: {matchExpressions: [{key: z, operator: Exists}]}}"
        ),
        format!(
            "{rule}its pods must carry z in a namespace with kubernetes.io/metadata.name=y; x/a carries no z and is in namespace x, which carries kubernetes.io/metadata.name=x"
        )
    );
    assert_eq!(
        from("{ipBlock: {cidr: 10.1.0.0/16, except: [10.1.1.0/24, 10.1.2.0/24]}}"),
        format!("{rule}its addresses must lie in 10.1.0.0/16 except 10.1.1.0/24, 10.1.2.0/24, and those of x/a do not")
    );
    assert_eq!(
        from(
            "{podSelector: {matchLabels: {app: a}}}, {namespaceSelector: {}, podSelector: {matchLabels: {app: c, z: y}}}"
        ),
        format!(
            "{rule}none of its 2 peers fits; with the nearest, its pods must carry app=a in namespace y; x/a is in namespace x"
        )
    );
}

#[test]
fn a_miss_on_the_port_names_the_rules_ports() {
    let ports = |ports: &str| miss(&format!("[{{ports: {ports}}}]"), "x/a", "y/b:8080");
    let rule = "1 of y/p (t.yaml:6) admits ";
    assert_eq!(
        ports("[{port: 443}, {protocol: UDP}, {port: 1, endPort: 9}]"),
        format!("{rule}TCP 443, every UDP port and TCP 1-9 only, not TCP 8080")
    );
    assert_eq!(ports("[{port: web}]"), format!("{rule}TCP web only, not TCP 8080"));
    let both = miss("[{from: [{podSelector: {}}], ports: [{port: 443}]}]", "x/a", "y/b:8080");
    assert_eq!(
        both,
        format!("{rule}TCP 443 only, not TCP 8080, and its pods must be in namespace y; x/a is in namespace x")
    );
    let nameless = miss("[{ports: [{port: other}]}]", "x/a", "y/b");
    assert_eq!(nameless, format!("{rule}TCP other only, a name that y/b gives no port"));
}

#[test]
fn the_nearest_miss_is_the_rule_of_which_least_is_unmet() {
    let near = miss(
        "[{from: [{podSelector: {matchLabels: {app: z, q: r}}}]}, {ports: [{port: 443}], from: [{namespaceSelector: {}}]}, {from: [{podSelector: {matchLabels: {app: a}}}], ports: [{port: 80}]}]",
        "x/a",
        "y/b:80",
    );
    assert!(near.starts_with("3 of y/p"), "{near}");
    let port = miss(
        "[{from: [{podSelector: {matchLabels: {app: z, q: r}}}]}, {ports: [{port: 443}], from: [{namespaceSelector: {}}]}]",
        "x/a",
        "y/b:80",
    );
    assert!(port.starts_with("2 of y/p"), "{port}");
}

#[test]
fn an_external_address_is_told_as_one() {
    assert_eq!(
        miss("[{from: [{podSelector: {}}]}]", "203.0.113.7", "y/b:80"),
        "1 of y/p (t.yaml:6) matches TCP 80, but it admits pods, and 203.0.113.7 is not a pod's address"
    );
    assert_eq!(
        miss("[{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]", "203.0.113.7", "y/b:80"),
        "1 of y/p (t.yaml:6) matches TCP 80, but its addresses must lie in 10.0.0.0/8"
    );
    reasons(
        &of(PODS),
        "x/a",
        "203.0.113.7:80",
        &["egress of x/a is open", "203.0.113.7 is outside, where no NetworkPolicy applies"],
    );
}

#[test]
fn what_leaves_a_verdict_undecided_is_said() {
    let block = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: y}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/32}}], ports: [{port: 80}]}]}}\n";
    reasons(
        &of(&format!("{PODS}{block}")),
        "x/a",
        "y/b:80",
        &[
            "egress of x/a is open",
            "ingress of y/b is isolated by y/p; rule 1 of y/p (t.yaml:6) may admit x/a on TCP 80: \
         networks differ in whether ipBlock 10.0.0.1/32 admits pods whose address it holds",
        ],
    );
    let foreign = "---\n{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7, namespace: y}}\n";
    reasons(
        &of(&format!("{PODS}{foreign}")),
        "x/a",
        "y/b:80",
        &[
            "egress of x/a is open",
            "ingress of y/b is open; undecided for y/b: CiliumNetworkPolicy y/l7 (t.yaml:6) may allow or deny it: policies of its kind are not evaluated here",
        ],
    );
}

#[test]
fn traffic_out_is_told_as_such() {
    let policy = "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: x}, spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: 80}]}]}}\n";
    let evaluator = of(&format!("{PODS}{policy}"));
    reasons(
        &evaluator,
        "x/a",
        "y/b:80",
        &[
            "egress of x/a is isolated by x/p; rule 1 of x/p (t.yaml:6) admits traffic to y/b on TCP 80",
            "ingress of y/b is open",
        ],
    );
    reasons(
        &evaluator,
        "x/a",
        "y/b:81",
        &[
            "egress of x/a is isolated by x/p; no rule admits traffic to y/b on TCP 81; rule 1 of x/p (t.yaml:6) admits TCP 80 only, not TCP 81",
            "ingress of y/b is open",
        ],
    );
}

#[test]
fn an_explanation_goes_through_every_policy() {
    let evaluator = lab();
    let host = Named::Workload { namespace: Some("client".into()), name: "client".into() };
    let source = evaluator.endpoint(&host, "x").unwrap();
    let edge = evaluator.edge(source, &"stars/frontend".parse().unwrap(), "x").unwrap();
    let text = evaluator.explain("client/client -> stars/frontend".into(), &edge).to_string();
    assert_eq!(text, "\
client/client -> stars/frontend: partial
  egress of client/client is open
  ingress of stars/frontend is isolated by stars/allow-ui, stars/default-deny and stars/frontend-policy; rule 1 of stars/frontend-policy (frontend-policy.yaml:11) admits client/client on TCP 80

ingress of stars/frontend, policy by policy (lets through TCP 80):
  stars/allow-ui (allow-ui.yaml:1) does not admit client/client
    rule 1 (line 9) admits every port, but its pods must be in a namespace with role=management-ui; client/client is in namespace client, which carries role=client
  stars/default-deny (default-deny.yaml:2) does not admit client/client: it has no ingress rule
  stars/frontend-policy (frontend-policy.yaml:1) admits client/client
    rule 1 (line 11) admits client/client on TCP 80
");
}

#[test]
fn items_are_joined_as_in_a_sentence() {
    assert_eq!(
        [join(&[""; 0], "or"), join(&["a"], "or"), join(&["a", "b"], "or"), join(&["a", "b", "c"], "and")],
        ["", "a", "a or b", "a, b and c"]
    );
}
