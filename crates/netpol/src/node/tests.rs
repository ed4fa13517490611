use super::{Node, Scalar, Value, documents};

fn read(text: &str) -> Vec<Node> {
    documents(&"t.yaml".into(), text).unwrap()
}

fn refused(text: &str) -> String {
    documents(&"t.yaml".into(), text).unwrap_err().to_string()
}

#[track_caller]
fn scalar(text: &str) -> Scalar {
    match &read(&format!("a: {text}"))[0].entries()[0].value.value {
        Value::Scalar(_, scalar) => *scalar,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_scalars_are_what_kubectl_takes_them_for() {
    for text in ["", "~", "null", "Null", "NULL"] {
        assert_eq!(scalar(text), Scalar::Null, "{text}");
    }
    for text in ["true", "False", "YES", "no", "On", "off"] {
        assert_eq!(scalar(text), Scalar::Bool, "{text}");
    }
    for (text, number) in [
        ("0", 0),
        ("80", 80),
        ("-1", -1),
        ("+7", 7),
        ("0x50", 80),
        ("0b11", 3),
        ("0o17", 15),
        ("017", 15),
        ("080", 80),
        ("8_0", 80),
        ("8.0", 8),
        ("1e3", 1000),
    ] {
        assert_eq!(scalar(text), Scalar::Integer(number), "{text}");
    }
    for text in ["y", "Y", "n", "N", "yes", "off", "TRUE"] {
        assert_eq!(scalar(text), Scalar::Bool, "{text}");
    }
    for text in ["1.5", "-1.5", ".5", "99999999999999999999"] {
        assert_eq!(scalar(text), Scalar::Float, "{text}");
    }
    for text in ["'80'", "\"true\"", "!!str 80", "tRUE", "10.0.0.0/8", "1.2.3", "a80", ".", "v1", "2001-01-01"] {
        assert_eq!(scalar(text), Scalar::String, "{text}");
    }
}

#[test]
fn every_value_knows_its_line_and_column() {
    let nodes = read("# first\na:\n  - b: 한글\n    c: {d: 1}\n---\n  e: 2\n");
    let place = |node: &Node| (node.at.line, node.at.column);
    let a = nodes[0].get("a").unwrap();
    assert_eq!(place(a), (3, 3));
    assert_eq!(place(&a.items()[0]), (3, 5));
    assert_eq!(place(a.items()[0].at_path(&["c", "d"]).unwrap()), (4, 12));
    assert_eq!(place(&nodes[1]), (6, 3));
    assert_eq!(nodes[1].at.to_string(), "t.yaml:6");
}

#[test]
fn json_is_read_with_tabs_and_escapes() {
    let nodes = read("{\n\t\"a\": [1, \"b\\/\\u00e9\\n\"],\n\t\"c\": null\n}");
    assert_eq!(nodes[0].get("a").unwrap().items()[1].text(), Some("b/é\n"));
    assert!(nodes[0].get("c").is_none());
}

#[test]
fn json_values_follow_each_other_and_know_their_places() {
    let nodes = read("{\"a\": 1}{\"a\": \"é\", \"b\": [true,\n  -1.5e1]}\n\n[{}]");
    assert_eq!(nodes.len(), 3);
    let b = nodes[1].get("b").unwrap();
    assert_eq!((b.at.line, b.at.column), (1, 25));
    assert_eq!((b.items()[1].at.line, b.items()[1].at.column), (2, 3));
    assert_eq!(b.items()[1].integer(), Some(-15));
    assert!(b.items()[0].is_true());
    assert_eq!(read("{\"a\": \"\\ud83d\\ude00\\ud83d\"}")[0].get("a").unwrap().text(), Some("😀\u{fffd}"));
    for text in ["{\"a\": 01}", "{\"a\": +1}", "{\"a\": .5}", "{\"a\": 1.}", "{\"a\": tru}"] {
        // No JSON, and to YAML something else than what JSON would have made of it.
        assert_eq!(read(text).len(), 1, "{text}");
    }
    assert!(refused("{\"a\": 1} x").starts_with("t.yaml:1:"));
    assert_eq!(refused("{\"a\": 1, \"a\": 2}"), "t.yaml:1:10: key \"a\" is given twice in one mapping");
}

#[test]
fn what_kubectl_forgives_is_read_with_its_place() {
    let nodes = read("a: [\n\tx,\n\t'\t[ # no comment',\n]\nb: {\n\t\"c\": d\n}\n");
    assert_eq!(nodes[0].get("a").unwrap().items()[1].text(), Some("\t[ # no comment"));
    let d = nodes[0].at_path(&["b", "c"]).unwrap();
    assert_eq!((d.at.line, d.at.column), (6, 7));
    let marked = read("\u{feff}a: 1\n---\n\u{feff}b: 2\n---\n\u{feff}c: '\u{feff}'\n");
    assert_eq!(marked[1].get("b").and_then(Node::integer), Some(2));
    assert_eq!(marked[2].get("c").and_then(Node::text), Some("\u{feff}"));
    assert!(refused("a:\n\tb: 1\n").starts_with("t.yaml:2:"));
}

#[test]
fn aliases_and_merge_keys_stand_for_what_they_name() {
    let nodes = read("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nboth:\n  <<: [*b, {z: 4}]\nsame: *b\n");
    let number = |path: &[&str]| nodes[0].at_path(path).and_then(Node::integer);
    assert_eq!([number(&["use", "x"]), number(&["use", "y"])], [Some(1), Some(3)]);
    assert_eq!([number(&["both", "z"]), number(&["both", "y"]), number(&["same", "x"])], [Some(4), Some(2), Some(1)]);
    assert_eq!(refused("a: {<<: 7}"), "t.yaml:1:9: << merges mappings, and this is not one");
}

#[test]
fn a_document_that_would_grow_or_nest_without_bound_is_refused() {
    let mut bomb = String::from("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert!(refused(&bomb).contains("anchors and aliases for more than 100000 nodes in one file"));
    assert!(refused(&format!("{}{}", "[".repeat(129), "]".repeat(129))).contains("nested deeper than 128 levels"));
    assert_eq!(read(&format!("{}{}", "[".repeat(128), "]".repeat(128))).len(), 1);
    assert!(refused("a: &a [*a]").contains("an alias of what it stands in"));
}

#[test]
fn what_is_not_yaml_is_refused_with_its_place() {
    assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "t.yaml:3:1: key \"a\" is given twice in one mapping");
    assert_eq!(refused("? [a]\n: b\n"), "t.yaml:1:3: a key must be text");
    assert!(refused("a: 1\n b: 2\n").starts_with("t.yaml:2:"));
    assert!(refused("a: [1, 2\nb: 3\n").contains("not YAML"));
}

#[test]
fn a_byte_order_mark_is_no_content() {
    assert_eq!(read("\u{feff}a: 1\n")[0].get("a").and_then(Node::integer), Some(1));
}

#[test]
fn only_a_boolean_is_true() {
    let is_true = |text: &str| read(&format!("a: {text}"))[0].get("a").unwrap().is_true();
    assert_eq!(
        ["true", "yes", "On", "TRUE", "false", "no", "'true'", "1"].map(is_true),
        [true, true, true, true, false, false, false, false]
    );
}
