//! Each named mistake is found where it is made, and nowhere where it is not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use star_netpol::{Cluster, Evaluator, lint::findings, manifest};

const PODS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: x, labels: {team: a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: z, labels: {team: b}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: x, labels: {tier: front}}, spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{name: http, containerPort: 8080}]}]}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: x, labels: {app: db}}, spec: {containers: [{ports: [{name: sql, containerPort: 5432}]}]}, status: {podIP: 10.244.0.7}}
---
{apiVersion: v1, kind: Pod, metadata: {name: mon, namespace: z, labels: {app: mon}}, spec: {containers: [{}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: x}, spec: {clusterIP: 10.96.0.20, selector: {app: web}, ports: [{port: 80, targetPort: http}]}}
";

/// The mistakes in policies of namespace x, with the line's text that each stands at.
fn mistakes(policies: &[&str]) -> Vec<String> {
    let policies = policies.iter().enumerate().map(|(index, spec)| {
        format!("---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{index}, namespace: x}}\nspec: {spec}\n")
    });
    let text = format!("{PODS}{}", policies.collect::<String>());
    let objects = manifest::parse(&"t.yaml".into(), &text).unwrap();
    let evaluator = Evaluator::new(Cluster::new(&objects, "x").unwrap(), Default::default());
    let found = findings(&evaluator);
    for finding in &found {
        assert!(!finding.sentence.is_empty() && !finding.effects.is_empty(), "{finding:?}");
        // A cure is YAML.
        star_netpol::node::documents(&"cure.yaml".into(), &finding.cure).unwrap();
    }
    found.iter().map(|finding| finding.mistake.to_string()).collect()
}

#[track_caller]
fn found(spec: &str, mistake: &str) {
    assert_eq!(mistakes(&[spec]), [mistake], "{spec}");
}

#[track_caller]
fn right(spec: &str) {
    assert_eq!(mistakes(&[spec]), [""; 0], "{spec}");
}

const DNS: &str = "{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{port: 53, protocol: UDP}, {port: 53}]}";

fn egress(rules: &str) -> String {
    format!("{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], egress: [{rules}]}}")
}

fn from(peers: &str) -> String {
    format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{from: [{peers}]}}]}}")
}

#[test]
fn dns_is_forgotten_or_elsewhere_or_over_udp_alone() {
    let db = "{to: [{podSelector: {matchLabels: {app: db}}}]}";
    found(&egress(db), "dns-forgotten");
    right(&egress(&format!("{db}, {DNS}")));
    right(&egress("{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}"));
    right("{podSelector: {}, policyTypes: [Egress]}");
    let udp = "{to: [{namespaceSelector: {}}], ports: [{port: 53, protocol: UDP}]}";
    found(&egress(udp), "dns-udp-only");
    let elsewhere = "{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 53, protocol: UDP}, {port: 53}]}";
    found(&egress(elsewhere), "dns-elsewhere");
    assert_eq!(mistakes(&[&egress(db), &egress(DNS)]), [""; 0]);
}

#[test]
fn one_item_is_written_for_two_and_two_for_one() {
    found(
        &from("{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: db}}}"),
        "one-item-for-two",
    );
    found(
        &from("{namespaceSelector: {matchLabels: {team: b}}}, {podSelector: {matchLabels: {app: mon}}}"),
        "two-items-for-one",
    );
    right(&from("{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: mon}}}"));
    right(&from("{namespaceSelector: {matchLabels: {team: b}}}, {podSelector: {matchLabels: {app: db}}}"));
}

#[test]
fn a_selector_finds_nobody() {
    found(&from("{podSelector: {matchLabels: {app: mon}}}"), "peer-namespace");
    found(&from("{podSelector: {matchLabels: {app: nobody}}}"), "matches-nothing");
    found("{podSelector: {matchLabels: {app: wep}}}", "selects-nothing");
    found("{podSelector: {matchLabels: {tier: front}}}", "labels-not-on-template");
    found(&from("{podSelector: {matchLabels: {tier: front}}}"), "labels-not-on-template");
    found(&from("{namespaceSelector: {matchLabels: {team: c}}}"), "namespace-label");
    found(&from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: zz}}}"), "namespace-label");
    // What is not at hand may be in the cluster.
    right(&from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}"));
    right("{podSelector: {matchExpressions: [{key: pod-template-hash, operator: In, values: [a1]}]}}");
    right(&from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {}}"));
}

#[test]
fn a_port_is_the_services_or_a_name_that_no_pod_has() {
    let port = |port: &str| {
        format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{ports: [{{port: {port}}}]}}]}}")
    };
    found(&port("80"), "service-port");
    right(&port("8080"));
    right(&port("http"));
    right(&port("9090"));
    found(&port("sql"), "named-port");
    let out = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}, {port: sql}]}, DNS]}";
    assert_eq!(mistakes(&[&out.replace("DNS", DNS)]), ["service-port", "named-port"]);
}

#[test]
fn a_block_holds_a_services_address_or_pods() {
    let block = |cidr: &str| egress(&format!("{{to: [{{ipBlock: {{cidr: {cidr}}}}}]}}, {DNS}"));
    found(&block("10.96.0.0/16"), "block-of-service");
    found(&block("10.244.0.0/16"), "block-of-pods");
    right(&block("203.0.113.0/24"));
    right(&block("0.0.0.0/0"));
    right(&egress(&format!("{{to: [{{ipBlock: {{cidr: 10.96.0.0/16, except: [10.96.0.0/24]}}}}]}}, {DNS}")));
}

#[test]
fn the_far_side_does_not_admit_what_the_near_one_does() {
    let out = egress(&format!("{{to: [{{podSelector: {{matchLabels: {{app: db}}}}}}]}}, {DNS}"));
    let closed =
        "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}";
    assert_eq!(mistakes(&[&out, closed]), ["other-side"]);
    let open = "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}";
    assert_eq!(mistakes(&[&out, open]), [""; 0]);
    let nothing_out = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}";
    assert_eq!(mistakes(&[open, nothing_out]), ["other-side"]);
}

#[test]
fn a_type_isolates_by_surprise() {
    let rules = format!("egress: [{{to: [{{podSelector: {{matchLabels: {{app: db}}}}}}]}}, {DNS}]");
    found(&format!("{{podSelector: {{matchLabels: {{app: web}}}}, {rules}}}"), "surprising-type");
    right(&format!("{{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Egress], {rules}}}"));
    right(&format!("{{podSelector: {{matchLabels: {{app: web}}}}, ingress: [], {rules}}}"));
    let both = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], ingress: [{}]";
    found(&format!("{both}}}"), "surprising-type");
    right(&format!("{both}, egress: []}}"));
    right("{podSelector: {}, policyTypes: [Ingress, Egress]}");
}

#[test]
fn manifests_that_are_right_raise_no_alarm() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in [
        "manifests",
        "docs/examples/with-backend-policy",
        "docs/examples/without-backend-policy",
        "crates/netpol/tests/stars",
    ] {
        let objects = manifest::read(&root.join(folder)).unwrap();
        let evaluator = Evaluator::new(Cluster::new(&objects, "stars").unwrap(), Default::default());
        assert!(evaluator.policies().count() > 0, "{folder}");
        let found = findings(&evaluator);
        assert!(found.is_empty(), "{folder}: {found:?}");
    }
}
