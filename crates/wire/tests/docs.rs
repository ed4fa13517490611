//! docs/api.md tells what there is: its examples are parts of the golden files, and every key of theirs is in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The golden files by name.
fn golden() -> Vec<(String, Value)> {
    let files = fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.map(|name| (name.clone(), serde_json::from_str(&read(&format!("golden/{name}"))).unwrap())).collect()
}

/// Every value in `value`, and itself.
fn parts(value: &Value) -> Vec<&Value> {
    let inner: Vec<_> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    std::iter::once(value).chain(inner.into_iter().flat_map(parts)).collect()
}

#[test]
fn the_documents_examples_are_parts_of_the_golden_files() {
    let (document, golden) = (read("../../docs/api.md"), golden());
    let mut blocks = 0;
    for block in document.split("```json").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let json: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
        let (_, file) =
            golden.iter().find(|(file, _)| file == name.trim()).unwrap_or_else(|| panic!("no file `{name}`"));
        assert!(parts(file).contains(&&json), "not in {name}: {json:#}");
        blocks += 1;
    }
    assert!(blocks >= 9, "{blocks}");
}

#[test]
fn the_document_names_every_key() {
    let (document, golden) = (read("../../docs/api.md"), golden());
    let values = golden.iter().flat_map(|(_, file)| parts(file));
    // The ids in /responses are keys, too, and no names.
    let keys: BTreeSet<_> = values.filter_map(Value::as_object).flat_map(|fields| fields.keys()).collect();
    let ids = ["A", "B", "C", "D", "E"];
    let told = |key: &str| {
        [format!("`{key}`"), format!("`status.{key}`"), format!("\"{key}\":")]
            .iter()
            .any(|form| document.contains(form))
    };
    let untold: Vec<_> = keys.into_iter().filter(|key| !ids.contains(&key.as_str()) && !told(key)).collect();
    assert_eq!(untold, Vec::<&String>::new());
}
