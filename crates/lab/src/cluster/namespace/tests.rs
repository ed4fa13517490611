use crate::cluster::Outcome;
use crate::cluster::tests::{apply, cluster, second};

const STARS: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: stars, labels: {role: a}}}";

#[test]
fn a_namespace_carries_its_name_beside_its_labels_and_keeps_its_age() {
    let mut cluster = cluster();
    assert_eq!(apply(&mut cluster, STARS, 5), [Outcome::Created]);
    assert_eq!(apply(&mut cluster, STARS, 6), [Outcome::Unchanged]);
    assert_eq!(apply(&mut cluster, &STARS.replace("role: a", "role: b"), 7), [Outcome::Configured]);
    let stars = &cluster.namespaces["stars"];
    let labels = [("kubernetes.io/metadata.name", "stars"), ("role", "b")];
    assert_eq!(stars.labels, labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    assert_eq!(stars.created, second(5));
}

#[test]
fn what_is_in_a_namespace_goes_with_it() {
    let mut cluster = cluster();
    apply(&mut cluster, STARS, 1);
    for object in [
        "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: stars}, spec: {ports: [{port: 80}]}}",
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: stars}, spec: {containers: [{name: c, image: star-probe}]}}",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: stars}, spec: {}}",
    ] {
        apply(&mut cluster, object, 1);
        apply(&mut cluster, &object.replace(", namespace: stars", ""), 1);
    }
    assert_eq!(cluster.delete("Namespace", "", "stars", second(2)), Ok(Outcome::Deleted));
    let left = (cluster.services.len(), cluster.workloads.len(), cluster.policies.len());
    assert_eq!(left, (1, 1, 1), "those of other namespaces stay");
    assert!(!cluster.namespaces.contains_key("stars"));
}

#[test]
fn the_clusters_own_namespaces_stay() {
    let refused = cluster().delete("Namespace", "", "kube-system", second(1)).unwrap_err();
    assert_eq!(
        refused,
        "Error from server (Forbidden): namespaces \"kube-system\" is forbidden: this namespace may not be deleted"
    );
}
