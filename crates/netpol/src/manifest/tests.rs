use std::path::Path;

use std::{fs, os::unix::fs::symlink};

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
    assert!(read(Path::new("no/such.yaml")).unwrap_err().to_string().starts_with("no/such.yaml cannot be read"));
    let empty = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(read(&empty).unwrap_err().to_string().ends_with("src holds no file ending in .yaml, .yml or .json"));
}

#[test]
fn in_a_folder_other_documents_are_objects_without_kind_and_nothing_is_left_out_in_silence() {
    let folder = std::env::temp_dir().join(format!("star-manifests-{}", std::process::id()));
    fs::create_dir_all(folder.join(".hidden")).unwrap();
    fs::write(folder.join("values.yaml"), "replicas: 2\n").unwrap();
    fs::write(folder.join("notes.txt"), "a: [").unwrap();
    fs::write(folder.join(".hidden/x.yaml"), "a: [").unwrap();
    fs::write(folder.join("pod.json"), "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}}")
        .unwrap();
    let kinds: Vec<_> = read(&folder).unwrap().into_iter().map(|object| object.kind).collect();
    assert_eq!(kinds, ["Pod".to_owned(), format!("document without kind in {}/values.yaml", folder.display())]);
    symlink("/nonexistent", folder.join("policy.yaml")).unwrap();
    let error = read(&folder).unwrap_err().to_string();
    fs::write(folder.join("utf16.yml"), [0xff, 0xfe, b'a', 0]).unwrap();
    fs::remove_file(folder.join("policy.yaml")).unwrap();
    let encoded = read(&folder).unwrap_err().to_string();
    fs::remove_dir_all(&folder).unwrap();
    assert!(error.ends_with("/policy.yaml cannot be read"), "{error}");
    assert!(encoded.ends_with("/utf16.yml is not UTF-8 text: save it as UTF-8"), "{encoded}");
}

#[test]
fn items_that_are_no_list_are_refused() {
    let refused = parse(&"t.yaml".into(), "{kind: List, apiVersion: v1, items: {a: b}}").unwrap_err();
    assert_eq!(refused.to_string(), "t.yaml:1:37: items must be a list, and is a mapping");
}
