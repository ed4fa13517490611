use std::path::Path;

use super::{Object, parse, read};

fn kinds(text: &str) -> Vec<String> {
    let objects = parse(&"test.yaml".into(), text).unwrap();
    objects.iter().map(|Object { kind, name, .. }| format!("{kind} {name}")).collect()
}

#[test]
fn documents_are_read_in_order_and_empty_ones_are_none() {
    let text = "---\n# nothing\n---\n{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: b\n...\n";
    assert_eq!(kinds(text), ["Pod a", "Service b"]);
}

#[test]
fn lists_are_opened_and_typed_ones_give_their_items_kind_and_version() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Pod, metadata: {name: b}}\n";
    assert_eq!(kinds(list), ["Pod a", "Pod b"]);
    let typed = r#"{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": [{"metadata": {"name": "p"}}]}"#;
    assert_eq!(kinds(typed), ["NetworkPolicy p"]);
    assert_eq!(kinds("apiVersion: v1\nkind: PodList\nitems: []\n"), [""; 0]);
}

#[test]
fn a_kind_that_merely_ends_in_list_is_an_object() {
    assert_eq!(kinds("{apiVersion: example.org/v1, kind: AllowList, metadata: {name: a}}"), ["AllowList a"]);
}

#[test]
fn what_is_no_object_is_refused_with_its_place() {
    let refused = |text: &str| parse(&"test.yaml".into(), text).unwrap_err().to_string();
    assert_eq!(
        refused("apiVersion: v1\nkind: Pod\n---\n\nname: a\n"),
        "test.yaml:5:1: not a Kubernetes object: it has no kind"
    );
    assert_eq!(
        refused("kind: List\napiVersion: v1\nitems:\n  - kind: Pod\n"),
        "test.yaml:4:5: not a Kubernetes object: it has no apiVersion"
    );
}

#[test]
fn a_folder_is_read_to_its_depth_in_the_order_of_paths() {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests");
    let objects = read(&manifests).unwrap();
    let policies = objects.iter().filter(|object| object.kind == "NetworkPolicy").map(|object| object.name.as_str());
    assert_eq!(
        policies.collect::<Vec<_>>(),
        ["allow-ui", "allow-ui", "backend-policy", "default-deny", "frontend-policy"]
    );
    assert_eq!(objects.iter().filter(|object| object.kind == "Deployment").count(), 4);
    assert!(manifests.join("lab/kustomization.yaml").exists());
    assert!(objects.iter().all(|object| object.kind != "Kustomization"));
}

#[test]
fn what_cannot_be_read_is_named() {
    assert!(read(Path::new("no/such.yaml")).unwrap_err().to_string().starts_with("no/such.yaml: "));
    let empty = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(read(&empty).unwrap_err().to_string().ends_with("src: no file ending in .yaml, .yml or .json"));
}
