use jiff::SignedDuration;
use star_netpol::manifest;

use super::*;

/// A moment, in seconds since the first one.
pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// A cluster with nothing in it, made in the first second.
pub(crate) fn cluster() -> Cluster {
    Cluster::new(Families::Ipv4, second(0))
}

pub(crate) fn objects(text: &str) -> Vec<Object> {
    manifest::parse(&"a.yaml".into(), text).unwrap()
}

/// Applies a manifest at a second, in the namespace `default`, and says what became of each object.
pub(crate) fn apply(cluster: &mut Cluster, text: &str, at: i64) -> Vec<Outcome> {
    let objects = objects(text);
    objects.iter().map(|object| cluster.apply(object, "default", second(at)).unwrap().outcome).collect()
}

/// What an object is refused with.
pub(crate) fn refused(cluster: &mut Cluster, text: &str) -> String {
    cluster.apply(&objects(text)[0], "default", second(9)).unwrap_err().join("\n")
}

/// The names of all pods, in their order.
pub(crate) fn pods(cluster: &Cluster) -> Vec<String> {
    cluster.pods().map(|(_, pod)| pod.spec.name.clone()).collect()
}

/// All pods, as if they were ready.
pub(crate) fn ready(cluster: &Cluster) -> BTreeSet<Key> {
    cluster.pods().map(|(_, pod)| pod.spec.key()).collect()
}

const NAMESPACE: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: stars}}";
const POLICY: &str =
    "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: stars}, spec: {}}";
const SERVICE: &str = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: stars}, spec: {selector: {a: b}, ports: [{port: 80}]}}";
const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: stars, labels: {a: b}}, spec: {containers: [{name: c, image: star-probe}]}}";

/// What became of each object of a source, by kind.
fn changes(changes: Vec<(&Object, Result<Change, Vec<String>>)>) -> Vec<(&str, Result<Outcome, String>)> {
    let told =
        |change: Result<Change, Vec<String>>| change.map(|change| change.outcome).map_err(|told| told.join("\n"));
    changes.into_iter().map(|(object, change)| (object.kind.as_str(), told(change))).collect()
}

#[test]
fn a_source_is_followed_in_the_order_in_which_objects_need_each_other() {
    let mut cluster = cluster();
    let all = objects(&[POLICY, POD, SERVICE, NAMESPACE].join("\n---\n"));
    let made = changes(cluster.reset(&[], &all, "default", second(1)));
    let kinds = ["Namespace", "Service", "Pod", "NetworkPolicy"];
    assert_eq!(made, kinds.map(|kind| (kind, Ok(Outcome::Created))));
    let (gone, rest) = all.split_at(2);
    let changed = changes(cluster.reset(gone, rest, "default", second(2)));
    assert_eq!(
        changed,
        [
            ("NetworkPolicy", Ok(Outcome::Deleted)),
            ("Pod", Ok(Outcome::Deleted)),
            ("Namespace", Ok(Outcome::Unchanged)),
            ("Service", Ok(Outcome::Unchanged)),
        ]
    );
    assert_eq!((cluster.pods().count(), cluster.policies.len(), cluster.services.len()), (0, 0, 1));
}

#[test]
fn an_object_that_is_refused_costs_itself_alone() {
    let mut cluster = cluster();
    let all = objects(
        &[NAMESPACE, &SERVICE.replace("port: 80", "port: 80}], clusterIP: 1.2.3.4, x: [{"), POD].join("\n---\n"),
    );
    let made = changes(cluster.reset(&[], &all, "default", second(1)));
    assert!(made[1].1.as_ref().unwrap_err().contains("clusterIP 1.2.3.4 is not in 10.96.0.0/12"), "{made:?}");
    assert_eq!((&made[0].1, &made[2].1), (&Ok(Outcome::Created), &Ok(Outcome::Created)));
}

#[test]
fn what_is_not_there_cannot_be_deleted_and_what_is_of_no_use_is_passed_over() {
    let mut cluster = cluster();
    for kind in ["Pod", "Service", "NetworkPolicy", "Namespace", "Deployment"] {
        assert_eq!(cluster.delete(kind, "stars", "web", second(1)), Ok(Outcome::NotFound), "{kind}");
    }
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: a}}";
    assert_eq!(apply(&mut cluster, secret, 1), [Outcome::Skipped]);
    assert_eq!(cluster.delete("Secret", "default", "a", second(1)), Ok(Outcome::Skipped));
}

#[test]
fn objects_need_a_namespace_that_is_there_a_name_and_a_kind_that_is_known() {
    let mut cluster = cluster();
    for (text, told) in [
        (POD, "Error from server (NotFound): error when creating \"a.yaml\": namespaces \"stars\" not found"),
        ("{apiVersion: v1, kind: Pod, metadata: {}}", "error: a.yaml:1: the Pod has no metadata.name"),
        ("{apiVersion: v1, kind: Service, metadata: {name: ../x}}", "a name is made of lower-case letters"),
        ("{apiVersion: a/v1, kind: Foo, metadata: {name: a}}", "no matches for kind \"Foo\" in version \"a/v1\""),
    ] {
        let refused = refused(&mut cluster, text);
        assert!(refused.contains(told), "{refused}");
    }
}

#[test]
fn names_are_found_by_kind_namespace_and_labels() {
    let mut cluster = cluster();
    let labelled = SERVICE.replace("name: web,", "name: web, labels: {tier: a},");
    apply(&mut cluster, &[NAMESPACE, &labelled, POD, POLICY].join("\n---\n"), 1);
    let named = |kind, namespace: &str, selector: &str| cluster.named(kind, namespace, &selector.parse().unwrap());
    assert_eq!(named(Kind::Pod, "stars", "a in (b)"), ["web"]);
    assert_eq!(named(Kind::Pod, "stars", "a!=b"), [""; 0]);
    assert_eq!(named(Kind::Pod, "default", ""), [""; 0]);
    assert_eq!(named(Kind::Service, "stars", "tier=a"), ["web"]);
    assert_eq!(named(Kind::NetworkPolicy, "stars", "tier"), [""; 0]);
    assert_eq!(named(Kind::Namespace, "stars", ""), ["default", "kube-system", "stars"]);
}
