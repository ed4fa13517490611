use crate::{
    Cluster, Evaluator, Protocol,
    destination::{Destination, Named},
    manifest::parse,
    reach::Verdict,
};

fn evaluator(manifests: &str) -> Evaluator {
    Evaluator::new(Cluster::new(&parse(&"t.yaml".into(), manifests).unwrap(), "default").unwrap(), Default::default())
}

#[test]
fn an_unknown_workload_is_told_with_the_nearest() {
    let pod =
        |name: &str| format!("---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: stars}}}}\n");
    let evaluator = evaluator(&format!("{}{}{}", pod("backend"), pod("frontend"), pod("z")));
    let unknown =
        |name: &str| evaluator.endpoint(&name.parse::<Destination>().unwrap().host, "stars").unwrap_err().to_string();
    assert_eq!(unknown("stars/backen"), "the manifests have no workload stars/backen: did you mean stars/backend?");
    assert_eq!(unknown("frontent"), "the manifests have no workload stars/frontent: did you mean stars/frontend?");
    assert_eq!(
        unknown("other/thing"),
        "the manifests have no workload other/thing: star-policy eval lists the 3 that there are"
    );
}

#[test]
fn a_service_of_several_ports_wants_one_named() {
    let evaluator = evaluator(
        "
{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {a: b}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b}}
---
{apiVersion: v1, kind: Service, metadata: {name: two}, spec: {selector: {a: b}, ports: [{port: 80}, {port: 81}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: hand}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: alias}, spec: {type: ExternalName, externalName: example.org}}
",
    );
    let source = evaluator.endpoint(&Named::Workload { namespace: None, name: "b".into() }, "default").unwrap();
    let edge = |to: &str| evaluator.edge(source, &to.parse().unwrap(), "default");
    let error = edge("two.default").unwrap_err().to_string();
    assert_eq!(error, "Service two.default has ports 80 and 81: say which, as in two.default:80");
    let reason = |to: &str| edge(to).unwrap().reasons.join("; ");
    assert_eq!(reason("two.default:80/UDP"), "Service default/two has no UDP port 80");
    assert_eq!(reason("hand.default:80"), "Service default/hand has no selector: its endpoints are given by hand");
    assert_eq!(reason("alias.default:80"), "Service default/alias is another name for a host outside of the manifests");
    assert_eq!(
        reason("example.org:80"),
        "the manifests have no Service that the name example.org means: its address is not known"
    );
}

/// `a` in namespace `x`, `web` in `y` behind Service `web`, and policies.
fn named(policies: &str) -> Evaluator {
    evaluator(&format!("
{{apiVersion: v1, kind: Pod, metadata: {{name: a, namespace: x}}}}
---
{{apiVersion: v1, kind: Pod, metadata: {{name: web, namespace: y, labels: {{app: web}}}}}}
---
{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: y}}, spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}}}
---
{policies}"))
}

fn policy(namespace: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: {namespace}}}, spec: {spec}}}\n"
    )
}

#[test]
fn a_look_up_that_is_undecided_leaves_open_only_what_the_edge_does_not_close() {
    let perhaps_dns = policy(
        "x",
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.10/32}}]}, {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: y}}}]}]}",
    );
    let verdict = |policies: &str| {
        let evaluator = named(policies);
        let source =
            evaluator.endpoint(&Named::Workload { namespace: Some("x".into()), name: "a".into() }, "x").unwrap();
        let edge = evaluator.edge(source, &"http://web.y/".parse().unwrap(), "x").unwrap();
        (edge.verdict, edge.reasons[0].clone())
    };
    let (open, reason) = verdict(&perhaps_dns);
    assert_eq!(open, Verdict::Undecided);
    assert_eq!(
        reason,
        "whether x/a resolves any name hangs on whether it may ask the cluster's DNS (kube-system/kube-dns on UDP 53)"
    );
    let closed = policy("y", "{podSelector: {}}");
    assert_eq!(verdict(&format!("{perhaps_dns}{closed}")).0, Verdict::Denied);
}

#[test]
fn an_open_way_to_dns_is_told_without_a_warning() {
    let evaluator = named("");
    let source = evaluator.endpoint(&Named::Workload { namespace: Some("x".into()), name: "a".into() }, "x").unwrap();
    let dns = evaluator.dns_edge(source);
    assert_eq!(
        (dns.verdict, dns.reasons),
        (Verdict::Allowed, vec!["egress of x/a is open".into(), "ingress of kube-system/kube-dns is open".into()])
    );
}

#[test]
fn the_port_of_dns_is_where_its_service_leads_udp_53() {
    let dns = "
{apiVersion: v1, kind: Pod, metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}}
---
{apiVersion: v1, kind: Service, metadata: {name: kube-dns, namespace: kube-system}, spec: {selector: {k8s-app: kube-dns}, ports: [{port: 53, targetPort: 1}, {port: 54, protocol: UDP, targetPort: 2}, {port: 53, protocol: UDP, targetPort: 5353}]}}
";
    let evaluator = named(dns);
    let source = evaluator.endpoint(&Named::Workload { namespace: Some("x".into()), name: "a".into() }, "x").unwrap();
    assert_eq!(evaluator.dns_edge(source).pairs[0].1, Some((Protocol::Udp, 5353)));
}

#[test]
fn a_pod_and_itself_is_told_as_such() {
    let evaluator = named(&policy("x", "{podSelector: {}, policyTypes: [Ingress, Egress]}"));
    let source = evaluator.endpoint(&Named::Workload { namespace: Some("x".into()), name: "a".into() }, "x").unwrap();
    let reasons = |to: &str| evaluator.edge(source, &to.parse().unwrap(), "x").unwrap().reasons;
    assert_eq!(reasons("x/a:80"), ["x/a always reaches itself"]);
    assert_eq!(reasons("y/web:80").len(), 2);
}

#[test]
fn one_replica_and_another_are_two_pods() {
    let text = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: w, namespace: x}, spec: {replicas: 3, template: {spec: {containers: [{}]}}}}\n";
    let name = Named::Workload { namespace: Some("x".into()), name: "w".into() };
    let reasons = |policies: &str| {
        let evaluator = evaluator(&format!("{text}{policies}"));
        let source = evaluator.endpoint(&name, "x").unwrap();
        let edge = evaluator.edge(source, &"x/w:80".parse().unwrap(), "x").unwrap();
        (edge.verdict, edge.reasons)
    };
    let open = vec!["egress of x/w is open".to_owned(), "ingress of x/w is open".to_owned()];
    assert_eq!(reasons(""), (Verdict::Allowed, open));
    assert_eq!(reasons(&policy("x", "{podSelector: {}}")).0, Verdict::Denied);
}
