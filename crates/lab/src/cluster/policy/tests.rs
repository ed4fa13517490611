use crate::cluster::Outcome;
use crate::cluster::tests::{apply, cluster, refused, second};
use crate::family::Family;

const POLICY: &str = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {matchLabels: {a: b}}}}";

#[test]
fn a_policy_is_the_same_as_long_as_it_says_the_same() {
    let mut cluster = cluster();
    assert_eq!(apply(&mut cluster, POLICY, 5), [Outcome::Created]);
    let elsewhere = format!("# Another line.\n\n{POLICY}");
    assert_eq!(apply(&mut cluster, &elsewhere, 6), [Outcome::Unchanged]);
    let labelled = POLICY.replace("name: a}", "name: a, labels: {c: d}}");
    assert_eq!(apply(&mut cluster, &labelled, 7), [Outcome::Configured]);
    assert_eq!(apply(&mut cluster, &labelled.replace("a: b", "a: c"), 8), [Outcome::Configured]);
    let [policy] = &*cluster.policies.values().collect::<Vec<_>>() else { panic!("one policy") };
    assert_eq!((policy.policy.pod_selector.to_string(), policy.created), ("a=c".to_owned(), second(5)));
    assert_eq!(cluster.world(Family::V4).policies.len(), 1);
}

#[test]
fn a_policy_that_is_refused_leaves_the_one_of_before() {
    let mut cluster = cluster();
    apply(&mut cluster, POLICY, 1);
    let told = refused(&mut cluster, &POLICY.replace("spec: {", "spec: {ingress: [{from: [{}]}], "));
    assert!(told.starts_with("error: a.yaml:1:") && told.contains("spec.ingress[0].from[0]"), "{told}");
    assert_eq!(cluster.policies.len(), 1);
}
