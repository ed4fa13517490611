use super::*;
use crate::cluster::tests::{apply, cluster};

const OBJECTS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}, matchExpressions: [{key: old, operator: DoesNotExist}]}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: star-probe}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {app: a}}, spec: {containers: [{name: c, image: star-probe}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: a}, ports: [{port: 80}, {port: 53, protocol: UDP}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {matchLabels: {app: a}}}}
";

/// What `get` answers to `args` and a selector, of objects of which no pod runs yet; ages are cut off.
fn got(args: &str, namespace: Option<&str>, output: Output, ignore_not_found: bool) -> Answer {
    let mut cluster = cluster();
    apply(&mut cluster, OBJECTS, 1);
    let view = View { cluster: &cluster, pods: &BTreeMap::new(), published: &[] };
    let (args, selector) = args.split_once(" -l ").map_or((args, None), |(args, selector)| (args, Some(selector)));
    let args: Vec<_> = args.split(' ').map(str::to_owned).collect();
    let mut answer = Answer::default();
    get(&view, Query::parse(&args, selector).unwrap(), namespace, output, ignore_not_found, &mut answer);
    answer
}

/// A table's cells, without the age.
fn cells(told: &str) -> Vec<String> {
    let cell = |cell: &str| !cell.ends_with('d') || !cell.starts_with(|c: char| c.is_ascii_digit());
    told.lines().map(|line| line.split_whitespace().filter(|text| cell(text)).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn each_kind_has_a_table_and_names_have_their_kind_where_there_are_several() {
    let told = got("pods,svc,netpol,deploy", Some("default"), Output::Short, false).told;
    assert_eq!(
        cells(&told),
        [
            "NAME READY STATUS RESTARTS AGE",
            "pod/a 0/1 Pending 0",
            "",
            "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE",
            "service/a ClusterIP 10.96.0.11 <none> 80/TCP,53/UDP",
            "",
            "NAME POD-SELECTOR AGE",
            "networkpolicy.networking.k8s.io/a app=a",
            "",
            "NAME READY UP-TO-DATE AVAILABLE AGE",
            "deployment.apps/web 0/0 0 0",
        ]
    );
    assert_eq!(cells(&got("pods", None, Output::Short, false).told)[0], "NAMESPACE NAME READY STATUS RESTARTS AGE");
    // A namespace is in none.
    assert_eq!(cells(&got("ns", None, Output::Short, false).told)[..2], ["NAME STATUS AGE", "default Active"]);
    let wide = cells(&got("deploy -l tier in (front)", Some("default"), Output::Wide, false).told);
    assert_eq!(wide[0], "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR");
    assert_eq!(wide[1], "web 0/0 0 0 c star-probe app=web,!old");
}

#[test]
fn what_is_not_there_is_told_in_kubectls_words() {
    let none = |args: &str, namespace| got(args, namespace, Output::Short, false).warned;
    assert_eq!(none("pods -l app=b", Some("default")), ["No resources found in default namespace."]);
    assert_eq!(none("pods -l app=b", None), ["No resources found"]);
    assert_eq!(none("ns,pods -l app=b", Some("default")), ["No resources found"]);
    // Formats for programs say nothing of it.
    let name = got("pods -l app=b", None, Output::Name, false);
    assert_eq!((&*name.told, name.warned.len()), ("", 0));
    let some = got("pods b a", Some("default"), Output::Name, false);
    assert_eq!(some.told, "pod/a\n");
    assert_eq!(some.refused, ["Error from server (NotFound): pods \"b\" not found"]);
    assert_eq!(
        got("netpol/b", Some("default"), Output::Short, false).refused,
        ["Error from server (NotFound): networkpolicies.networking.k8s.io \"b\" not found"]
    );
    let ignored = got("pods b", Some("default"), Output::Short, true);
    assert_eq!((&*ignored.told, ignored.warned.len(), ignored.refused.len()), ("", 0, 0));
    assert_eq!(
        got("pods a", None, Output::Short, false).refused,
        ["error: a resource cannot be retrieved by name across all namespaces"]
    );
}

#[test]
fn one_object_by_name_is_itself_and_several_are_a_list() {
    let json =
        |args: &str| -> Value { serde_json::from_str(&got(args, Some("default"), Output::Json, false).told).unwrap() };
    assert_eq!(json("pod/a")["kind"], "Pod");
    assert_eq!(json("pod a")["metadata"]["labels"], json!({"app": "a"}));
    let list = json("pods");
    assert_eq!((&list["kind"], &list["metadata"]), (&json!("List"), &json!({"resourceVersion": ""})));
    assert_eq!(json("pod/a svc/a")["items"].as_array().unwrap().len(), 2);
    assert_eq!(json("pods -l app=b")["items"], json!([]));
    let text = got("deploy/web", Some("default"), Output::Json, false).told;
    assert!(text.starts_with("{\n    \"apiVersion\": \"apps/v1\",\n"), "{text}");
    let yaml = got("deploy/web", Some("default"), Output::Yaml, false).told;
    assert!(yaml.contains("\nspec:\n  replicas: 0\n  selector:\n    matchExpressions:\n    - key: old\n"), "{yaml}");
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let rows = [["NAME", "AGE"], ["default-deny", "5s"]].map(|row| row.map(str::to_owned).to_vec());
    assert_eq!(table(rows.to_vec()), "NAME           AGE\ndefault-deny   5s\n");
}
